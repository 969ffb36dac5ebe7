# shellcheck shell=bash
# XRootD: port 1094 accepts Kerberos tickets (/data), and port 1095 VOMS proxies of escape (/rucio). Port 1096 is HTTPS
# with WebDAV (/public). All users can read there, and proxies of escape can write.
set -euo pipefail

ready() { listening 1094 && listening 1095 && listening 1096; }

configuration() { # NAME PORT EXPORT LINES
    cat <<END
all.export $3
oss.localroot /var/lib/xrd/$1
xrd.port $2
$4
ofs.authorize
acc.authdb /etc/xrootd/authdb-$1
xrootd.chksum adler32
all.adminpath /run/xrootd
all.pidpath /run/xrootd
END
}

security() { # PROTOCOL
    printf '%s\n' 'xrootd.seclib libXrdSec.so' "sec.protocol $1" "sec.protbind * only ${1%% *}"
}

server() { # NAME PORT EXPORT LINES
    install -d -o xrootd "/var/lib/xrd/$1" "/var/lib/xrd/$1$3"
    configuration "$@" >"/etc/xrootd/xrootd-$1.cfg"
    listening "$2" || daemon setpriv --reuid xrootd --regid xrootd --clear-groups \
        xrootd -n "$1" -c "/etc/xrootd/xrootd-$1.cfg" -l "/var/log/xrootd/$1.log"
}

start() {
    local grid=/etc/grid-security
    install -d -o xrootd /var/lib/xrd /var/log/xrootd /run/xrootd
    cd /var/lib/xrd
    printf '%s\n' 'u alice /data a' 'u bob /data/bob a /data rl' >/etc/xrootd/authdb-krb
    printf '%s\n' 'o escape /rucio a' >/etc/xrootd/authdb-gsi
    printf '%s\n' 'u * /public rl' 'o escape /public a' >/etc/xrootd/authdb-web
    server krb 1094 /data "$(security "krb5 /etc/xrootd/xrootd.keytab xrootd/xrd.site.test@SITE.TEST")"
    server gsi 1095 /rucio "$(security "gsi -certdir:$grid/certificates -cert:$grid/xrd/xrdcert.pem \
-key:$grid/xrd/xrdkey.pem -crl:1 -gmapopt:10 -gmapto:0 -vomsat:2 -vomsfun:libXrdVoms.so")"
    server web 1096 /public "xrd.protocol http:1096 libXrdHttp.so
xrd.tls $grid/xrd/xrdcert.pem $grid/xrd/xrdkey.pem
xrd.tlsca certdir $grid/certificates
http.secxtractor libXrdHttpVOMS.so
http.desthttps yes"
    wait_for 60 ready
}
