"""``python -I -m tenfold.leash keep CONFIG``; ``begin CONFIG`` before it."""

import json
import sys

from tenfold.leash import etcd
from tenfold.leash.config import Config, read
from tenfold.leash.ending import say
from tenfold.leash.guarding import guard
from tenfold.leash.keeping import keep


def main(order: str, path: str, *more: str) -> int:
    """Carry the order out; gives the exit code."""
    config = read(path)
    if order == "begin":
        return begin(config)
    if order == "guard":
        return guard(config, int(more[0]), int(more[1]))
    return keep(config, path)


def begin(config: Config) -> int:
    """Give the cluster its configuration, if it has none: Patroni would start with its own."""
    try:
        etcd.of(config).create(f"{config.prefix}config", json.dumps(config.dynamic))
    except etcd.Unreachable as fault:
        say(f"etcd cannot be asked for the cluster's configuration: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
