#!/bin/bash
# install.sh WHEEL|DIR...: /opt/venv/reana-batch in the root, with these wheels, what they need and the HTCondor bindings;
# and for the machine's own python3 what the samples find in their images.
# A wheel may carry extras, as in dist/x.whl[dev]. A directory holds wheels or is a project to build one from.
set -euo pipefail
. "$(dirname "$0")/build/lib.sh"

venv=/opt/venv/reana-batch
samples=("$(dirname "$0")"/../../samples/*/requirements.txt)
htcondor=htcondor==25.14.1
new=$(mktemp -d "$SITE_ROOT/opt/wheels.XXXXXX")
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
        mkdir "$new/source" # a copy, for building leaves its traces in the source
        tar -C "$path" --exclude-vcs --exclude build -c . | tar -C "$new/source" -x
        python3 -m pip --quiet wheel --no-deps --wheel-dir "$new/built" "$new/source"
        wheels=("$new"/built/*.whl)
    else
        wheels=("$path"/*.whl)
    fi
    for wheel in "${wheels[@]}"; do
        [[ -f $wheel && $wheel == *.whl ]] || { echo "site: no wheel: $wheel" >&2; exit 1; }
        cp "$wheel" "$new/"
        requirements+=("${new#"$SITE_ROOT"}/$(basename "$wheel")$extras")
    done
    rm -rf "$new/built" "$new/source"
done

# the members' own checksums: building the same source twice gives wheels that differ in their time stamps only
digest=$( {
    echo "$htcondor"
    basename -a "${requirements[@]}"
    cat "${samples[@]}"
    for wheel in "$new"/*.whl; do python3 -c 'import sys, zipfile
for member in zipfile.ZipFile(sys.argv[1]).infolist(): print(member.filename, member.CRC)' "$wheel"; done
} | sha256sum)
if [ "$(cat "$SITE_ROOT$venv/digest" 2>/dev/null)" = "$digest" ]; then
    echo "site: already installed" >&2
    exit
fi
rm -f "$SITE_ROOT$venv/digest"
[ -x "$SITE_ROOT$venv/bin/pip" ] || in_root python3 -m venv --clear "$venv"
# first the wheels themselves, for the version may be the same as before; then whatever they need
pip_in_root reana-batch -qq install --force-reinstall --no-deps "${requirements[@]}"
pip_in_root reana-batch -qq install "$htcondor" "${requirements[@]}"
for path in "${samples[@]}"; do
    cp "$path" "$new/"
    pip_in_root reana-batch -qq --python /usr/bin/python3 install --break-system-packages --root-user-action ignore \
        -r "${new#"$SITE_ROOT"}/requirements.txt"
done
ln -sfn "$venv/bin/reana-batch" "$SITE_ROOT/usr/local/bin/reana-batch"
echo "$digest" >"$SITE_ROOT$venv/digest"
