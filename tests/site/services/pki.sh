# shellcheck shell=bash
# A certificate authority as IGTF distributes them, with host and user certificates. Passphrase of USER: USER-pass.
set -euo pipefail

PKI=/etc/site/pki
GRID=/etc/grid-security

ready() { [ -e $PKI/made ]; }

authority() {
    local hash
    cat >ca.cnf <<'END'
[ca]
default_ca=site
[site]
dir=/etc/site/pki
database=$dir/index.txt
serial=$dir/serial
crlnumber=$dir/crlnumber
new_certs_dir=$dir
certificate=$dir/ca.pem
private_key=$dir/ca.key
default_md=sha256
default_days=365
default_crl_days=365
policy=policy
copy_extensions=copy
unique_subject=no
[policy]
domainComponent=optional
organizationName=optional
commonName=supplied
[req]
distinguished_name=name
[name]
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[host]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
[user]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=clientAuth
END
    : >index.txt
    echo 1000 >serial
    echo 01 >crlnumber
    openssl req -config ca.cnf -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 \
        -subj '/DC=test/DC=site/CN=Site Test CA' -extensions authority
    openssl ca -config ca.cnf -gencrl -out ca.crl
    chmod 644 ca.pem
    # the names of IGTF files, with OpenSSL's new and old hash
    for hash in $(openssl x509 -in ca.pem -noout -subject_hash) $(openssl x509 -in ca.pem -noout -subject_hash_old); do
        install -m 644 ca.pem "$GRID/certificates/$hash.0"
        install -m 644 ca.crl "$GRID/certificates/$hash.r0"
        cat >"$GRID/certificates/$hash.signing_policy" <<'END'
access_id_CA   X509    '/DC=test/DC=site/CN=Site Test CA'
pos_rights     globus  CA:sign
cond_subjects  globus  '"/DC=test/DC=site/*"'
END
    done
}

sign() { openssl ca -config ca.cnf -batch -notext -in "$1.csr" -out "$1.pem" -extensions "$2"; } # NAME SECTION

host() { # NAME ALTERNATIVES
    openssl req -config ca.cnf -new -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/DC=test/DC=site/CN=$1" \
        -addext "subjectAltName=$2"
    sign "$1" host
}

user() { # NAME
    openssl req -config ca.cnf -new -newkey rsa:2048 -passout "pass:$1-pass" -keyout "$1.pkcs8" -out "$1.csr" \
        -subj "/DC=test/DC=site/CN=$1"
    sign "$1" user
    # the old key format, because every grid client reads it
    openssl rsa -traditional -aes128 -in "$1.pkcs8" -passin "pass:$1-pass" -passout "pass:$1-pass" -out "$1.key"
    install -d -o "$1" -g "$1" -m 700 "/home/$1/.globus"
    install -o "$1" -g "$1" -m 644 "$1.pem" "/home/$1/.globus/usercert.pem"
    install -o "$1" -g "$1" -m 400 "$1.key" "/home/$1/.globus/userkey.pem"
}

give() { # CERTIFICATE OWNER DIRECTORY NAME: a service's own copy
    install -D -o "$2" -m 644 "$1.pem" "$3/$4cert.pem"
    install -D -o "$2" -m 400 "$1.key" "$3/$4key.pem"
}

start() {
    rm -rf $PKI
    mkdir -p $PKI $GRID/certificates $GRID/vomsdir
    cd $PKI
    authority
    host login.site.test DNS:login.site.test,DNS:rucio.site.test,DNS:xrd.site.test,DNS:voms.site.test,DNS:localhost
    host voms.site.test DNS:voms.site.test
    user alice
    user bob
    give login.site.test root $GRID host
    give login.site.test xrootd $GRID/xrd xrd
    give voms.site.test voms $GRID/voms host
    touch made
}
