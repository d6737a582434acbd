#!/bin/sh
# Prints what an installation has and how much room there is, as one line of JSON:
#     installation.sh POSTGRES DATA
set -eu
export LC_ALL=C
bin=$(dirname -- "$1")
data=$2

# The libraries lie where plpgsql does, which every installation has.
libraries=''
for directory in "$bin/../lib/postgresql" "$bin/../lib"; do
    if [ -e "$directory/plpgsql.so" ] || [ -e "$directory/plpgsql.dylib" ]; then
        for file in "$directory"/*.so "$directory"/*.dylib; do
            name=${file##*/}
            [ -e "$file" ] && libraries="$libraries${libraries:+,}\"${name%.*}\""
        done
        break
    fi
done

# The directory may not be there yet; its disk is that of the nearest one that is.
place=$data
while ! [ -d "$place" ]; do
    place=$(dirname -- "$place")
done
free=$(df -Pk -- "$place" | { read -r _; read -r _ _ _ free _; echo "$free"; })

version=$("$1" --version)
version=${version#*"(PostgreSQL) "}
printf '{"version":"%s","libraries":[%s],"free_bytes":%s}\n' \
    "${version%% *}" "$libraries" "$((free * 1024))"
