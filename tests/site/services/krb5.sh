# shellcheck shell=bash
# Kerberos: a KDC for SITE.TEST. Password of USER: USER-secret; keytab: ~/USER.keytab; both are valid.
set -euo pipefail

ready() { running krb5kdc && running kadmind; }

configure() {
    mkdir -p /etc/krb5kdc /var/lib/krb5kdc
    cat >/etc/krb5.conf <<'END'
[libdefaults]
  default_realm = SITE.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  ticket_lifetime = 12h
  renew_lifetime = 7d
  forwardable = true
  # with the default of 300 s, services accept tickets for five minutes after they expired
  clockskew = 2
  udp_preference_limit = 1
[realms]
  SITE.TEST = {
    kdc = kdc.site.test:88
    admin_server = kdc.site.test
  }
[domain_realm]
  .site.test = SITE.TEST
  site.test = SITE.TEST
END
    cat >/etc/krb5kdc/kdc.conf <<'END'
[kdcdefaults]
  kdc_ports = 88
  kdc_tcp_ports = 88
[realms]
  SITE.TEST = {
    database_name = /var/lib/krb5kdc/principal
    key_stash_file = /etc/krb5kdc/stash
    acl_file = /etc/krb5kdc/kadm5.acl
    max_life = 24h
    max_renewable_life = 7d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
    default_principal_flags = +renewable,+forwardable
  }
END
    echo '*/admin@SITE.TEST *' >/etc/krb5kdc/kadm5.acl
}

principals() {
    local user
    rm -rf /var/lib/krb5kdc/principal* /etc/site/krb5
    install -d -m 700 /etc/site/krb5
    kdb5_util create -s -r SITE.TEST -P masterpw
    kadmin.local -q 'modprinc -maxrenewlife 7d krbtgt/SITE.TEST'
    for user in alice bob; do
        kadmin.local -q "addprinc -pw $user-secret -maxrenewlife 7d $user"
        # -norandkey: the keytab does not replace the password
        kadmin.local -q "ktadd -norandkey -k /etc/site/krb5/$user.keytab $user"
        install -o "$user" -g "$user" -m 600 "/etc/site/krb5/$user.keytab" "/home/$user/$user.keytab"
    done
    kadmin.local -q 'addprinc -randkey -maxrenewlife 7d xrootd/xrd.site.test'
    kadmin.local -q 'ktadd -k /etc/site/krb5/xrootd.keytab xrootd/xrd.site.test'
    install -D -o xrootd -g xrootd -m 400 /etc/site/krb5/xrootd.keytab /etc/xrootd/xrootd.keytab
    touch /etc/site/krb5/made
}

start() {
    configure
    [ -e /etc/site/krb5/made ] || principals
    running krb5kdc || krb5kdc -P /run/krb5kdc.pid
    running kadmind || kadmind -P /run/kadmind.pid
    wait_for 60 ready
}
