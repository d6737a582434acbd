#!/bin/sh
# Makes a PostgreSQL cluster, once:  initialise.sh INITDB DATA SUPERUSER [INITDB OPTION ...]
# The superuser's password comes in TENFOLD_SUPERUSER_PASSWORD; it is never on a command line.
#
# The cluster is built in a directory of its own and gets its name by a rename as the last act: an
# attempt that is interrupted leaves nothing that could be taken for a cluster, and the next one
# begins afresh. An attempt that is still at work for a killed caller cannot get in the way either:
# it has another directory, and its rename fails once there is a cluster.
set -eu
umask 077
initdb=$1
data=$2
superuser=$3
shift 3
password=$TENFOLD_SUPERUSER_PASSWORD
unset TENFOLD_SUPERUSER_PASSWORD

cd /
if [ -e "$data/PG_VERSION" ]; then
    exit 0
fi
parent=$(dirname -- "$data")
mkdir -p -- "$parent"
rm -rf -- "$data".new.*
new=$(mktemp -d -- "$data.new.XXXXXX")
trap 'rm -rf -- "$new"' EXIT

printf '%s\n' "$password" | "$initdb" --pgdata="$new" --username="$superuser" \
    --pwfile=/dev/stdin --auth=scram-sha-256 --data-checksums --encoding=UTF8 --no-instructions "$@"

for unused in postgresql.conf pg_hba.conf pg_ident.conf; do
    echo "# Not read. The server is started with a configuration outside of this directory." \
        >"$new/$unused"
done
mv -T -- "$new" "$data"
sync -- "$parent" 2>/dev/null || sync
