# shellcheck shell=bash disable=SC2034,SC2154
# The credentials of a job: it makes private copies and renews them while it runs.
#
# Facts: credentials life_needed binds kerberos voms_proxy rucio ca_certificates

# How many seconds pass at most until a job looks at its credentials again.
readonly LONGEST_NAP=600
# How many seconds it leaves the KDC alone after a ticket could not be renewed.
readonly RENEWAL_PAUSE=60

private=
renewer=
credential_fault=
good_until=0

# Make sure that the job has its credentials, and that they outlive the next row.
prepare_credentials() { # -> $lacking, if not
  local credential
  if [[ -z $private && -z $credential_fault ]]; then
    private=$(mktemp -d "${_CONDOR_SCRATCH_DIR:-${TMPDIR:-/tmp}}/reana-batch.XXXXXXXX") ||
      { worker_lacks "no private folder can be made"; return; }
    for credential in "${credentials[@]}"; do
      "take_$credential" || { credential_fault=$lacking; break; }
    done
    see_in_containers
    renew_credentials >/dev/null 2>&1 </dev/null &
    renewer=$!
  fi
  lacking=$credential_fault
  if [[ -n $lacking ]] || ! check_lives; then
    say "$lacking"
    return "$EXIT_CREDENTIAL"
  fi
}

drop_credentials() {
  [[ -z $renewer ]] || kill "$renewer" 2>/dev/null
  [[ -z $private ]] || rm -rf "$private"
}

named() { sed -n "s/^$1=//p" credentials/names; } # NAME

# The copy is complete, or as it was.
copy_private() { # NAME
  install -m 600 "credentials/$1" "$private/.$1" 2>/dev/null && mv -f "$private/.$1" "$private/$1"
}

must_copy() { # NAME
  copy_private "$1" || { lacking="no $1 was handed on; \"bash batch/credentials.sh\" does it"; return 1; }
}

take_kerberos() {
  [[ $kerberos == forward ]] || export KRB5CCNAME=FILE:$private/krb5cc
  case $kerberos in
    keytab) patiently new_ticket || lacking="no Kerberos ticket: $message" ;;
    ticket) must_copy krb5cc ;;
    forward) patiently forwarded_ticket || lacking="HTCondor has brought no Kerberos ticket" ;;
  esac
  [[ -z $lacking ]]
}

new_ticket() { tool kinit -c "FILE:$private/krb5cc" -kt credentials/keytab "$(named principal)"; }

# HTCondor's credential monitor keeps it alive.
forwarded_ticket() { [[ -n ${KRB5CCNAME:-} ]] && tool klist -s; }

take_voms_proxy() {
  export X509_USER_PROXY=$private/x509up
  if [[ $voms_proxy != worker ]]; then must_copy x509up
  elif ! patiently new_proxy; then
    lacking="no VOMS proxy: $message"
    return 1
  fi
}

new_proxy() {
  make_proxy credentials credentials/passphrase "$(named vo)" "$private/.x509up" "$((life_needed * 2))" &&
    mv -f "$private/.x509up" "$private/x509up"
}

take_rucio() {
  local text key password=
  find_ca_certificates || return
  case $rucio in
    x509) must_copy usercert.pem && must_copy userkey.pem || return ;;
    userpass) must_copy rucio-password && password=$(<"$private/rucio-password") || return ;;
    oidc) must_copy rucio-token || return ;;
  esac
  text=$(<batch/rucio.cfg)
  for key in rucio_host auth_host account policy; do text=${text//"@${key^^}@"/"$(named "$key")"}; done
  text=${text//@CA_CERTIFICATES@/"$authorities"}
  text=${text//@PRIVATE@/"$private"}
  (umask 077 && printf '%s\n' "${text//@PASSWORD@/"$password"}" >"$private/rucio.cfg") ||
    { lacking="$private/rucio.cfg cannot be written"; return 1; }
  export RUCIO_CONFIG=$private/rucio.cfg
}

find_ca_certificates() { # -> $authorities
  for authorities in "${ca_certificates[@]}"; do
    [[ ! -e $authorities ]] || return 0
  done
  lacking="none of ${ca_certificates[*]} is on ${HOSTNAME:-this worker}"
  return 1
}

# What containers need in addition to the image. It is mounted where it exists.
see_in_containers() {
  binds+=("$private" "${authorities:-/etc/grid-security}" /etc/grid-security /etc/vomses /etc/krb5.conf)
  [[ $kerberos != forward || ${KRB5CCNAME:-} != FILE:* ]] || binds+=("$(dirname "${KRB5CCNAME#FILE:}")")
}

# Do the credentials outlive the next row? A ticket of a keytab or of HTCondor is always renewed. The tools are not asked
# again while their last answer must still be true.
check_lives() {
  local credential words spare=$LONGEST_NAP begun=$SECONDS
  ((begun >= good_until)) || return 0
  for credential in "${credentials[@]}"; do
    case $credential:$kerberos:$voms_proxy in
      kerberos:ticket:*)
        ticket_left "$KRB5CCNAME" || { lacking="the Kerberos ticket has expired"; return 1; }
        spare_at_most "$left"
        ((renewable > left)) && left=$renewable
        outlives "Kerberos ticket" || return
        ;;
      voms_proxy:*:worker)
        proxy_left "$X509_USER_PROXY" || continue
        spare_at_most "$((left - life_needed))"
        ((left <= life_needed)) || continue
        patiently new_proxy || { lacking="no new VOMS proxy: $message"; return 1; }
        ;;
      voms_proxy:*)
        proxy_left "$X509_USER_PROXY" || continue
        outlives "VOMS proxy" || return
        ;;
    esac
  done
  good_until=$((begun + spare))
}

spare_at_most() { # SECONDS
  ((spare <= $1)) || spare=$1
}

outlives() { # WHAT
  spare_at_most "$((left - life_needed))"
  ((left <= 0 || left < life_needed)) || return 0
  if ((left <= 0)); then lacking="the $1 has expired"
  else
    in_words "$left" && lacking="the $1 lives $words more"
    in_words "$life_needed" && lacking+=", and the job may take $words"
  fi
  return 1
}

# A process next to the job. It renews credentials when half their life is over, and cleans up if the job was killed.
renew_credentials() {
  local main=$$ nap='' due left renewable lacking='' message
  trap '[[ -z $nap ]] || kill "$nap"; exit 0' TERM
  set_due
  while kill -0 "$main"; do
    sleep "$((due - SECONDS > 5 ? 5 : 1))" &
    nap=$!
    wait "$nap"
    ((SECONDS >= due)) || continue
    if renew; then set_due; else due=$((SECONDS + RENEWAL_PAUSE)); fi
  done
  rm -rf "$private"
}

set_due() {
  due=$((SECONDS + LONGEST_NAP))
  if [[ -e $private/krb5cc ]]; then
    ticket_left "FILE:$private/krb5cc"
    ((left / 2 > LONGEST_NAP)) || due=$((SECONDS + left / 2))
  fi
}

# Fails where a ticket could not be renewed.
renew() {
  # The user may have issued a new proxy.
  [[ $voms_proxy == worker || ! credentials/x509up -nt $private/x509up ]] || copy_private x509up
  [[ -e $private/krb5cc ]] || return 0
  if [[ $kerberos == keytab ]]; then new_ticket; else tool kinit -R -c "FILE:$private/krb5cc"; fi
}
