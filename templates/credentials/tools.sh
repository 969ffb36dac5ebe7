# shellcheck shell=bash disable=SC2034,SC2154
# The tools of Kerberos and VOMS: how they are called, and what their messages mean.

readonly EXIT_CREDENTIAL=95
# How many seconds to ask a KDC or VOMS server again, and how many seconds one answer may take.
readonly CREDENTIAL_PATIENCE=${REANA_BATCH_PATIENCE:-60} TOOL_TIMEOUT=60
# Messages of faults that a second try cannot cure.
readonly HOPELESS='no suitable keys|not found|not known|bad decrypt|Unable to satisfy|key table|Preauthentication failed|not installed|revoked|don.t match|no certificate in file|processing key'

tool() { # COMMAND...
  command -v "$1" >/dev/null || { echo "$1 is not installed on ${HOSTNAME:-this machine}"; return 127; }
  timeout "$TOOL_TIMEOUT" "$@"
}

# Try until it works. The pauses grow, and differ from job to job.
patiently() { # COMMAND... -> $message, if it failed
  local pause=1 end=$((SECONDS + CREDENTIAL_PATIENCE)) all
  until all=$("$@" 2>&1 </dev/null); do
    say_plainly
    [[ ! $all =~ $HOPELESS ]] && ((SECONDS < end)) || return 1
    sleep "$pause.$((RANDOM % 10))"
    ((pause >= 16)) || ((pause *= 2))
  done
}

# The message of a tool in $all, without what OpenSSL prints of its own sources.
say_plainly() { # -> $message
  local noise='(^|[ :])[^ :]*(\.c:[0-9]+|[0-9A-F]{6,}):error:[0-9A-F]+:' plain
  case $all in
    *"bad decrypt"* | *"bad password read"*) message="the passphrase of userkey.pem is wrong" ;;
    *"key and certificate don't match"* | *"key values mismatch"*) message="userkey.pem does not belong to usercert.pem" ;;
    *"no certificate in file"* | *"no start line"*) message="usercert.pem holds no certificate" ;;
    *"processing key"*) message="userkey.pem holds no key that can be read" ;;
    *)
      plain=$(sed -E "s/$noise.*//; /^ *(File=.*)?$/d" <<<"$all")
      message=$(grep -m 1 '^Error:' <<<"${plain:-$all}" || tail -n 1 <<<"${plain:-$all}")
      ;;
  esac
}

in_words() { # SECONDS -> $words
  if (($1 >= 7200)); then words="$(($1 / 3600)) h"
  elif (($1 >= 120)); then words="$(($1 / 60)) min"
  else words="$(($1 > 0 ? $1 : 0)) s"
  fi
}

# Make a proxy. The passphrase goes from a file to a pipe: no argument and no variable ever holds it.
make_proxy() { # FOLDER-OF-KEY PASSPHRASE VO FILE SECONDS
  local each organisations=() lifetime=$(($5 > 43200 ? $5 : 43200)) key
  for each in ${3//,/ }; do
    organisations+=(--voms "$(tr '[:upper:]' '[:lower:]' <<<"${each%%:*}")${each#"${each%%:*}"}")
  done
  key=$4.key # the tools want it to be theirs alone
  install -m 400 "$1/userkey.pem" "$key" || return
  { [[ ! -e $2 ]] || base64 -d <"$2"; } | tool voms-proxy-init --quiet "${organisations[@]}" --key "$key" \
    --cert "$1/usercert.pem" --out "$4" --valid "$((lifetime / 3600 + 1)):00" --pwstdin
  local code=$?
  rm -f "$key"
  return "$code"
}
