#!/bin/sh
# Gets programs of Debian that some tests use, as root on Debian. Quiet, bounded, and no failure of
# its own: where one cannot be had, its tests are skipped and say why. Usage: debian.sh PROGRAM...
# A program is in the package of its name.
set -u
cd "$(dirname "$0")/../.." || exit
mkdir -p .cache

missing=
for name in "$@"; do
    command -v "$name" >/dev/null || missing="$missing $name"
done
log=.cache/debian-$1.log

get() {
    options="-q -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60"
    wanted="--yes --no-install-recommends $missing"
    # Only what waits for a mirror is cut off; dpkg is not left half-way.
    timeout 120 apt-get $options update &&
        timeout 300 apt-get $options install --download-only $wanted &&
        apt-get $options install --no-download $wanted
}

if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive get >"$log" 2>&1 </dev/null ||
        echo "these cannot be installed ($log says why):$missing"
fi
exit 0
