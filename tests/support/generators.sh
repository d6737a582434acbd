#!/bin/sh
# Gets the generators of static sites that tests build real sites with: Hugo and Jekyll, as root on
# Debian. Quiet, bounded, and no failure of its own: where one cannot be had, its tests are skipped
# and say why.
set -u
cd "$(dirname "$0")/../.." || exit
log=.cache/generators.log
mkdir -p .cache

missing=
for name in hugo jekyll; do
    command -v "$name" >"$log" || missing="$missing $name"
done

get() {
    options="-q -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60"
    wanted="--yes --no-install-recommends $missing"
    # Only what waits for a mirror is cut off; dpkg is not left half-way.
    timeout 120 apt-get $options update &&
        timeout 300 apt-get $options install --download-only $wanted &&
        apt-get $options install --no-download $wanted
}

if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >"$log"; then
    DEBIAN_FRONTEND=noninteractive get >"$log" 2>&1 </dev/null ||
        echo "these cannot be installed ($log says why):$missing"
fi
exit 0
