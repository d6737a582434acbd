#!/bin/sh
# Puts a member's configuration together:  compose.sh CONFIG_DIRECTORY DATA COMPOSED
#
# Whom a cluster consists of is in its data, once there is any. Before that it is said here: by the
# file "founders" beside this script where all members begin together, by the file "joins" in the
# unit's directory of data where this one was added to a cluster that runs.
set -eu
umask 077
config=$1
data=$2
composed=$3

mkdir -p -- "$data"
members=$config/founders
if [ -e "$(dirname -- "$data")/joins" ]; then
    members=$(dirname -- "$data")/joins
fi
cat -- "$config/etcd.yml" "$members" >"$composed.new"
mv -T -- "$composed.new" "$composed"
