#!/bin/sh
# Gives a server its data, once:  initialise.sh INITDB DATA SUPERUSER [INITDB OPTION ...]
# The superuser's password comes in TENFOLD_SUPERUSER_PASSWORD; it is never on a command line.
#
# The file "origin" beside this script says whether the data is made here (initdb) or copied from a
# server that is followed from then on. It is asked here alone: once there is data, never again.
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

slot='' upstream='' rate=''
while read -r key value; do
    case $key in
        slot) slot=$value ;;
        rate) rate=$value ;; # kB a second, so that whoever uses the leader's disk goes on well
        upstream) upstream=$value ;;
    esac
done <"$(dirname -- "$0")/origin"

cd /
if [ -e "$data/PG_VERSION" ]; then
    exit 0
fi
parent=$(dirname -- "$data")
rm -rf -- "$parent.removed" # of data that was here before and whose deletion was cut off
mkdir -p -- "$parent"
# An attempt that is still at work may be filling its directory; without it, it fails before long.
rounds=100
until rm -rf -- "$data".new.* 2>/dev/null; do
    rounds=$((rounds - 1))
    [ "$rounds" -gt 0 ] || { rm -rf -- "$data".new.*; break; }
    sleep 0.05
done
new=$(mktemp -d -- "$data.new.XXXXXX")
trap 'rm -rf -- "$new"' EXIT

# Segments of the log of 4 MiB instead of 16: who promotes a follower waits until one is copied.
make() {
    printf '%s\n' "$password" | "$initdb" --pgdata="$new" --username="$superuser" \
        --pwfile=/dev/stdin --auth=scram-sha-256 --data-checksums --encoding=UTF8 --wal-segsize=4 \
        --no-instructions "$@"
    for unused in postgresql.conf pg_hba.conf pg_ident.conf; do
        echo "# Not read. The server is started with a configuration outside of this directory." \
            >"$new/$unused"
    done
}

copy() {
    sh "$(dirname -- "$0")/copy.sh" "$(dirname -- "$initdb")/pg_basebackup" "$new" "$upstream" \
        "${rate:-0}" "$slot"
    echo follows >"$new/standby.signal"
    sync -- "$new/standby.signal" "$new"
}

if [ -n "$upstream" ]; then
    copy
else
    make "$@"
fi
mv -T -- "$new" "$data"
sync -- "$parent" 2>/dev/null || sync
