#!/bin/sh
# Prints what a data directory says of itself, as one line of JSON:
#     disk-state.sh PG_CONTROLDATA DATA
#
# "processes" counts everything that works in the directory, not only the main process: a session
# may outlive that for a while, and commit. "removed": here was data whose deletion was cut off; what
# is left of it lies beside, as PARENT.removed.
set -eu
export LC_ALL=C
controldata=$1
data=$2

if ! [ -d /proc/self ]; then
    echo "without /proc nobody can say whether a server lives in $data" >&2
    exit 1
fi

of_this_cluster() {
    [ "/proc/$1/cwd" -ef "$data" ] \
        && { read -r name <"/proc/$1/comm"; } 2>/dev/null && [ "$name" = postgres ]
}

# Sets system, state, checkpoint, redo, timeline. A running server may be writing the file at the
# same moment, which its checksum shows.
read_control() {
    rounds=5
    while :; do
        told=$("$controldata" -D "$data" 2>&1) || { echo "$told" >&2; return 1; }
        case $told in *CRC*does\ not\ match*) ;; *) break ;; esac
        rounds=$((rounds - 1))
        [ "$rounds" -gt 0 ] || { echo "$told" >&2; return 1; }
    done
    while IFS= read -r line; do
        value=${line#*:}
        value=${value#"${value%%[! ]*}"}
        case $line in
            'Database system identifier:'*) system=$value ;;
            'Database cluster state:'*) state=$value ;;
            'Latest checkpoint location:'*) checkpoint=$value ;;
            "Latest checkpoint's REDO location:"*) redo=$value ;;
            "Latest checkpoint's TimeLineID:"*) timeline=$value ;;
        esac
    done <<END
$told
END
}

cluster=false signal=none system='' state='' checkpoint=0/0 redo=0/0 timeline=0
postmaster=null processes=0 removed=false
[ ! -e "${data%/*}.removed" ] || removed=true
if [ -e "$data/PG_VERSION" ]; then
    cluster=true
    if [ -e "$data/standby.signal" ]; then
        said=''
        read -r said <"$data/standby.signal" || true
        case $said in
            fenced | follows) signal=$said ;;
            '') signal=empty ;;
            *) signal=other ;;
        esac
    fi
    pid=''
    { read -r pid <"$data/postmaster.pid"; } 2>/dev/null || true
    if [ -n "$pid" ] && of_this_cluster "$pid"; then
        postmaster=$pid
    fi
    for entry in /proc/[0-9]*; do
        if [ "$entry/cwd" -ef "$data" ] && of_this_cluster "${entry#/proc/}"; then
            processes=$((processes + 1))
        fi
    done
    # Last: what is read here is at least as new as the statement that nobody writes any more.
    read_control
fi
printf '{"cluster":%s,"signal":"%s","state":"%s","checkpoint":"%s","redo":"%s",' \
    "$cluster" "$signal" "$state" "$checkpoint" "$redo"
printf '"timeline":%s,"system_identifier":"%s","postmaster":%s,"processes":%s,"removed":%s}\n' \
    "$timeline" "$system" "$postmaster" "$processes" "$removed"
