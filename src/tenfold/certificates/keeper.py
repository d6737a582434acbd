"""The keeper's life: sleep until something is due, try, remember how it went, be small again."""

from __future__ import annotations

import datetime
import hashlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tenfold.agent.diary import say
from tenfold.agent.store import replace_file
from tenfold.certificates import deciding, looking
from tenfold.certificates.config import Config, read
from tenfold.certificates.state import Fault, State, digest, load, save

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from tenfold.certificates.authority import Authority
    from tenfold.certificates.pem import Facts

ASK_AGAIN_SECONDS = 6 * 3600.0
LONGEST_SLEEP_SECONDS = 60.0
"""The clock may be set meanwhile, and a machine may have slept."""
ASK = signal.SIGHUP
OPTIONS = ("-I", "-m", "tenfold.certificates")


def keep(config_path: Path) -> None:
    """Keep the certificate until somebody ends this process. Never returns.

    Raises:
        OSError, ValueError, KeyError: the configuration cannot be read, or its folder not written.
    """
    # Waited for, never handled: a person's wish that comes in the middle of an attempt stays.
    signal.pthread_sigmask(signal.SIG_BLOCK, {ASK})
    config = read(config_path)
    config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    forget_proofs(config)
    state = known(config, load(config.state, time.time())).cut_off()
    save(config.state, state)
    config.ready.touch()
    if wait(config, state) == "order":
        attempt(config, state)
    else:
        ask(config, state)
    # What an attempt needs is some 40 MB; a fresh process is a tenth of it. The mask is inherited.
    os.execv(sys.executable, [sys.executable, *OPTIONS, *sys.argv[1:]])  # noqa: S606 - itself


def wait(config: Config, state: State) -> Literal["order", "ask"]:
    """Until the next attempt is due, or somebody asks for one, or the authority may have an opinion
    on when to renew."""
    asked = False
    while True:
        now = time.time()
        due = deciding.next_attempt(state, config.names, config.directory, now, _chance(state))
        if asked:
            due = min(due, deciding.asked_for(state, now))
        if due <= now:
            return "order"
        if 0 < state.ask_again_at <= now:
            return "ask"
        told = signal.sigtimedwait({ASK}, min(due - now, LONGEST_SLEEP_SECONDS))
        asked = asked or told is not None


def known(config: Config, state: State) -> State:
    """The state, with what the file says if that is not the one that was remembered."""
    if state.file and digest(config.site) == state.file:
        return state
    from tenfold.certificates import pem  # of all that a sleeping keeper does, only this needs it

    if not config.site.exists():
        placeholder(config.site, config.names)
    text = config.site.read_text()
    try:
        pem.read_key(text)
        found = pem.facts(text)
    except ValueError as error:
        say(f"{config.site.name} is of no use, it becomes {config.site.name}.unreadable: {error}")
        config.site.replace(config.site.with_name(f"{config.site.name}.unreadable"))
        return known(config, state)
    arrived = state.trying and not found.self_signed and set(config.names) <= set(found.names)
    if arrived:  # It came in the last attempt, which was cut off before it could be told.
        state = replace(state, failures=0, trying=False, fault={})
    return replace(
        state,
        file=digest(config.site),
        authority=config.directory if arrived else "",
        names=config.names if arrived else found.names,
        issuer="" if found.self_signed else found.issuer,
        serial=found.serial,
        not_before=found.not_before,
        not_after=found.not_after,
        renew_at=0.0,
        ask_again_at=0.0,
    )


def forget_proofs(config: Config) -> None:
    """Remove what an attempt that was killed left for authorities to see."""
    if config.challenges.is_dir():
        for file in config.challenges.iterdir():
            file.unlink()


def placeholder(site: Path, names: Sequence[str]) -> None:
    """Have a self-signed certificate, so that the edge can speak TLS at all."""
    from tenfold.certificates import pem

    key = pem.new_key()
    made = pem.self_signed(key, names, datetime.datetime.now(datetime.UTC))
    site.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(site, (pem.key_text(key) + made).encode(), 0o600)
    say(f"made a self-signed certificate for {', '.join(names)}")


def attempt(config: Config, state: State) -> None:
    """Look, order, put in place; or remember why not.

    That an attempt began is remembered before it begins: a keeper that dies in the middle of it,
    time and again, waits longer and longer all the same.
    """
    begun = state.begun(time.time())
    save(config.state, begun)
    try:
        done = _renewed(config, begun)
    except Fault as fault:
        done = _failed(config, state, fault)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}"
        done = _failed(config, state, Fault("own", told, "free some space, or mend its mode"))
    save(config.state, done)


def _failed(config: Config, before: State, fault: Fault) -> State:
    say(f"no certificate: {fault.what}")
    now = time.time()
    return replace(load(config.state, now), failures=before.failures).failed(fault, now)


def _renewed(config: Config, state: State) -> State:
    from tenfold.certificates import pem

    silent = looking.require_here(config.names, config.challenges, secrets.token_urlsafe(24))
    for one in silent:
        say(f"{one.name} does not answer from here at {one.address}: {one.detail}")
    key, authority = pem.read_key(config.site.read_text()), _authority(config)
    state = replace(state, orders=deciding.remembered(state.orders, time.time()))
    save(config.state, state)
    say(f"asks {config.directory} for {', '.join(config.names)}")
    chain = authority.order(key, config.names, config.challenges)
    found = _checked(chain, key, config.names)
    replace_file(config.site, (pem.key_text(key) + chain).encode(), 0o600)
    until = datetime.datetime.fromtimestamp(found.not_after, datetime.UTC)
    say(f"has a certificate from {found.issuer}, valid until {until:%Y-%m-%d %H:%M} UTC")
    done = replace(
        state,
        authority=config.directory,
        names=tuple(config.names),
        file=digest(config.site),
        issuer=found.issuer,
        serial=found.serial,
        not_before=found.not_before,
        not_after=found.not_after,
        renew_at=0.0,
        failures=0,
        trying=False,
        wait_until=0.0,
        fault={},
    )
    save(config.state, done)
    return _with_suggestion(authority, chain, done)


def ask(config: Config, state: State) -> None:
    """Hear when the authority would like to see us again: earlier, if it has to revoke."""
    save(config.state, _with_suggestion(_authority(config), config.site.read_text(), state))


def _with_suggestion(authority: Authority, chain: str, state: State) -> State:
    """It is no fault of ours if it does not say."""
    try:
        renew_at, again_at = authority.suggestion(chain)
    except Fault as fault:
        say(f"no word on when to renew: {fault.what}")
        return replace(state, ask_again_at=time.time() + ASK_AGAIN_SECONDS)
    return replace(state, renew_at=renew_at, ask_again_at=again_at if renew_at else 0.0)


def _authority(config: Config) -> Authority:
    """The authority, and the key of the account there, which is made once."""
    from tenfold.certificates import pem
    from tenfold.certificates.authority import Authority

    name = hashlib.sha256(config.directory.encode()).hexdigest()[:12]
    path = config.folder / f"account-{name}.pem"
    if not path.exists():
        replace_file(path, pem.key_text(pem.new_key()).encode(), 0o600)
    account = pem.read_key(path.read_text())
    return Authority(config.directory, account, config.roots, config.email)


def _checked(chain: str, key: EllipticCurvePrivateKey, names: Sequence[str]) -> Facts:
    """What the certificate says. Raises ``Fault`` if it is not the one that was asked for."""
    from tenfold.certificates import pem

    try:
        found = pem.facts(chain)
        if pem.belongs(chain, key) and set(names) <= set(found.names):
            return found
    except ValueError as error:
        say(f"the authority sent no certificate: {error}")
    raise Fault(
        "authority",
        "the authority sent a certificate that is not the one that was asked for",
        "the present certificate stays; it is tried again by itself",
    )


def _chance(state: State) -> float:
    """From 0 to 1, the same for one certificate and one number of failures."""
    seed = f"{state.serial}:{state.failures}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") / 2**32
