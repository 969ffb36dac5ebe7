# shellcheck shell=bash
# For build stages and install.sh: the machine's mirror and pip settings, and commands in the root with chroot.
# Stages run in separate mount and pid namespaces, so they do not unmount or kill anything.
set -euo pipefail
: "${SITE_ROOT:=}" "${SITE_CACHE:=}"

# The Debian mirror of this machine: the one from which apt gets the machine's own release.
mirror() {
    if [ -n "${REANA_BATCH_BOX_MIRROR:-}" ]; then
        echo "$REANA_BATCH_BOX_MIRROR"
        return
    fi
    local ID='' VERSION_CODENAME=''
    # shellcheck disable=SC1091  # the host's
    . /etc/os-release
    [ "$ID" = debian ] || return 0
    # shellcheck disable=SC2016  # apt's own placeholders
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v release="$VERSION_CODENAME" '$1 == release && $2 == "main" && !uri {uri = $3} END {print uri}'
}

# Ubuntu's archive, from debootstrap's settings.
ubuntu_mirror() {
    echo "${REANA_BATCH_BOX_UBUNTU:-$(awk '$1 == "default_mirror" && $2 ~ /archive/ {print $2; exit}' \
        /usr/share/debootstrap/scripts/gutsy)}"
}

# The settings with which this machine's apt reaches its mirror (proxies, timeouts, use of old snapshots).
apt_settings() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-|ForceIPv|Retries)' | grep -viE 'cainfo|auto-?detect|::User-Agent' || true
    echo 'Acquire::https::CAInfo "/etc/ssl/machine-ca.crt";'
}

# This machine's pip settings as NAME=VALUE, so that no file has to be copied and cleaned up.
pip_settings() {
    python3 - <<'END'
import ast, subprocess, sys
wanted = {"index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "timeout",
          "default-timeout", "retries"}
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL, text=True).stdout
# the environment is listed first and has priority
for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
    name, _, value = line.partition("=")
    name = name.rsplit(".", 1)[-1]
    if name in wanted:
        print("PIP_" + name.upper().replace("-", "_") + "=" + " ".join(ast.literal_eval(value).split()))
END
}

# pip may use directories of this machine; mount them in the root at the same path.
bind_pip_directories() {
    local word path
    for word in $(pip_settings | cut -d= -f2-); do
        path=${word#file://}
        [[ $path == /* && -d $path ]] || continue
        [[ $word != file://* ]] || path=$(dirname "$path") # an index links to files next to it
        ! mountpoint -q "$SITE_ROOT$path" || continue
        [ -z "$(ls -A "$SITE_ROOT$path" 2>/dev/null)" ] || continue # never hide files of the root itself
        mkdir -p "$SITE_ROOT$path"
        mount --bind -o ro "$path" "$SITE_ROOT$path"
    done
}

in_tree() { # DIRECTORY CMD...: run CMD in a tree, with the host's network and proxies but no other variables of the host
    local tree=$1 proxies
    shift
    mountpoint -q "$tree/proc" || mount -t proc proc "$tree/proc"
    proxies=$(env | grep -E '^(https?|no)_proxy=' || true)
    # shellcheck disable=SC2086  # one word per proxy
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive $proxies chroot "$tree" "$@"
}

in_root() { in_tree "$SITE_ROOT" "$@"; }

build_environment=() # variables for packages that pip builds from source
pip_in_root() { # VENV ARGS...
    local venv=$1 settings
    shift
    bind_pip_directories
    mapfile -t settings < <(pip_settings)
    in_root env "${build_environment[@]}" "${settings[@]}" PIP_CERT=/etc/ssl/machine-ca.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
        "/opt/venv/$venv/bin/pip" --no-input "$@"
}

apt_install() { # TREE PACKAGE...
    local tree=$1
    shift
    in_tree "$tree" apt-get -qq update
    in_tree "$tree" dpkg --configure -a # this command and the next one repair an interrupted installation
    in_tree "$tree" apt-get -y --fix-broken install
    in_tree "$tree" apt-get -y install --no-install-recommends "$@"
    in_tree "$tree" apt-get clean
}
