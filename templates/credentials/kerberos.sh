# shellcheck shell=bash disable=SC2034,SC2154
# Kerberos tickets: made from a keytab, copied from the user, or sent by HTCondor.
#
# Facts: kerberos (keytab, ticket or forward) realm ticket_needed

known_credentials+=(kerberos)

issue_kerberos() { "issue_$kerberos"; }

issue_keytab() {
  local principal
  principal=$(value_of CERN_USER)
  [[ $principal == *@* || -z $realm ]] || principal+=@$realm
  name principal "$principal"
  link "file/$(value_of CERN_KEYTAB)" keytab
  # Each job makes its own ticket. This one only tests that the keytab works.
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
  must_be_valid "Kerberos ticket" "$left" "${ticket_needed[0]}" starts "${ticket_needed[2]}"
  ((renewable > left)) || renewable=$left
  must_be_valid "Kerberos ticket, after all renewals," "$renewable" "${ticket_needed[1]}" ends "${ticket_needed[2]}"
}

issue_forward() { :; }

# Set the seconds for which a ticket is valid, and for which it can be renewed.
ticket_left() { # CACHE -> $left $renewable
  local text pattern='([0-9/]+ [0-9:]+) +krbtgt/[^[:space:]]+(\s+renew until ([0-9/]+ [0-9:]+))?' now
  left=0 renewable=0
  text=$(LC_ALL=C tool klist -c "$1" 2>/dev/null) || return 1
  [[ $text =~ $pattern ]] || return 1
  printf -v now '%(%s)T' -1
  left=$(($(date -d "${BASH_REMATCH[1]}" +%s) - now))
  [[ -z ${BASH_REMATCH[3]} ]] || renewable=$(($(date -d "${BASH_REMATCH[3]}" +%s) - now))
  ((left > 0))
}

take_kerberos() {
  [[ $kerberos == forward ]] || export KRB5CCNAME=FILE:$private/krb5cc
  case $kerberos in
    keytab) patiently new_ticket || lacking="no Kerberos ticket: $message" ;;
    ticket) must_copy krb5cc ;;
    forward) patiently forwarded_ticket || lacking="HTCondor sent no Kerberos ticket" ;;
  esac
  [[ -z $lacking ]]
}

new_ticket() { tool kinit -c "FILE:$private/krb5cc" -kt credentials/keytab "$(named principal)"; }

# HTCondor's credential monitor renews the ticket.
forwarded_ticket() { [[ -n ${KRB5CCNAME:-} ]] && tool klist -s; }

# A ticket from a keytab or from HTCondor is always renewed, so only a copied one can expire.
check_kerberos() {
  [[ $kerberos == ticket ]] || return 0
  ticket_left "$KRB5CCNAME" || { lacking="the Kerberos ticket has expired"; return 1; }
  spare_at_most "$left"
  ((renewable <= left)) || left=$renewable
  outlives "Kerberos ticket"
}

due_kerberos() {
  [[ -e $private/krb5cc ]] || return 0
  ticket_left "FILE:$private/krb5cc"
  ((left / 2 > LONGEST_NAP)) || due=$((SECONDS + left / 2))
}

renew_kerberos() {
  [[ -e $private/krb5cc ]] || return 0
  if [[ $kerberos == keytab ]]; then new_ticket; else tool kinit -R -c "FILE:$private/krb5cc"; fi
}

bind_kerberos() {
  [[ $kerberos != forward || ${KRB5CCNAME:-} != FILE:* ]] || binds+=("$(dirname "${KRB5CCNAME#FILE:}")")
}
