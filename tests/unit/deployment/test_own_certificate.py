"""The user's own certificate, read and checked before anything is touched."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from tenfold.certificates import pem
from tenfold.deployment.own_certificate import (
    OwnCertificate,
    own_certificate,
    standing,
    trusted_roots,
)
from tenfold.errors import Refused
from tenfold.spec.model import AppSpec
from tenfold.spec.read import parse
from tenfold.state.layout import Layout

OWN = 'domain = "a.org"\ntls = { certificate = "chain.pem", key = "tls/key.pem" }\n'


def spec(text: str = OWN) -> AppSpec:
    return parse(f'name = "shop"\napp = "shop:app"\n[edge]\n{text}')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    key = pem.new_key()
    now = datetime.datetime.now(datetime.UTC)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "key.pem").write_text(pem.key_text(key))
    (tmp_path / "chain.pem").write_text(pem.self_signed(key, ["a.org"], now))
    (tmp_path / "tenfold.toml").write_text("")
    return tmp_path


def test_key_and_chain_are_one_text(project: Path) -> None:
    found = own_certificate(spec(), Layout(project))
    assert found is not None
    text = found.reveal()
    assert pem.belongs(text, pem.read_key(text))
    assert pem.facts(text).names == ("a.org",)


def test_without_files_there_is_nothing_to_read(project: Path) -> None:
    assert own_certificate(spec(""), Layout(project)) is None


def break_pair(project: Path) -> None:
    (project / "tls" / "key.pem").write_text(pem.key_text(pem.new_key()))


def remove_key(project: Path) -> None:
    (project / "tls" / "key.pem").unlink()


def something_else(project: Path) -> None:
    (project / "chain.pem").write_text("hello")


def no_text(project: Path) -> None:
    (project / "chain.pem").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (break_pair, "no certificate with its key: key values mismatch"),
        (remove_key, "key.pem cannot be read: No such file"),
        (something_else, "no certificate with its key"),
        (no_text, "chain.pem is no PEM file"),
    ],
)
def test_what_does_not_fit_is_refused_without_a_word_of_the_key(project, spoil, told) -> None:
    key = (project / "tls" / "key.pem").read_text()
    spoil(project)
    with pytest.raises(Refused) as caught:
        own_certificate(spec(), Layout(project))
    assert told in caught.value.what
    assert key.splitlines()[1] not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could read for others")
def test_root_reads_no_key_because_somebody_elses_file_names_it(project: Path) -> None:
    os.chown(project / "tenfold.toml", 65534, 65534)
    with pytest.raises(Refused, match="root does not read the key"):
        own_certificate(spec(), Layout(project))


def test_of_the_authoritys_file_only_certificates_are_taken(project: Path) -> None:
    both = (project / "tls" / "key.pem").read_text() + (project / "chain.pem").read_text()
    (project / "ca.pem").write_text(both)
    found = trusted_roots(spec('acme_ca = "ca.pem"\n'), Layout(project))
    assert found.count("BEGIN CERTIFICATE") == 1
    assert "KEY" not in found


def test_a_file_without_an_authority_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match="has no certificate of an authority"):
        trusted_roots(spec('acme_ca = "tls/key.pem"\n'), Layout(project))


DAY = 86_400.0
MADE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def shown(project: Path, *, days: float, after_days: float) -> OwnCertificate:
    """How one stands that was made for so long, so many days after it was made."""
    text = pem.self_signed(pem.new_key(), ["a.org"], MADE, days=days)
    (project / "chain.pem").write_text(text)
    now = MADE.timestamp() + after_days * DAY
    return standing(spec(), Layout(project), text, now)


@pytest.mark.parametrize(
    ("days", "after_days", "urgent", "words"),
    [
        (90, 50, False, "good for 40 days"),
        (90, 61, True, "the certificate of a.org ends in 29 days, and nobody here renews it"),
        (365, 336, True, "ends in 29 days"),
        (6, 3, False, "good for 3 days"),  # of one that lives for days, the last third counts
        (6, 5, True, "ends in 24 hours"),
        (90, 93, True, "ended 3 days ago: browsers refuse it"),
        (90, -3, True, "is good in 2 days only: browsers refuse it"),
    ],
)
def test_one_that_serves_is_told_of_in_time(
    project: Path, days: float, after_days: float, urgent: bool, words: str
) -> None:
    found = shown(project, days=days, after_days=after_days)
    assert found.urgent is urgent
    assert words in found.sentences()[0]
    told = found.to_json()
    assert (told["kind"], told["urgent"], bool(told["problem"])) == ("own", urgent, urgent)
    assert told["days_left"] == pytest.approx(days - after_days, abs=0.01)


def test_what_to_do_depends_on_whether_there_is_a_new_one_already(project: Path) -> None:
    found = shown(project, days=90, after_days=70)
    assert (
        found.sentences()[1] == "put a new one into chain.pem and tls/key.pem, then tenfold deploy"
    )
    text = (project / "chain.pem").read_text()
    new = pem.self_signed(pem.new_key(), ["a.org"], MADE, days=200)
    (project / "chain.pem").write_text(new)
    found = standing(spec(), Layout(project), text, found.now)
    assert (
        "chain.pem has a later one, good for 130 days: tenfold deploy brings it"
        in (found.sentences()[1])
    )
    (project / "chain.pem").write_text("no certificate")
    assert standing(spec(), Layout(project), text, found.now).next_until is None
    (project / "chain.pem").unlink()
    assert standing(spec(), Layout(project), text, found.now).next_until is None


def test_a_text_without_a_certificate_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        standing(spec(), Layout(project), "", 0.0)
