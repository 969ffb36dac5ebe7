# shellcheck shell=bash
# VOMS: one vomsd per virtual organisation, on MariaDB, without VOMS-Admin. escape: alice; demo: alice and bob.
set -euo pipefail

AUTHORITY='/DC=test/DC=site/CN=Site Test CA'
HOST='/DC=test/DC=site/CN=voms.site.test'

ready() { listening 15000 && listening 15001; }

# The part of schema version 3 that libvomsmysql.so reads; the package's own SQL file is older.
schema() { # VO
    cat <<END
create table version (version int not null primary key);
create table ca (cid smallint auto_increment primary key, subject_string varchar(255) not null unique);
create table usr (userid bigint auto_increment primary key, dn varchar(255) not null, ca smallint);
create table certificate (id bigint auto_increment primary key, usr_id bigint not null, ca_id smallint not null,
    subject_string varchar(255) not null, suspended tinyint(1) not null default 0, suspended_reason varchar(255));
create table groups (gid bigint auto_increment primary key, dn varchar(255) not null unique, parent bigint,
    must tinyint(1) not null default 1);
create table roles (rid bigint auto_increment primary key, role varchar(255) not null unique);
create table m (mapping_id bigint auto_increment primary key, userid bigint not null, gid bigint not null, rid bigint,
    cid bigint);
create table attributes (a_id bigint auto_increment primary key, a_name varchar(255) not null unique, a_desc text,
    a_uniq tinyint(1) default 0);
create table usr_attrs (a_id bigint, u_id bigint, a_value varchar(255));
create table group_attrs (a_id bigint, g_id bigint, a_value varchar(255));
create table role_attrs (a_id bigint, g_id bigint, r_id bigint, a_value varchar(255));
create table seqnumber (seq varchar(255) primary key);
insert into version values (3);
insert into seqnumber values ('0');
insert into ca values (1, '$AUTHORITY');
insert into groups values (1, '/$1', 1, 1), (2, '/$1/analysis', 1, 1);
insert into roles values (1, 'VO-Admin'), (2, 'production');
END
}

member() { # NUMBER NAME: in the VO, its group "analysis" and with its role "production"
    cat <<END
insert into usr values ($1, '/DC=test/DC=site/CN=$2', 1);
insert into certificate values ($1, $1, 1, '/DC=test/DC=site/CN=$2', 0, null);
insert into m (userid, gid, rid) values ($1, 1, null), ($1, 2, null), ($1, 1, 2);
END
}

database() { # VO MEMBER...
    local vo=$1 user number=0
    shift
    [ -e "/etc/voms/$vo/made" ] && return
    mariadb -e "drop database if exists voms_$vo; create database voms_$vo character set latin1;
        create user if not exists voms_$vo@localhost identified by 'vomspw';
        grant select, lock tables on voms_$vo.* to voms_$vo@localhost"
    schema "$vo" | mariadb "voms_$vo"
    for user in "$@"; do
        number=$((number + 1))
        member "$number" "$user" | mariadb "voms_$vo"
    done
    touch "/etc/voms/$vo/made"
}

organisation() { # NAME PORT MEMBER...
    local vo=$1 port=$2
    shift 2
    mkdir -p "/etc/voms/$vo" "/etc/grid-security/vomsdir/$vo" /etc/vomses
    database "$vo" "$@"
    echo vomspw >"/etc/voms/$vo/voms.pass"
    chown voms: "/etc/voms/$vo/voms.pass"
    chmod 640 "/etc/voms/$vo/voms.pass"
    cat >"/etc/voms/$vo/voms.conf" <<END
--vo=$vo
--dbname=voms_$vo
--username=voms_$vo
--mysql-socket=/run/mysqld/mysqld.sock
--passfile=/etc/voms/$vo/voms.pass
--sqlloc=/usr/lib/voms/libvomsmysql.so
--port=$port
--code=$port
--uri=voms.site.test:$port
--logfile=/var/log/voms/voms.$vo
--loglevel=4
--logtype=7
--timeout=86400
--socktimeout=60
--x509_cert_dir=/etc/grid-security/certificates
--x509_user_cert=/etc/grid-security/voms/hostcert.pem
--x509_user_key=/etc/grid-security/voms/hostkey.pem
END
    echo "\"$vo\" \"voms.site.test\" \"$port\" \"$HOST\" \"$vo\"" >"/etc/vomses/$vo"
    printf '%s\n' "$HOST" "$AUTHORITY" >"/etc/grid-security/vomsdir/$vo/voms.site.test.lsc"
    listening "$port" || as_user voms voms --conf "/etc/voms/$vo/voms.conf" </dev/null
}

start() {
    install -d -o voms /var/log/voms
    organisation escape 15000 alice
    organisation demo 15001 alice bob
    wait_for 60 ready
}
