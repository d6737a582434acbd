"""What is run at the other end: plain sh with the tools that every Linux has. Pure: only text.

Below the directory ``releases/ID`` are the publications, ``current`` is a link to the one that is
served, and ``.tenfold`` has a manifest of each, in the format of ``sha256sum``. A new release is
put together beside the others, from hard links to what stays and from what was sent; it is
compared with its manifest; then the link is exchanged by one rename. Until then nothing that is
served is touched, whatever breaks off.

Scripts must not contain a ``'``: they are quoted with it once, for whichever shell the user has.
"""

from __future__ import annotations

from typing import Final

MOVED: Final = 74
BUSY: Final = 75
NOT_A_LINK: Final = 73
LACKS: Final = 76
DAMAGED: Final = 71
BROKE_OFF: Final = 72
NO_PARENT: Final = 77
GONE: Final = 78
FORMAT: Final = "tenfold-1"

LOOK: Final = """
set -u
LC_ALL=C; export LC_ALL
dir=$1
echo "tenfold-1"
cd -- "$dir" 2>/dev/null || { if [ -e "$dir" ]; then cd -- "$dir"; exit 1; fi; exit 0; }
if [ -L current ]; then echo "link $(readlink current)"; fi
if [ ! -d .tenfold ]; then ls -A | head -n 5 | while read -r name; do echo "foreign $name"; done; fi
for path in releases/*/; do
  id=${path#releases/}; id=${id%/}
  if [ -f ".tenfold/publications/$id.sha256" ]; then
    echo "kept $id $(wc -l < ".tenfold/publications/$id.sha256")"
  fi
done
id=$(readlink current 2>/dev/null); id=${id#releases/}
echo "manifest"
if [ -n "$id" ] && [ -f ".tenfold/publications/$id.sha256" ]; then
  gzip -c ".tenfold/publications/$id.sha256"
fi
"""

_BEGIN: Final = f"""
set -eu
LC_ALL=C; export LC_ALL
umask 022
dir=$1 id=$2 before=$3
for tool in flock tar sha256sum find xargs gzip; do
  command -v $tool >/dev/null || {{ echo "there is no $tool" >&2; exit {LACKS}; }}
done
if [ ! -d "$dir" ]; then
  mkdir -- "$dir" || exit {NO_PARENT}
fi
cd -- "$dir"
mkdir -p .tenfold/publications .tenfold/incoming releases
exec 9> .tenfold/lock
tries=0
until flock -n 9; do
  tries=$((tries + 1))
  [ $tries -le 10 ] || exit {BUSY}
  sleep 1
done
if [ -e current ] && [ ! -L current ]; then exit {NOT_A_LINK}; fi
now=$(readlink current || true)
[ "$now" = "$before" ] || exit {MOVED}
"""

_EXCHANGE: Final = """
ln -sfn "releases/$id" .tenfold/next
mv -T .tenfold/next current
sync . .tenfold releases 2>/dev/null || sync
"""

PUBLISH: Final = f"""{_BEGIN}
base=$4 wanted=$5 keep=$6
top=$(pwd -P)
rm -rf .tenfold/incoming/* .tenfold/next
part=$top/.tenfold/incoming/part
new=$top/.tenfold/incoming/new
trap "rm -rf .tenfold/incoming/part .tenfold/incoming/new" EXIT
trap "exit 1" HUP INT TERM PIPE
mkdir "$part"
tar -x -o -f - -C "$part" || exit {BROKE_OFF}
[ -f "$part/end" ] || exit {BROKE_OFF}
if [ -n "$base" ]; then
  cp -al "$base" "$new" 2>/dev/null || {{ rm -rf "$new"; cp -a "$base" "$new"; }}
else
  mkdir "$new"
fi
cd "$new"
xargs -0 rm -f -- < "$part/remove"
find . -depth -type d -exec rmdir {{}} + 2>/dev/null || true
if [ ! -d "$part/site" ]; then mkdir "$part/site"; fi
cp -al "$part/site/." "$new/" 2>/dev/null || cp -a "$part/site/." "$new/"
find . -type f -exec sha256sum {{}} + | sort > "$part/manifest"
found=$(sha256sum < "$part/manifest")
[ "${{found%% *}}" = "$wanted" ] || exit {DAMAGED}
[ -z "$(find . ! -type f ! -type d | head -n 1)" ] || exit {DAMAGED}
cd "$top"
if [ "$(find "$part/site" -type f | wc -l)" -le 200 ]; then
  find "$part/site" -type f -exec sync {{}} + 2>/dev/null || sync
  sync "$part/manifest" 2>/dev/null || sync
  find "$new" -type d -exec sync {{}} + 2>/dev/null || sync
else
  sync -f "$new" 2>/dev/null || sync
fi
rm -rf "releases/$id"
mv "$part/manifest" ".tenfold/publications/$id.sha256"
mv "$new" "releases/$id"
{_EXCHANGE}
ls -1 releases | sort -r | tail -n +$((keep + 2)) | while read -r old; do
  [ "$old" = "$id" ] || rm -rf "releases/$old" ".tenfold/publications/$old.sha256"
done
echo published
"""

BACK: Final = f"""{_BEGIN}
[ -d "releases/$id" ] || exit {GONE}
{_EXCHANGE}
echo published
"""
