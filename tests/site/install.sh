#!/bin/bash
# install.sh WHEEL|DIR...: make the layer installing/. In /opt/venv/reana-batch it has these wheels, their dependencies and
# the HTCondor bindings. The box's python3 gets the packages that samples have in their images. Makes nothing if installed/
# holds the same.
# A wheel may carry extras, as in dist/x.whl[dev]. A directory holds wheels or is a project to build one from.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/build/lib.sh"
. "$here/layers.sh"

venv=/opt/venv/reana-batch
samples=("$here"/../../samples/*/requirements.txt)
htcondor=htcondor==25.14.1
new=$(mktemp -d "$SITE_CACHE/wheels.XXXXXX")
trap 'rm -rf "$new"' EXIT

requirements=()
for path in "$@"; do
    extras=
    if [[ $path =~ ^(.*)(\[[A-Za-z0-9_,.-]+\])$ ]]; then
        path=${BASH_REMATCH[1]}
        extras=${BASH_REMATCH[2]}
    fi
    if [ ! -d "$path" ]; then
        wheels=("$path")
    elif [ -e "$path/pyproject.toml" ] || [ -e "$path/setup.py" ]; then
        mkdir "$new/source" # a copy, because a build writes files into the source
        tar -C "$path" --exclude-vcs --exclude build -c . | tar -C "$new/source" -x
        python3 -m pip --quiet wheel --no-deps --wheel-dir "$new/built" "$new/source"
        wheels=("$new"/built/*.whl)
    else
        wheels=("$path"/*.whl)
    fi
    for wheel in "${wheels[@]}"; do
        [[ -f $wheel && $wheel == *.whl ]] || { echo "site: no wheel: $wheel" >&2; exit 1; }
        cp "$wheel" "$new/"
        requirements+=("/opt/reana-batch-wheels/$(basename "$wheel")$extras")
    done
    rm -rf "$new/built" "$new/source"
done

# the checksums of the members, because two builds of the same source differ in time stamps
digest=$( {
    echo "$htcondor"
    basename -a "${requirements[@]}"
    cat "${samples[@]}"
    for wheel in "$new"/*.whl; do python3 -c 'import sys, zipfile
for member in zipfile.ZipFile(sys.argv[1]).infolist(): print(member.filename, member.CRC)' "$wheel"; done
} | sha256sum)
if [ "$(cat "$SITE_CACHE/installed/digest" 2>/dev/null)" = "$digest" ]; then
    echo "site: already installed" >&2
    exit
fi
(cd "$SITE_CACHE" && layers installing state/files root)
SITE_ROOT=$SITE_CACHE/installing/merged
mkdir "$SITE_ROOT/opt/reana-batch-wheels"
mount --bind "$new" "$SITE_ROOT/opt/reana-batch-wheels"
in_root python3 -m venv "$venv"
pip_in_root reana-batch -qq install "$htcondor" "${requirements[@]}"
for path in "${samples[@]}"; do
    cp "$path" "$new/"
    pip_in_root reana-batch -qq --python /usr/bin/python3 install --break-system-packages --root-user-action ignore \
        -r /opt/reana-batch-wheels/requirements.txt
done
ln -sfn "$venv/bin/reana-batch" "$SITE_ROOT/usr/local/bin/reana-batch"
umount "$SITE_ROOT/opt/reana-batch-wheels"
rmdir "$SITE_ROOT/opt/reana-batch-wheels"
echo "$digest" >"$SITE_CACHE/installing/digest" # last of all: the layer is complete
