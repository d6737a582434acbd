#!/bin/sh
# Puts a member's configuration together:  compose.sh CONFIG_DIRECTORY DATA COMPOSED ETCD
#
# Whom a cluster consists of is in its data, once there is any. Before that it is said here: by the
# file "founders" beside this script where all members begin together, by the file "joins" in the
# unit's directory of data where this one was added to a cluster that runs.
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
if [ -e "$(dirname -- "$data")/joins" ]; then
    members=$(dirname -- "$data")/joins
fi
cat -- "$config/etcd.yml" "$members" >"$composed.new"
mv -T -- "$composed.new" "$composed"
