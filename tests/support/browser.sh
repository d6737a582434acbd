#!/bin/sh
# Gets what tests in a real browser need: Playwright for Python and, as root on Debian, Chromium.
# Quiet, bounded, and no failure of its own: where no browser can be had, those tests are skipped
# and say why. Usage: browser.sh PYTHON
set -u
cd "$(dirname "$0")/../.." || exit
python=$1
log=.cache/browser.log
mkdir -p .cache

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

if ! "$python" -c "import axe_playwright_python, playwright" 2>"$log"; then
    timeout 240 "$python" -m pip install --quiet --group browser >"$log" 2>&1 ||
        echo "Playwright cannot be installed ($log says why): no tests in a browser"
fi
has_browser >"$log" || tests/support/debian.sh chromium
exit 0
