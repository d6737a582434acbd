#!/bin/sh
# Clears the way for a server whose predecessor was killed:  before-start.sh DATA SOCKET_LOCK
#
# When the main process ("postmaster") of PostgreSQL is killed, its children find out by themselves
# and exit, except those that are computing. While one of them lives, the shared memory block is in
# use and no new server starts. They get here what the main process would have sent them after a
# crash: SIGQUIT. Who they are is told by their working directory and their name, never by a pid
# alone. A server that lives is left alone, and this ends with an error.
set -eu
data=$1
socket_lock=$2

of_this_cluster() {
    [ "/proc/$1/cwd" -ef "$data" ] \
        && { read -r name <"/proc/$1/comm"; } 2>/dev/null && [ "$name" = postgres ]
}

processes() {
    for entry in /proc/[0-9]*; do
        if of_this_cluster "${entry#/proc/}"; then
            echo "${entry#/proc/}"
        fi
    done
}

# signal NAME: to every process that is left
signal() {
    for left in $(processes); do
        kill "-$1" "$left" 2>/dev/null || true
    done
}

# gone SECONDS: waits until no process is left
gone() {
    rounds=$(($1 * 50))
    while [ -n "$(processes)" ]; do
        rounds=$((rounds - 1))
        [ "$rounds" -gt 0 ] || return 1
        sleep 0.02
    done
}

# read_lock FILE: sets pid (negative in the file of a single-user server) and directory
read_lock() {
    pid='' directory=''
    { read -r pid && read -r directory; } <"$1" || true
    pid=${pid#-}
}

# drop FILE: after a restart of the machine or of its container the pid in a lock file may belong
# to some other program, which PostgreSQL would take for a running server.
drop() {
    if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
        echo "process $pid is not the server that made $1: removing that file" >&2
        rm -f -- "$1"
    fi
}

if [ -e "$data/postmaster.pid" ]; then
    read_lock "$data/postmaster.pid"
    if [ -n "$pid" ] && of_this_cluster "$pid"; then
        echo "PostgreSQL runs already in $data, with process id $pid" >&2
        exit 1
    fi
    signal QUIT
    if ! gone 5; then
        signal KILL
        if ! gone 10; then
            echo "processes of a killed server still use $data:" $(processes) >&2
            exit 1
        fi
    fi
    drop "$data/postmaster.pid"
fi
if [ -e "$socket_lock" ]; then
    read_lock "$socket_lock"
    if [ "$directory" -ef "$data" ]; then
        drop "$socket_lock"
    fi
fi
