#!/bin/sh
# Puts a member's configuration together:  compose.sh CONFIG_DIRECTORY DATA COMPOSED ETCD
#
# Whom a cluster consists of is in its data, once there is any. Before that it is said here: by the
# file "founders" beside this script where all members begin together, by the file "joins" in the
# unit's directory of data where this one was added to a cluster that runs.
#
# A member votes by what is in its data. One that has lost them must not come back under its name: it
# would have forgotten what it agreed to, or found another cluster. So the file "founded" beside this
# script says that the cluster is founded; where it is, a member without data has to be expected anew.
#
# What etcd has written no older minor version can read. So the file "version" beside the data says
# which wrote it, and an older one is not started.
set -eu
umask 077
config=$1
data=$2
composed=$3
etcd=$4

mkdir -p -- "$data"
written=$(dirname -- "$data")/version
version=$("$etcd" --version | sed -n 's/^etcd Version: \([0-9]*\.[0-9]*\)\..*/\1/p')
before=$(cat -- "$written" 2>/dev/null || true)
newest=$(printf '%s\n%s\n' "$before" "$version" | sort -V | tail -n 1)
if [ "$newest" != "$version" ]; then
    echo "the data are of etcd $before, and $etcd is $version, which cannot read them" >&2
    exit 1
fi
if [ "$before" != "$version" ]; then
    printf '%s\n' "$version" >"$written.new"
    mv -T -- "$written.new" "$written"
fi
members=$config/founders
joins=$(dirname -- "$data")/joins
founded=$config/founded
set -- "$data"/member/wal/*.wal # by which etcd itself tells whether it has any
if [ -e "$1" ]; then
    rm -f -- "$joins"
    [ -e "$founded" ] || : >"$founded"
elif [ -e "$joins" ]; then
    members=$joins
elif [ -e "$founded" ]; then
    name=$(sed -n 's/^name: "\(.*\)"$/\1/p' "$config/etcd.yml")
    echo "the data of this member of etcd are gone, and it must not come back without them under its" \
        "name: tenfold host replace $name    has it join anew. If no member has any, see" \
        "docs/operations/journal.md" >&2
    exit 1
fi
cat -- "$config/etcd.yml" "$members" >"$composed.new"
mv -T -- "$composed.new" "$composed"
