#!/bin/bash
# Check the types of the installed wheel, because checkers cannot follow the hook of an editable install. Then plant a
# type error in it and check that the checker finds it.
set -euo pipefail
bin=$(cd "$BIN" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/types
rm -rf "$work" "$root/build/lib" "$root/build"/bdist.*
mkdir -p "$work"
"$bin/python" -m build --wheel --no-isolation --outdir "$work" "$root" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$bin/python" -m pip --quiet --disable-pip-version-check install --no-deps --target "$work/site" "$work"/*.whl
check() {
  (cd "$work" && MYPYPATH=$work/site "$bin/mypy" --config-file "$root/pyproject.toml" --cache-dir "$work/cache" "$@")
}
check --explicit-package-bases "$work/site/reana_batch"
check --explicit-package-bases "$root"/tests/{all,bash,bash_lines,python_lines,surroundings,conftest,steps}.py "$root"/tests/unit "$root"/tests/property "$root"/tests/golden "$root"/tests/cli \
  "$root"/tests/lifecycle "$root"/tests/docs "$root"/tests/real "$root"/tests/yadage "$root"/tests/conformance "$root"/tests/cwl \
  "$root"/tests/site "$root"/benchmarks
echo 'planted: int = "text"' >>"$work/site/reana_batch/names.py"
if check --explicit-package-bases "$work/site/reana_batch" >"$work/planted.log" 2>&1 || ! grep -q 'names.py.*Incompatible types' "$work/planted.log"; then
  echo "the type checker did not see the planted error:" >&2
  cat "$work/planted.log" >&2
  exit 1
fi
echo "the planted type error was seen"
