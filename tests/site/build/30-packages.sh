#!/bin/bash
# All packages from Debian trixie itself, and the users.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=(
    munge mariadb-server
    krb5-kdc krb5-admin-server krb5-user kstart
    voms-server voms-clients voms-mysql-plugin
    xrootd-server xrootd-client xrootd-server-plugins xrootd-client-plugins xrootd-voms-plugins
    apache2 libapache2-mod-wsgi-py3 gridsite postgresql # for Rucio
    squashfs-tools squashfuse fuse3 uidmap libseccomp2  # for apptainer
    openssh-server openssh-client                       # for condor_ssh_to_job
    python3-venv make tini procps psmisc iproute2 curl openssl jq rsync
)
apt_install "$SITE_ROOT" "${packages[@]}"

for user in alice:1000 bob:1001; do
    in_root id "${user%:*}" >/dev/null 2>&1 || in_root useradd --create-home --shell /bin/bash --uid "${user#*:}" "${user%:*}"
done
in_root install -d -o alice -g alice /shared/alice
in_root ln -sfn /shared/alice /home/alice/shared
echo 'export LC_ALL=C.UTF-8' >"$SITE_ROOT/etc/profile.d/site.sh"
