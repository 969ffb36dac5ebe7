# shellcheck shell=bash disable=SC2034,SC2154
# The credentials of a job. The job makes private copies and renews them while it runs.
#
# Facts: credentials life_needed binds, and those of each credential

# The most seconds until a job checks its credentials again.
readonly LONGEST_NAP=600
# The seconds that a job waits before it tries again to renew a ticket.
readonly RENEWAL_PAUSE=60

private=
renewer=
credential_fault=
good_until=0

# Make sure that the job has its credentials, and that they outlive the next row.
prepare_credentials() { # -> $lacking, if it fails
  if [[ -z $private && -z $credential_fault ]]; then
    private=$(make_scratch) || { worker_lacks "no private folder can be made"; return; }
    of_each take || credential_fault=$lacking
    bind_in_containers
    renew_credentials >/dev/null 2>&1 </dev/null &
    renewer=$!
  fi
  lacking=$credential_fault
  if [[ -n $lacking ]] || ! check_validity; then
    say "$lacking"
    return "$EXIT_CREDENTIAL"
  fi
}

# Call the function of this kind of each credential that the job asks for. Not every credential has one.
of_each() { # KIND
  local credential
  for credential in "${credentials[@]}"; do
    ! declare -F "$1_$credential" >/dev/null || "$1_$credential" || return
  done
}

# Add the files that containers need in addition to the image. Those that exist are mounted.
bind_in_containers() {
  binds+=("$private" /etc/grid-security /etc/vomses /etc/krb5.conf)
  of_each bind
}

drop_credentials() {
  [[ -z $renewer ]] || kill "$renewer" 2>/dev/null
  [[ -z $private ]] || rm -rf "$private"
}

named() { sed -n "s/^$1=//p" credentials/names; } # NAME

# Copy a credential. A failure leaves the old copy unchanged.
copy_private() { # NAME
  install -m 600 "credentials/$1" "$private/.$1" 2>/dev/null && mv -f "$private/.$1" "$private/$1"
}

must_copy() { # NAME
  copy_private "$1" || { lacking="no $1 was issued; run \"bash batch/credentials.sh\""; return 1; }
}

# A separate process for each job. It renews credentials after half of their lifetime, and cleans up if the job was
# killed.
renew_credentials() {
  local main=$$ nap='' due left renewable lacking='' message
  trap '[[ -z $nap ]] || kill "$nap"; exit 0' TERM
  set_due
  while kill -0 "$main"; do
    sleep "$((due - SECONDS > 5 ? 5 : 1))" &
    nap=$!
    wait "$nap"
    ((SECONDS >= due)) || continue
    if of_each renew; then set_due; else due=$((SECONDS + RENEWAL_PAUSE)); fi
  done
  rm -rf "$private"
}

set_due() {
  due=$((SECONDS + LONGEST_NAP))
  of_each due
}
