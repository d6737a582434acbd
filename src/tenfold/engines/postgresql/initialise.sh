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

# What was copied goes to the disk bit by bit: in one go at the end it would keep the commits of
# whoever shares that disk waiting for seconds.
write_back() {
    while sleep 0.25 && kill -0 $$ 2>/dev/null && [ -d "$new" ]; do
        nice -n 10 find "$new" -type f -mmin -1 -exec sync -d -- {} + 2>/dev/null || :
    done
}

# The sender of an attempt that was interrupted may not have noticed yet: it has the slot until it
# does, after wal_sender_timeout (30 s) at the latest. The server checks every page that it sends.
# What is said is kept in a variable: the disk may be full.
copy() {
    write_back &
    writes_back=$!
    trap 'kill "$writes_back" 2>/dev/null || :; rm -rf -- "$new"' EXIT
    rounds=40
    until said=$(nice -n 10 "$(dirname -- "$initdb")/pg_basebackup" --pgdata="$new" --dbname="$upstream" \
        --slot="$slot" ${rate:+--max-rate="$rate"} --wal-method=stream --checkpoint=fast --no-manifest --no-password \
        2>&1); do
        printf '%s\n' "$said" >&2
        case $said in *'is active for PID'*) ;; *) return 1 ;; esac
        rounds=$((rounds - 1))
        [ "$rounds" -gt 0 ] || return 1
        sleep 1
    done
    printf '%s\n' "$said" >&2
    kill "$writes_back" 2>/dev/null || :
    wait "$writes_back" 2>/dev/null || :
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
