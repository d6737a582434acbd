#!/bin/sh
# Gets what tests in a real browser need: Playwright for Python and, as root on Debian, Chromium.
# Quiet, bounded, and no failure of its own: where no browser can be had, those tests are skipped
# and say why. Usage: browser.sh PYTHON
set -u
cd "$(dirname "$0")/../.." || exit
python=$1
log=.cache/browser.log
mkdir -p .cache

get_chromium() {
    options="-q -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60"
    wanted="--yes --no-install-recommends chromium"
    # Only what waits for a mirror is cut off; dpkg is not left half-way.
    timeout 120 apt-get $options update &&
        timeout 300 apt-get $options install --download-only $wanted &&
        apt-get $options install --no-download $wanted
}

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

if ! "$python" -c "import axe_playwright_python, playwright" 2>"$log"; then
    timeout 240 "$python" -m pip install --quiet --group browser >"$log" 2>&1 ||
        echo "Playwright cannot be installed ($log says why): no tests in a browser"
fi
if ! has_browser >"$log" && [ "$(id -u)" = 0 ] && command -v apt-get >"$log"; then
    DEBIAN_FRONTEND=noninteractive get_chromium >"$log" 2>&1 </dev/null ||
        echo "Chromium cannot be installed ($log says why): no tests in a browser"
fi
exit 0
