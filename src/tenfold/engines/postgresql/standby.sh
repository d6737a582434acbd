#!/bin/sh
# Says, so that it outlasts a power failure, as what a server starts:
#     standby.sh fence|follow|unfence DATA
#
# Where there is a file standby.signal, PostgreSQL starts read-only, whoever starts it and however
# often. What is in the file means nothing to PostgreSQL; to us its first line says why:
#     fenced    this server led; somebody else is about to
#     follows   this server follows another one
# The file is there with its word or not at all: it gets its name once both are on disk. One that
# says nothing was cut short, by a power failure, as only a fence could be that an older Tenfold
# made; it counts as one.
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
    fence) say fenced ;;
    follow) say follows ;;
    unfence)
        if [ -e "$signal" ]; then
            said=''
            read -r said <"$signal" || true
            case $said in
                fenced | '') rm -- "$signal" ;;
                *)
                    echo "$signal says '$said', not 'fenced': this server follows another one" >&2
                    exit 1
                    ;;
            esac
        fi
        sync -- "$data"
        ;;
    *)
        echo "standby.sh does not know '$order'" >&2
        exit 1
        ;;
esac
