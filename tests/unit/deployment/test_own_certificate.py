"""The user's own certificate, read and checked before anything is touched."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from tenfold.certificates import pem
from tenfold.deployment.own_certificate import own_certificate, trusted_roots
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
