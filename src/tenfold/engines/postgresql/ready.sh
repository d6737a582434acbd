#!/bin/sh
# Does the server let people in?  ready.sh PG_ISREADY DATA SOCKETS PORT SUPERUSER
#
# While it replays its log after a crash, postmaster.pid says so. Asking the server itself would be
# answered too, but with two lines in its log each time. A killed predecessor's file may say "ready",
# so the server has the last word.
set -eu
data=$2
state=$(sed -n 8p "$data/postmaster.pid" 2>/dev/null) || state=''
case $state in
    ready* | standby*) exec "$1" --host="$3" --port="$4" --username="$5" --dbname=postgres ;;
    '') echo "PostgreSQL has not begun to start" >&2 ;;
    *) echo "PostgreSQL is ${state%% *}" >&2 ;;
esac
exit 1
