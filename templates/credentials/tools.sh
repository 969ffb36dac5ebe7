# shellcheck shell=bash disable=SC2034,SC2154
# Call the tools of credentials, and read their messages.

# The part of each credential adds its name.
known_credentials=()

readonly EXIT_CREDENTIAL=95
# The seconds during which a failed call is repeated, and the seconds that one call may take.
readonly CREDENTIAL_PATIENCE=${REANA_BATCH_PATIENCE:-60} TOOL_TIMEOUT=60
# Messages of errors that a second try cannot fix.
readonly HOPELESS='no suitable keys|not found|not known|bad decrypt|Unable to satisfy|key table|Preauthentication failed|not installed|revoked|don.t match|no certificate in file|processing key'

tool() { # COMMAND...
  command -v "$1" >/dev/null || { echo "$1 is not installed on ${HOSTNAME:-this machine}"; return 127; }
  timeout "$TOOL_TIMEOUT" "$@"
}

# Call a command until it succeeds. The pauses grow, and differ from job to job.
patiently() { # COMMAND... -> $message, if it failed
  local pause=1 end=$((SECONDS + CREDENTIAL_PATIENCE)) all
  until all=$("$@" 2>&1 </dev/null); do
    say_plainly
    [[ ! $all =~ $HOPELESS ]] && ((SECONDS < end)) || return 1
    sleep "$pause.$((RANDOM % 10))"
    ((pause >= 16)) || ((pause *= 2))
  done
}

# Set the message of a tool from $all, without the names of OpenSSL's source files.
say_plainly() { # -> $message
  local noise='(^|[ :])[^ :]*(\.c:[0-9]+|[0-9A-F]{6,}):error:[0-9A-F]+:' plain
  case $all in
    *"bad decrypt"* | *"bad password read"*) message="the passphrase of userkey.pem is wrong" ;;
    *"key and certificate don't match"* | *"key values mismatch"*) message="userkey.pem does not belong to usercert.pem" ;;
    *"no certificate in file"* | *"no start line"*) message="usercert.pem does not hold a certificate" ;;
    *"processing key"*) message="userkey.pem does not hold a readable key" ;;
    *)
      plain=$(sed -E "s/$noise.*//; /^ *(File=.*)?$/d" <<<"$all")
      message=$(grep -m 1 '^Error:' <<<"${plain:-$all}" || tail -n 1 <<<"${plain:-$all}")
      ;;
  esac
}
