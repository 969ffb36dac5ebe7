# shellcheck shell=bash disable=SC2034,SC2154
# VOMS proxies: made before submission, made by each job, or given by the user.
#
# Facts: voms_proxy (submit, worker or file) proxy_needed life_needed

known_credentials+=(voms_proxy)

issue_voms_proxy() { "issue_proxy_$voms_proxy"; }

issue_proxy_submit() {
  patiently make_proxy "$secrets/file" "$secrets/env/VOMSPROXY_PASS" "$(value_of VONAME)" "$issued/x509up" \
    "${proxy_needed[1]}" || give_up "no VOMS proxy: $message"
  must_outlive_jobs
}

issue_proxy_file() {
  link "file/$(value_of VOMSPROXY_FILE)" x509up
  must_outlive_jobs
}

must_outlive_jobs() {
  proxy_left "$issued/x509up" || return 0
  must_be_valid "VOMS proxy" "$left" "${proxy_needed[1]}" ends "${proxy_needed[2]}"
}

issue_proxy_worker() {
  link file/usercert.pem usercert.pem
  link file/userkey.pem userkey.pem
  if [[ -e $secrets/env/VOMSPROXY_PASS ]]; then link env/VOMSPROXY_PASS passphrase; else : >"$issued/passphrase"; fi
  name vo "$(value_of VONAME)"
}

# Make a proxy. The passphrase goes from a file to a pipe, so no argument or variable ever holds it.
make_proxy() { # FOLDER-OF-KEY PASSPHRASE VO FILE SECONDS
  local each organisations=() lifetime=$(($5 > 43200 ? $5 : 43200)) key
  for each in ${3//,/ }; do
    organisations+=(--voms "$(tr '[:upper:]' '[:lower:]' <<<"${each%%:*}")${each#"${each%%:*}"}")
  done
  key=$4.key # the tools refuse a key that others can read
  install -m 400 "$1/userkey.pem" "$key" || return
  { [[ ! -e $2 ]] || base64 -d <"$2"; } | tool voms-proxy-init --quiet "${organisations[@]}" --key "$key" \
    --cert "$1/usercert.pem" --out "$4" --valid "$((lifetime / 3600 + 1)):00" --pwstdin
  local code=$?
  rm -f "$key"
  return "$code"
}

# Set the seconds for which a proxy and its VOMS attributes are valid. Fails if no tool reads the proxy.
proxy_left() { # FILE -> $left
  local each found=() end
  left=0
  if command -v voms-proxy-info >/dev/null; then
    mapfile -t found < <(tool voms-proxy-info --file "$1" --timeleft 2>/dev/null
      tool voms-proxy-info --file "$1" --actimeleft 2>/dev/null)
    left=${found[0]:-0}
    for each in "${found[@]}"; do ((each >= left)) || left=$each; done
  else
    end=$(tool openssl x509 -noout -enddate -in "$1" 2>/dev/null) || return 1
    left=$(($(date -d "${end#*=}" +%s) - $(date +%s)))
  fi
}

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

check_voms_proxy() {
  proxy_left "$X509_USER_PROXY" || return 0
  [[ $voms_proxy == worker ]] || { outlives "VOMS proxy"; return; }
  spare_at_most "$((left - life_needed))"
  ((left <= life_needed)) || return 0
  patiently new_proxy || { lacking="no new VOMS proxy: $message"; return 1; }
}

# Copy a new proxy that the user has issued during the run.
renew_voms_proxy() {
  [[ $voms_proxy == worker || ! credentials/x509up -nt $private/x509up ]] || copy_private x509up || :
}
