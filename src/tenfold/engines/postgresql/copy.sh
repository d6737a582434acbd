#!/bin/sh
# Copies a running server, its log until the end included, into a directory that does not exist or
# is empty:    copy.sh PG_BASEBACKUP DIRECTORY CONNECTION KB_A_SECOND [SLOT]
# Whoever uses the server or the disk goes on well meanwhile: no more than so many kB a second (0: as
# fast as it goes), with less right to the processor, and on the disk bit by bit.
set -eu
program=$1
new=$2
upstream=$3
rate=$4
slot=${5:-}

# Whoever serves comes first; between sessions the kernel may look at this value alone, sched(7).
{ echo 10 >/proc/self/autogroup; } 2>/dev/null || :

# In one go at the end it would keep the commits of whoever shares that disk waiting for seconds.
# Only what was written since the last time: a sync of a file that has nothing new makes the disk
# empty its cache all the same, and there are thousands.
write_back() {
    touch -- "$new.seen"
    while sleep 0.25 && kill -0 $$ 2>/dev/null; do
        [ -d "$new" ] || continue
        touch -- "$new.next"
        nice -n 10 find "$new" -type f -newer "$new.seen" -exec sync -d -- {} + 2>/dev/null || :
        mv -- "$new.next" "$new.seen"
    done
}

end_write_back() {
    kill "$writes_back" 2>/dev/null || :
    wait "$writes_back" 2>/dev/null || :
    rm -f -- "$new.seen" "$new.next"
}

write_back &
writes_back=$!
trap end_write_back EXIT

# The sender of an attempt that was interrupted may not have noticed yet: it has the slot until it
# does, after wal_sender_timeout (30 s) at the latest. The server checks every page that it sends.
# What is said is kept in a variable: the disk may be full.
case $rate in 0) rate='' ;; esac
rounds=40
until said=$(nice -n 10 "$program" --pgdata="$new" --dbname="$upstream" ${slot:+--slot="$slot"} \
    ${rate:+--max-rate="$rate"} --wal-method=stream --checkpoint=fast --no-manifest --no-password \
    2>&1); do
    printf '%s\n' "$said" >&2
    case $said in *'is active for PID'*) ;; *) exit 1 ;; esac
    rounds=$((rounds - 1))
    [ "$rounds" -gt 0 ] || exit 1
    sleep 1
done
printf '%s\n' "$said" >&2
