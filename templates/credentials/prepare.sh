# shellcheck shell=bash disable=SC2034,SC2154
# Issue the credentials that the jobs of a run need, before it is submitted: bash batch/credentials.sh
#
# They are kept in a folder next to the user's secrets. The links in `credentials` lead to its files.
#
# Facts (set by credentials.sh): secrets kerberos realm voms_proxy rucio proxy_needed ticket_needed; and where it is not
# empty, callers_environment

# Everything is made in a new folder and then renamed into place. The old file may be a link to a secret, so no file is
# ever written through it.
issue() {
  local digest kept each
  umask 077
  digest=$(printf '%s' "$PWD" | sha1sum)
  kept=$secrets/runs/${digest:0:40}
  # The link is made first. By it, deleting the run also finds what a refusal leaves there.
  { mkdir -p "$kept" credentials && ln -sfnT "$kept" credentials/.folder && issued=$(mktemp -d "$kept/.new.XXXXXXXX") &&
    : >"$issued/names"; } || give_up "$kept cannot be written"
  trap 'rm -rf "$issued"' EXIT
  [[ -z $kerberos ]] || "issue_$kerberos"
  [[ -z $voms_proxy ]] || "issue_proxy_$voms_proxy"
  [[ -z $rucio ]] || issue_rucio
  [[ -z ${callers_environment-} ]] || cat <&"$callers_environment" >"$issued/environment" ||
    give_up "$kept cannot be written"
  for each in "$issued"/*; do
    # Links to files: HTCondor sends no file that is behind a link to a directory.
    { mv -fT "$each" "$kept/${each##*/}" && ln -sfnT "$kept/${each##*/}" "credentials/${each##*/}"; } ||
      give_up "$kept cannot be written"
  done
}

give_up() { # REASON
  printf 'reana-batch: %s\n' "$1" >&2
  exit "$EXIT_CREDENTIAL"
}

value_of() { cat -- "$secrets/env/$1" 2>/dev/null; } # NAME

# Note a value that is not a secret.
name() { # NAME VALUE
  printf '%s=%s\n' "$1" "$2" >>"$issued/names"
}

# Link to a file of the store, so that there is one copy of it.
link() { # STORED AS
  [[ -r $secrets/$1 ]] || give_up "the secret ${1#*/} is not there"
  ln -sfn "$secrets/$1" "$issued/$2"
}

issue_keytab() {
  local principal
  principal=$(value_of CERN_USER)
  [[ $principal == *@* || -z $realm ]] || principal+=@$realm
  name principal "$principal"
  link "file/$(value_of CERN_KEYTAB)" keytab
  # Each job makes its own ticket. This one shows whether that will work.
  patiently tool kinit -c "FILE:$issued/.ticket" -kt "$issued/keytab" "$principal" ||
    give_up "no ticket for $principal: $message"
  rm -f "$issued/.ticket"
}

issue_ticket() {
  local cache
  cache=$(LC_ALL=C tool klist 2>/dev/null | sed -n 's/^Ticket cache: //p')
  [[ $cache == FILE:* || $cache == /* ]] ||
    give_up "the ticket is in ${cache:-no cache at all}, where jobs cannot read it; run: KRB5CCNAME=FILE:... kinit"
  cp -- "${cache#FILE:}" "$issued/krb5cc" || give_up "$cache cannot be read"
  ticket_left "FILE:$issued/krb5cc" || give_up "the ticket has expired; run kinit"
  must_live "Kerberos ticket" "$left" "${ticket_needed[0]}" starts "${ticket_needed[2]}"
  ((renewable > left)) || renewable=$left
  must_live "Kerberos ticket, renewed as long as it can be," "$renewable" "${ticket_needed[1]}" ends "${ticket_needed[2]}"
}

issue_forward() { :; }

issue_proxy_submit() {
  patiently make_proxy "$secrets/file" "$secrets/env/VOMSPROXY_PASS" "$(value_of VONAME)" "$issued/x509up" \
    "${proxy_needed[1]}" || give_up "no VOMS proxy: $message"
  check_proxy
}

issue_proxy_file() {
  link "file/$(value_of VOMSPROXY_FILE)" x509up
  check_proxy
}

check_proxy() {
  proxy_left "$issued/x509up" || return 0
  must_live "VOMS proxy" "$left" "${proxy_needed[1]}" ends "${proxy_needed[2]}"
}

issue_proxy_worker() {
  link file/usercert.pem usercert.pem
  link file/userkey.pem userkey.pem
  if [[ -e $secrets/env/VOMSPROXY_PASS ]]; then link env/VOMSPROXY_PASS passphrase; else : >"$issued/passphrase"; fi
  name vo "$(value_of VONAME)"
}

must_live() { # WHAT LEFT NEEDED starts|ends STEP
  local has wants
  (($2 < $3)) || return 0
  in_words "$2" && has=$words
  in_words "$3" && wants=$words
  in_words "$(($3 - $2))"
  give_up "the $1 lives $has more, but \"$5\" $4 as late as $wants after submission: $words too little"
}

# The servers are those that REANA has for the VO, unless the user names them.
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
