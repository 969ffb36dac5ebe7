# shellcheck shell=bash
# Tickets, proxies and Rucio's configuration. `bash batch/credentials.sh` hands on, before the run is submitted,
# what its jobs need: a folder beside the user's secrets, to whose files the links in `credentials` lead. Each job
# then makes private copies and keeps them alive. bash 4.4, coreutils, and each credential's own tools.
# The working directory is the run directory.
#
# Facts (set by credentials.sh): secrets kerberos realm voms_proxy rucio ca_certificates proxy_needed ticket_needed;
# of a job (set by job.sh): credentials life_needed, and what job-lib.sh has
# shellcheck disable=SC2154  # the facts are assigned in credentials.sh and job.sh

readonly EXIT_CREDENTIAL=95
# How long a KDC or VOMS server is asked again, and how long one answer may take.
readonly CREDENTIAL_PATIENCE=${REANA_BATCH_PATIENCE:-60} TOOL_TIMEOUT=60
# What no second try makes good.
readonly HOPELESS='no suitable keys|not found|not known|bad decrypt|Unable to satisfy|key table|Preauthentication failed|not installed|revoked|don.t match|no certificate in file|processing key'
# How often a job looks at its credentials, in seconds, at the least.
readonly LONGEST_NAP=600
# How long it leaves the KDC alone after a ticket could not be renewed.
readonly RENEWAL_PAUSE=60

private=
renewer=
credential_fault=
good_until=0

tool() { # COMMAND...
  command -v "$1" >/dev/null || { echo "$1 is not installed on ${HOSTNAME:-this machine}"; return 127; }
  timeout "$TOOL_TIMEOUT" "$@"
}

# What a tool means by $all, in $message, without what OpenSSL says of its own sources.
say_plainly() {
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

# Try until it works, with pauses that grow and differ from job to job; in $message what was said last.
patiently() { # COMMAND...
  local pause=1 end=$((SECONDS + CREDENTIAL_PATIENCE)) all
  until all=$("$@" 2>&1 </dev/null); do
    say_plainly
    [[ ! $all =~ $HOPELESS ]] && ((SECONDS < end)) || return 1
    sleep "$pause.$((RANDOM % 10))"
    ((pause >= 16)) || ((pause *= 2))
  done
}

# --- what has how long to live ---------------------------------------------------------------------------

# The seconds for which a ticket is good, in $left, and for which it can be renewed, in $renewable.
ticket_left() { # CACHE
  local text pattern='([0-9/]+ [0-9:]+) +krbtgt/[^[:space:]]+(\s+renew until ([0-9/]+ [0-9:]+))?' now
  left=0 renewable=0
  text=$(LC_ALL=C tool klist -c "$1" 2>/dev/null) || return 1
  [[ $text =~ $pattern ]] || return 1
  printf -v now '%(%s)T' -1
  left=$(($(date -d "${BASH_REMATCH[1]}" +%s) - now))
  [[ -z ${BASH_REMATCH[3]} ]] || renewable=$(($(date -d "${BASH_REMATCH[3]}" +%s) - now))
  ((left > 0))
}

# The seconds for which a proxy and its VOMS attributes are good, in $left; fails where no tool can tell.
proxy_left() { # FILE
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

in_words() { # SECONDS -> $words
  if (($1 >= 7200)); then words="$(($1 / 3600)) h"
  elif (($1 >= 120)); then words="$(($1 / 60)) min"
  else words="$(($1 > 0 ? $1 : 0)) s"
  fi
}

# --- before submission -----------------------------------------------------------------------------------

give_up() { # REASON
  printf 'reana-batch: %s\n' "$1" >&2
  exit "$EXIT_CREDENTIAL"
}

# Everything is made in a new folder and then renamed into place: what is there already may be a link to a secret, and
# no file is ever opened for writing through it.
hand_on() {
  local digest kept each
  umask 077
  digest=$(printf '%s' "$PWD" | sha1sum)
  kept=$secrets/runs/${digest:0:40}
  # The link comes first: deleting the run finds by it also what a refusal leaves behind.
  { mkdir -p "$kept" credentials && ln -sfnT "$kept" credentials/.folder && handed=$(mktemp -d "$kept/.new.XXXXXXXX") &&
    : >"$handed/names"; } || give_up "$kept cannot be written"
  trap 'rm -rf "$handed"' EXIT
  [[ -z $kerberos ]] || "hand_on_$kerberos"
  [[ -z $voms_proxy ]] || "hand_on_proxy_$voms_proxy"
  [[ -z $rucio ]] || hand_on_rucio
  [[ -z ${callers_environment-} ]] || cat <&"$callers_environment" >"$handed/environment" ||
    give_up "$kept cannot be written"
  for each in "$handed"/*; do
    # Links to files: HTCondor sends no file that is behind a link to a directory.
    { mv -fT "$each" "$kept/${each##*/}" && ln -sfnT "$kept/${each##*/}" "credentials/${each##*/}"; } ||
      give_up "$kept cannot be written"
  done
}

value_of() { cat -- "$secrets/env/$1" 2>/dev/null; } # NAME

name() { # NAME VALUE: what is no secret
  printf '%s=%s\n' "$1" "$2" >>"$handed/names"
}

# A file of the store is handed on as a link: there is one copy of it.
link() { # STORED AS
  [[ -r $secrets/$1 ]] || give_up "the secret ${1#*/} is not there"
  ln -sfn "$secrets/$1" "$handed/$2"
}

hand_on_keytab() {
  local principal
  principal=$(value_of CERN_USER)
  [[ $principal == *@* || -z $realm ]] || principal+=@$realm
  name principal "$principal"
  link "file/$(value_of CERN_KEYTAB)" keytab
  # The jobs get tickets of their own; this one shows whether they will.
  patiently tool kinit -c "FILE:$handed/.ticket" -kt "$handed/keytab" "$principal" ||
    give_up "no ticket for $principal: $message"
  rm -f "$handed/.ticket"
}

hand_on_ticket() {
  local cache
  cache=$(LC_ALL=C tool klist 2>/dev/null | sed -n 's/^Ticket cache: //p')
  [[ $cache == FILE:* || $cache == /* ]] ||
    give_up "the ticket is in ${cache:-no cache at all}, where jobs cannot read it; run: KRB5CCNAME=FILE:... kinit"
  cp -- "${cache#FILE:}" "$handed/krb5cc" || give_up "$cache cannot be read"
  ticket_left "FILE:$handed/krb5cc" || give_up "the ticket has expired; run kinit"
  must_live "Kerberos ticket" "$left" "${ticket_needed[0]}" starts "${ticket_needed[2]}"
  ((renewable > left)) || renewable=$left
  must_live "Kerberos ticket, renewed as long as it can be," "$renewable" "${ticket_needed[1]}" ends "${ticket_needed[2]}"
}

hand_on_forward() { :; }

must_live() { # WHAT LEFT NEEDED starts|ends STEP
  local has wants
  (($2 < $3)) || return 0
  in_words "$2" && has=$words
  in_words "$3" && wants=$words
  in_words "$(($3 - $2))"
  give_up "the $1 lives $has more, but \"$5\" $4 as late as $wants after submission: $words too little"
}

hand_on_proxy_submit() {
  patiently make_proxy "$secrets/file" "$secrets/env/VOMSPROXY_PASS" "$(value_of VONAME)" "$handed/x509up" \
    "${proxy_needed[1]}" || give_up "no VOMS proxy: $message"
  check_proxy
}

hand_on_proxy_file() {
  link "file/$(value_of VOMSPROXY_FILE)" x509up
  check_proxy
}

check_proxy() {
  proxy_left "$handed/x509up" || return 0
  must_live "VOMS proxy" "$left" "${proxy_needed[1]}" ends "${proxy_needed[2]}"
}

hand_on_proxy_worker() {
  link file/usercert.pem usercert.pem
  link file/userkey.pem userkey.pem
  if [[ -e $secrets/env/VOMSPROXY_PASS ]]; then link env/VOMSPROXY_PASS passphrase; else : >"$handed/passphrase"; fi
  name vo "$(value_of VONAME)"
}

# The passphrase goes from a file to a pipe: no argument and no variable ever holds it.
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

# The servers are those of the VO, as REANA has them, unless they are named.
hand_on_rucio() {
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

# --- in a job ----------------------------------------------------------------------------------------------

# Make sure that the job has its credentials, and that they outlive the next row; else $lacking says why not.
prepare_credentials() {
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

copy_private() { # NAME: complete, or as it was
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

# What containers need beside the image: bound in where it exists.
see_in_containers() {
  binds+=("$private" "${authorities:-/etc/grid-security}" /etc/grid-security /etc/vomses /etc/krb5.conf)
  [[ $kerberos != forward || ${KRB5CCNAME:-} != FILE:* ]] || binds+=("$(dirname "${KRB5CCNAME#FILE:}")")
}

# Will what the job has outlive the next row? A ticket of a keytab or of HTCondor is renewed for ever.
# No row asks the tools as long as the answer to one before it must still be true.
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

spare_at_most() { ((spare <= $1)) || spare=$1; } # SECONDS

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

# Runs beside the job: renews what is half over, and cleans up if the job was killed.
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

renew() { # fails where a ticket could not be renewed
  # Whoever submitted may have handed on a new one.
  [[ $voms_proxy == worker || ! credentials/x509up -nt $private/x509up ]] || copy_private x509up
  [[ -e $private/krb5cc ]] || return 0
  if [[ $kerberos == keytab ]]; then new_ticket; else tool kinit -R -c "FILE:$private/krb5cc"; fi
}
