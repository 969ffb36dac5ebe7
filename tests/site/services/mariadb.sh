# shellcheck shell=bash
# MariaDB. slurmdbd and VOMS use it.
set -euo pipefail

ready() { mariadb-admin ping; }

start() {
    install -d -o mysql /run/mysqld
    cat >/etc/mysql/mariadb.conf.d/99-site.cnf <<'END'
[mysqld]
bind-address=127.0.0.1
# slurmdbd asks for these values
innodb_buffer_pool_size=256M
innodb_lock_wait_timeout=900
# speed: the tables do not have to survive a power failure of the host
innodb_flush_log_at_trx_commit=0
END
    [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/dev/null
    running mariadbd || daemon mariadbd --user=mysql
    wait_for 120 ready
}
