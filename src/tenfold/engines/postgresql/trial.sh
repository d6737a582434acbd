#!/bin/sh
# Measures what a change of leaders takes here:  trial.sh POSTGRES DATA SOCKETS
# Prints one line of JSON, in microseconds, or why it was left out.
#
# A server of its own, with the programs and the settings of the real one, on the same disk: beside
# DATA, never within. It listens on a unix socket alone, in SOCKETS, where nobody else may enter and
# paths are short enough. It is stopped as a leader is that is fenced, started again as a follower,
# and promoted; then nothing of it is left. What a trial has left that was killed, the next removes.
set -eu
export LC_ALL=C
umask 077
here=$(dirname -- "$0")
bin=$(dirname -- "$1")
parent=$(dirname -- "$2")
sockets=$3
port=1 # a name that is shorter than the real server's, and that of no other
room_kb=262144
scratch=$parent/trial.$$
data=$scratch/cluster
server=''

leave_out() {
    printf '{"left_out":"%s"}\n' "$1"
    exit 0
}

now() {
    date +%s%N
}

# processes SCRATCH: every one that is at work for a trial there, told by its directory and its name,
# never by a pid
processes() {
    for entry in /proc/[0-9]*; do
        if [ "$entry/cwd" -ef "$1" ] || [ "$entry/cwd" -ef "$1/cluster" ]; then
            name=''
            { read -r name <"$entry/comm"; } 2>/dev/null || :
            case $name in postgres | initdb | psql) echo "${entry#/proc/}" ;; esac
        fi
    done
}

# end SCRATCH: SIGQUIT first, at which a server cleans up what the kernel keeps for it
end() {
    for with in QUIT KILL; do
        for left in $(processes "$1"); do
            kill "-$with" "$left" 2>/dev/null || :
        done
        rounds=250
        while [ -n "$(processes "$1")" ]; do
            rounds=$((rounds - 1))
            [ "$rounds" -gt 0 ] || break
            sleep 0.02
        done
    done
}

remove_leftovers() {
    for left_behind in "$parent"/trial.*; do
        [ -d "$left_behind" ] || continue
        # Whoever made it stands in it, and has its number.
        if [ "/proc/${left_behind##*.}/cwd" -ef "$left_behind" ]; then
            leave_out "another trial is under way"
        fi
        end "$left_behind"
        rm -rf -- "$left_behind" "$sockets/.s.PGSQL.$port" "$sockets/.s.PGSQL.$port.lock"
    done
}

clean_up() {
    code=$?
    trap '' TERM INT HUP
    cd /
    [ "$code" -eq 0 ] || tail -n 3 -- "$scratch/log" >&2 || :
    end "$scratch"
    rm -rf -- "$scratch"
    exit "$code"
}

# serve: start it and wait until it lets people in
serve() {
    "$bin/postgres" -D "$data" -c "config_file=$here/postgresql.conf" -c "data_directory=$data" \
        -c "hba_file=$data/pg_hba.conf" -c "ident_file=$data/pg_ident.conf" -c cluster_name=trial \
        -c listen_addresses= -c "port=$port" -c archive_command=true -c archive_timeout=0 \
        -c primary_conninfo= -c primary_slot_name= -c shared_buffers=32MB -c huge_pages=off \
        >>"$scratch/log" 2>&1 &
    server=$!
    rounds=1000
    until /bin/sh "$here/ready.sh" "$bin/pg_isready" "$data" "$sockets" "$port" "$(id -un)" \
        >/dev/null 2>&1; do
        rounds=$((rounds - 1))
        [ "$rounds" -gt 0 ] && kill -0 "$server" 2>/dev/null || return 1
        sleep 0.02
    done
}

ask() {
    "$bin/psql" --no-psqlrc --quiet --no-align --tuples-only --no-password --dbname=postgres \
        --host="$sockets" --port="$port" --variable=ON_ERROR_STOP=1
}

# As before a switch: the log's segment is filled but for the room that a stop needs, and what is
# dirty is written (see "make_stop_short"); then come some writes, as an app's do.
fill() {
    ask <<'END'
CREATE TABLE trial AS
    SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 4000) AS n;
SELECT pg_logical_emit_message(false, 'trial', repeat('-', greatest(0, missing)::int))
FROM (
    SELECT setting::bigint * 13 / 16
        - (pg_current_wal_insert_lsn() - '0/0'::pg_lsn) % setting::bigint AS missing
    FROM pg_settings WHERE name = 'wal_segment_size'
) AS segment;
CHECKPOINT;
UPDATE trial SET filler = repeat('y', 1000) WHERE n % 100 = 0;
END
}

# Prints how long it took until it was no follower any more; and sees that it takes writes then.
promote() {
    ask <<'END'
SET statement_timeout = '20s';
SELECT clock_timestamp() AS began \gset
SELECT pg_promote(wait => false) AS asked \gset
DO $$ BEGIN WHILE pg_is_in_recovery() LOOP PERFORM pg_sleep(0.001); END LOOP; END $$;
SELECT round(1000000 * extract(epoch FROM clock_timestamp() - :'began'::timestamptz))::bigint
    AS took \gset
CREATE TABLE leads ();
\echo :took
END
}

[ "$(df -Pk -- "$parent" | { read -r _; read -r _ _ _ free _; echo "$free"; })" -ge "$room_kb" ] \
    || leave_out "less than $((room_kb / 1024)) MiB are free beside the data"
remove_leftovers
trap 'exit 143' TERM INT HUP
trap clean_up EXIT
mkdir -- "$scratch"
cd -- "$scratch"

# Nothing of it has to outlast a power failure, and users share the disk: so no sync.
"$bin/initdb" --pgdata="$data" --auth-local=peer --auth-host=reject --data-checksums --encoding=UTF8 \
    --locale=C --wal-segsize=4 --no-sync --no-instructions >>"$scratch/log" 2>&1
serve
fill >/dev/null

began=$(now)
/bin/sh "$here/standby.sh" fence "$data"
kill -INT "$server"
wait "$server"
/bin/sh "$here/disk-state.sh" "$bin/pg_controldata" "$data" >/dev/null
stop=$((($(now) - began) / 1000))

serve # where there is a standby.signal, as a follower
promoted=$(promote)
printf '{"stop_us":%s,"promote_us":%s}\n' "$stop" "$promoted"
