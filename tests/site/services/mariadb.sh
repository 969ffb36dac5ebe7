# shellcheck shell=bash
# MariaDB, for slurmdbd and VOMS.
set -euo pipefail

ready() { mariadb-admin ping; }

start() {
    install -d -o mysql /run/mysqld
    cat >/etc/mysql/mariadb.conf.d/99-site.cnf <<'END'
[mysqld]
bind-address=127.0.0.1
# what slurmdbd asks for
innodb_buffer_pool_size=256M
innodb_lock_wait_timeout=900
# speed: the tables need not survive a power cut of the host
innodb_flush_log_at_trx_commit=0
END
    [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/dev/null
    running mariadbd || daemon mariadbd --user=mysql
    wait_for 120 ready
}
