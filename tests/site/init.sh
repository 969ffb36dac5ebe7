#!/bin/bash
# init.sh BOX LAYER...: mount the layers in BOX and become the first process there. It runs in new namespaces and in the
# directory of the layers. It prints its pid on the host.
set -euo pipefail
. "$(dirname "$0")/layers.sh"
read -r pid _ </proc/self/stat # /proc is still the host's here

# The daemons do not depend on the caller. They get none of its open files, and a usual limit.
for descriptor in /proc/self/fd/*; do
    descriptor=${descriptor##*/}
    ((descriptor <= 2 || descriptor == 255)) || exec {descriptor}>&-
done
ulimit -Sn 4096 2>/dev/null || true

layers "$@"
root=$PWD/$1/merged
# A private /dev, because apptainer mounts SIF files as the user, and users may not be able to open the host's /dev/fuse.
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 fuse:10:229; do
    IFS=: read -r name major minor <<<"$node"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
# A sysfs of the new network namespace, read-only and without cgroups, because the box must not change the host's.
mount -t sysfs -o ro sysfs "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -m 1777 "$root/run/lock"
# A substitute for CVMFS: read-only, always mounted, no catalogues, no latency.
mkdir -p "$root/cvmfs/unpacked.site.test/images"
mount --bind "$root/opt/images" "$root/cvmfs/unpacked.site.test/images"
mount -o remount,bind,ro "$root/cvmfs/unpacked.site.test/images"

cat >"$root/etc/hosts" <<'END'
127.0.0.1 localhost
10.99.0.1 login.site.test login n1 n2 n3 n4
10.99.0.1 kdc.site.test voms.site.test rucio.site.test xrd.site.test
::1 ip6-localhost
END
hostname login.site.test
ip link set lo up
# getaddrinfo(AI_ADDRCONFIG) needs an address outside 127/8. Without one slurmdbd gives up.
ip addr add 10.99.0.1/32 dev lo

cd "$root"
pivot_root . .
umount -l .
cd /
echo "$pid"
# "up.sh --end" ends every process but these.
exec tini -g -- bash -c 'trap "" TERM; exec sleep infinity' >/dev/null 2>&1
