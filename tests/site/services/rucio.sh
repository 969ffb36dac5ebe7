# shellcheck shell=bash
# Rucio: PostgreSQL, and Apache with mod_ssl, mod_gridsite and mod_wsgi. Client configuration: /etc/site/rucio.cfg.
set -euo pipefail

VENV=/opt/venv/rucio-server
URL=https://rucio.site.test:8443

answers() { curl -sf -m 5 --capath /etc/grid-security/certificates $URL/ping; }
ready() { [ -e /etc/site/rucio.made ] && answers; }

database() {
    local hba=/etc/postgresql/17/main/pg_hba.conf
    install -d -o postgres /run/postgresql
    grep -q 10.99.0 $hba || echo 'host all all 10.99.0.0/24 scram-sha-256' >>$hba
    listening 5432 || pg_ctlcluster 17 main start -- -w -o "-c fsync=off -c listen_addresses=10.99.0.1 -c max_connections=200"
    [ -n "$(as_user postgres psql -qtAc "select 1 from pg_database where datname = 'rucio'")" ] ||
        as_user postgres psql -qc "create role rucio login password 'secret'" -c "create database rucio owner rucio"
}

configure() {
    local site_packages
    site_packages=$(echo $VENV/lib/python3.*/site-packages)
    mkdir -p /opt/rucio/etc /etc/site
    install -d -o www-data /var/log/rucio /var/log/rucio/trace /run/rucio
    install -d -m 1777 /srv/rucio/posix
    # "traces" is not among the endpoints: without a broker each upload and download would wait 0.8 s for it
    cat >/opt/rucio/etc/rucio.cfg <<END
[common]
logdir = /var/log/rucio
loglevel = INFO
mailtemplatedir = $VENV/rucio/etc/mail_templates
[database]
default = postgresql+psycopg://rucio:secret@login.site.test/rucio
schema = dev
echo = 0
pool_recycle = 3600
pool_size = 5
max_overflow = 5
pool_reset_on_return = rollback
[bootstrap]
userpass_identity = ddmlab
userpass_pwd = rootsecret
userpass_email = root@site.test
x509_identity = /DC=test/DC=site/CN=rucio-admin
x509_email = root@site.test
gss_identity = rucio-admin@SITE.TEST
gss_email = root@site.test
[trace]
tracedir = /var/log/rucio/trace
brokers = 127.0.0.1
port = 61013
username = u
password = p
topic = /topic/t
[nongrid-trace]
tracedir = /var/log/rucio/trace
brokers = 127.0.0.1
port = 61013
username = u
password = p
topic = /topic/t
[policy]
permission = generic
schema = generic
lfn2pfn_algorithm_default = hash
support = root@site.test
[alembic]
cfg = /opt/rucio/etc/alembic.ini
[accounts]
special_accounts = root
[api]
endpoints = accountlimits, accounts, archives, auth, config, credentials, dids, export, heartbeats, identities, import, lifetime_exceptions, locks, meta_conventions, ping, redirect, replicas, requests, rses, rules, scopes, subscriptions, vos
[client]
rucio_host = $URL
auth_host = $URL
END
    # without the logging sections the bootstrap fails half-way
    cat >/opt/rucio/etc/alembic.ini <<END
[alembic]
script_location = $site_packages/rucio/db/sqla/migrate_repo
sqlalchemy.url = postgresql+psycopg://rucio:secret@login.site.test/rucio
version_table_schema = dev
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARN
handlers = console
qualname =
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
END
    cat >/opt/rucio/etc/httpd.conf <<END
ServerRoot /etc/apache2
ServerName rucio.site.test
PidFile /run/rucio/httpd.pid
User www-data
Group www-data
Mutex file:/run/rucio
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
# makes mod_ssl accept RFC 3820 proxies, as in Rucio's own images; OPENSSL_ALLOW_PROXY_CERTS alone does not
LoadModule gridsite_module /usr/lib/apache2/modules/mod_gridsite.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
ErrorLog /var/log/rucio/httpd_error_log
LogLevel warn
Listen 10.99.0.1:8443
SSLSessionCache none
WSGIRestrictEmbedded On
WSGISocketPrefix /run/rucio/wsgi
WSGIDaemonProcess rucio processes=1 threads=8 python-home=$VENV user=www-data group=www-data
WSGIApplicationGroup %{GLOBAL}
WSGIProcessGroup rucio
<VirtualHost 10.99.0.1:8443>
 SSLEngine on
 SSLProtocol TLSv1.2
 SSLCertificateFile /etc/grid-security/hostcert.pem
 SSLCertificateKeyFile /etc/grid-security/hostkey.pem
 SSLCACertificatePath /etc/grid-security/certificates
 SSLVerifyClient optional
 SSLVerifyDepth 10
 # Rucio knows identities in the /DC=.../CN=... form
 SSLOptions +StdEnvVars +LegacyDNStringFormat
 WSGIScriptAlias / $site_packages/rucio/web/rest/main.py
 AllowEncodedSlashes on
 <Directory $site_packages/rucio/web/rest>
  Require all granted
 </Directory>
</VirtualHost>
END
    # shellcheck disable=SC2016  # Rucio expands the variable
    printf '%s\n' '[client]' "rucio_host = $URL" "auth_host = $URL" 'auth_type = x509_proxy' 'account = alice' \
        'ca_cert = /etc/site/pki/ca.pem' 'client_x509_proxy = $X509_USER_PROXY' >/etc/site/rucio.cfg
    printf '%s\n' '[client]' "rucio_host = $URL" "auth_host = $URL" 'auth_type = userpass' 'username = ddmlab' \
        'password = rootsecret' 'account = root' 'ca_cert = /etc/site/pki/ca.pem' >/opt/rucio/etc/admin.cfg
}

bootstrap() {
    as_user postgres psql -qd rucio -c 'drop schema if exists dev cascade' # an interrupted start leaves this
    cd /
    RUCIO_HOME=/opt/rucio $VENV/bin/python $VENV/rucio/tools/bootstrap.py
    touch /var/lib/rucio.bootstrapped
}

start() {
    configure
    database
    [ -e /var/lib/rucio.bootstrapped ] || bootstrap
    running apache2 || RUCIO_HOME=/opt/rucio apache2 -f /opt/rucio/etc/httpd.conf -k start
    wait_for 120 answers
    [ -e /etc/site/rucio.made ] && return
    RUCIO_CONFIG=/opt/rucio/etc/admin.cfg /opt/venv/rucio-client/bin/python /opt/site/rucio_accounts.py
    touch /etc/site/rucio.made
}
