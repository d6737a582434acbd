"""As much of curl as the pages use, where it is not there: ``curl.py -s [-d NAME=VALUE] URL``."""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-d", action="append", default=[])
parser.add_argument("url")
asked = parser.parse_args()
try:
    with urllib.request.urlopen(asked.url, "&".join(asked.d).encode() or None, 60) as answer:
        sys.stdout.buffer.write(answer.read())
except urllib.error.HTTPError as refused:
    sys.stdout.buffer.write(refused.read())
except OSError:
    sys.exit(7)
