#!/bin/sh
# Says, so that it outlasts a power failure, as what a server starts:
#     standby.sh fence|follow|unfence DATA
#
# Where there is a file standby.signal, PostgreSQL starts read-only, whoever starts it and however
# often. What is in the file means nothing to PostgreSQL; to us its first line says why:
#     fenced    this server led; somebody else is about to
#     follows   this server follows another one
# A running server notices nothing. Promoting it removes the file; "unfence" does so only where it
# would undo a fence, because a follower that starts without it becomes a second leader.
set -eu
umask 077
order=$1
data=$2
signal=$data/standby.signal

say() {
    echo "$1" >"$signal.new"
    sync -- "$signal.new"
    mv -- "$signal.new" "$signal"
    sync -- "$data"
}

if ! [ -e "$data/PG_VERSION" ]; then
    echo "there is no PostgreSQL cluster in $data" >&2
    exit 1
fi
case $order in
    fence)
        # Users wait meanwhile. Where there is no file yet, nothing is to be replaced; an empty one,
        # left by a power failure at this moment, is a fence too.
        if [ -e "$signal" ]; then
            say fenced
        else
            echo fenced >"$signal"
            sync -- "$signal" "$data"
        fi
        ;;
    follow) say follows ;;
    unfence)
        if [ -e "$signal" ]; then
            said=''
            read -r said <"$signal" || true
            if [ "$said" != fenced ]; then
                echo "$signal says '$said', not 'fenced': this server follows another one" >&2
                exit 1
            fi
            rm -- "$signal"
        fi
        sync -- "$data"
        ;;
    *)
        echo "standby.sh does not know '$order'" >&2
        exit 1
        ;;
esac
