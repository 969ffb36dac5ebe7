#!/bin/bash
# run-browser-tests.sh: test the manual in a headless Chromium, and install one if there is none. If that fails, say which
# tests are left out.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
browser=$root/$BIN/headless-chromium # where the tests look for it
log=$root/build/browser.log

works() { [ -n "$1" ] && timeout 60 "$1" --version >/dev/null 2>&1; }

# On Ubuntu the package chromium is a script that asks for a snap, so it may not work.
found() {
  local name path
  for name in chromium-headless-shell chromium chromium-browser google-chrome-stable google-chrome; do
    path=$(command -v "$name") || continue
    ! works "$path" || { echo "$path"; return; }
  done
}

debian_package() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update && apt-get -qq -y install --no-install-recommends chromium-headless-shell fonts-dejavu-core
}

# On other systems Playwright downloads its own Chromium.
playwright_browser() {
  local with_packages=()
  [ "$(id -u)" != 0 ] || with_packages=(--with-deps)
  PLAYWRIGHT_BROWSERS_PATH=$root/.venv/browsers timeout 300 "$root/$BIN/playwright" install "${with_packages[@]}" --only-shell chromium
}

install_browser() {
  local path
  mkdir -p "$root/build"
  echo "==> installing a headless Chromium"
  { debian_package || playwright_browser; } >"$log" 2>&1 || true
  for path in "$(found)" "$root"/.venv/browsers/chromium_headless_shell-*/*/*headless[_-]shell; do
    ! works "$path" || { ln -sfn "$path" "$browser"; return; }
  done
  return 1
}

path=$(found)
[ -z "$path" ] || ln -sfn "$path" "$browser"
if ! works "$browser" && ! install_browser; then
  printf '%s\n' "=====================================================================" \
    "LEFT OUT: the tests of the manual in a browser. There is no Chromium here, and it could not be installed." \
    "Install one as root: \"apt-get install chromium\" on Debian, \"snap install chromium\" on Ubuntu. The log of the attempt" \
    "is build/browser.log." \
    "====================================================================="
  exit 0
fi
echo "==> the manual in $("$browser" --version)"
exec "$root/$BIN/python" -m pytest -q -m browser "$root/tests/docs"
