# shellcheck shell=bash disable=SC2034,SC2154
# The tools of credentials: how they are called, and what their messages mean.

# The parts of credentials add their names.
known_credentials=()

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
