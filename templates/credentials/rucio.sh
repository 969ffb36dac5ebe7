# shellcheck shell=bash disable=SC2034,SC2154
# Rucio's client: its configuration and its login.
#
# Facts: rucio (x509_proxy, x509, userpass or oidc) ca_certificates

known_credentials+=(rucio)

# Without servers named by the user, use those that REANA has for the VO.
issue_rucio() {
  local vo server login
  vo=$(value_of VONAME)
  vo=${vo%%[,:]*}
  server=https://$vo-rucio.cern.ch login=https://$vo-rucio-auth.cern.ch
  [[ $vo != atlas ]] || server=https://voatlasrucio-server-prod.cern.ch login=https://voatlasrucio-auth-prod.cern.ch
  name account "$(value_of RUCIO_USERNAME)"
  name rucio_host "$(value_of RUCIO_RUCIO_HOST || echo "$server")"
  name auth_host "$(value_of RUCIO_AUTH_HOST || echo "$login")"
  # REANA writes "escape" for every VO.
  if [[ $vo == atlas ]]; then name policy atlas; else name policy escape; fi
  case $rucio in
    x509) link file/usercert.pem usercert.pem && link file/userkey.pem userkey.pem ;;
    userpass) link env/RUCIO_PASSWORD rucio-password ;;
    oidc) link env/RUCIO_TOKEN rucio-token ;;
  esac
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

bind_rucio() { binds+=("${authorities:-/etc/grid-security}"); }
