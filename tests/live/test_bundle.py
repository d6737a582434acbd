"""A support bundle of a running site: what helps is in it, and no secret that lay anywhere."""

from __future__ import annotations

import base64
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]
Bring = Callable[[Any], Project]

PLANTED = {
    "API_KEY": "canary-in-the-shell-1f3a",
    "CACHE_URL": "redis://:canary%2Fin-a-url-77b1@cache.example:6379/0",
}
WRITTEN = "canary-in-the-file-aa90"
DOTENV = "canary-in-dotenv-55c2"
PRINTED = "canary-in-a-log-90de"
KEPT = "canary-that-tenfold-keeps-4be1"
TOML = f"""
[env]
API_KEY = "${{API_KEY}}"
CACHE_URL = "${{CACHE_URL}}"
# the old one was {WRITTEN}-old
WRITTEN = "{WRITTEN}"
"""
NOISY = f'''
import logging
import os

logging.warning("connecting to postgres://app:{PRINTED}@db.example/shop")
logging.warning("password=%s token: %s", "{PRINTED}", "{PRINTED}")
logging.warning("environment %r", dict(os.environ))
logging.warning("GET /reset?token={PRINTED} from 203.0.113.7 for jo.{PRINTED}@example.org")
'''


def unpacked(path: Path, into: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        archive.extractall(into, filter="data")
    (top,) = into.iterdir()
    return {str(p.relative_to(top)): p.read_text() for p in top.rglob("*") if p.is_file()}


def spelled(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}


def test_no_secret_that_lay_anywhere_is_in_a_bundle(bring: Bring, tmp_path: Path) -> None:
    project = bring(apps.ledger)
    spec = project.path / "tenfold.toml"
    spec.write_text(spec.read_text() + TOML)
    project.write("noisy.py", NOISY)
    project.write(".env", f"STRIPE_SECRET={DOTENV}\n")
    source = project.path / "ledger.py"
    source.write_text(source.read_text().replace("import psycopg", "import noisy\nimport psycopg"))
    done = project.tenfold(
        "secrets", "set", "KEPT", "--from-env", "KEPT_KEY", env={"KEPT_KEY": KEPT}
    )
    assert done.returncode == 0, done.stderr
    done = project.tenfold("up", "-d", "--port", str(project.port), env=PLANTED)
    assert done.returncode == 0, done.stderr
    project.get(f"/?password={PRINTED}")

    bundle = tmp_path / "support.tar.gz"
    done = project.tenfold("doctor", "--bundle", str(bundle), env=PLANTED)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert str(bundle) in done.stdout
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    files = unpacked(bundle, tmp_path / "bundle")

    generated = json.loads((project.path / ".tenfold/secrets.json").read_text())
    assert len(generated) > 4
    secrets = {
        *PLANTED.values(), *generated.values(), WRITTEN, DOTENV, PRINTED, KEPT, "canary",
        "203.0.113.7", "canary/in-a-url-77b1",
    }  # fmt: skip
    found = {
        (name, secret)
        for secret in secrets
        for name, text in files.items()
        if any(s in name + text for s in spelled(secret))
    }
    assert found == set()

    logs = "".join(text for name, text in files.items() if name.startswith("logs/"))
    assert logs.count("********") >= 5, "the canaries were there, and are masked"
    assert "connecting to postgres://********@db.example/shop" in logs
    assert {"README.txt", "doctor.json", "status.json", "versions.json", "topology.json",
            "journal.json", "audit.json", "tenfold.toml",
            "logs/vm1/edge.log"} <= set(files)  # fmt: skip
    assert any(n.startswith("config/vm1/") and n.endswith("nginx.conf") for n in files)
    assert any("pgpass: it holds passwords" in line for line in files["README.txt"].splitlines())
    assert json.loads(files["doctor.json"])["app"] == "ledger"
    assert json.loads(files["status.json"])["state"] == "running"
    assert json.loads(files["journal.json"])["transitions"][0]["kind"] == "up"
    assert 'app = "ledger:application"' in files["tenfold.toml"]


def test_a_bundle_before_the_first_up_and_where_it_may_lie(bring: Bring, tmp_path: Path) -> None:
    project = bring(apps.ledger)
    bundle = tmp_path / "support.tar.gz"
    told = json.loads(project.ok("doctor", "--json", "--bundle", str(bundle)))
    assert told["bundle"]["path"] == str(bundle)
    files = unpacked(bundle, tmp_path / "bundle")
    assert set(files) == {"README.txt", "doctor.json", "tenfold.toml", "versions.json"}
    assert "it was never brought up" in files["README.txt"]
    assert not (project.path / ".tenfold").exists()

    (project.path / ".tenfold").mkdir()
    (project.path / ".tenfold/secrets.json").write_text("{}")
    (project.path / ".tenfold/secrets.json").chmod(0o644)
    done = project.tenfold("doctor", "--bundle", str(tmp_path / "unknown.tar.gz"))
    assert done.returncode == 1
    assert "can be read by others" in done.stderr
    assert not (tmp_path / "unknown.tar.gz").exists()
    (project.path / ".tenfold/secrets.json").chmod(0o600)

    before = bundle.read_bytes()
    for path in (bundle, tmp_path / "nowhere" / "support.tar.gz"):
        done = project.tenfold("doctor", "--bundle", str(path))
        assert done.returncode == 2
    assert bundle.read_bytes() == before
    os.symlink(tmp_path / "elsewhere", tmp_path / "link.tar.gz")
    assert project.tenfold("doctor", "--bundle", str(tmp_path / "link.tar.gz")).returncode == 2
    assert not (tmp_path / "elsewhere").exists()
    assert not list(tmp_path.glob(".bundle-*"))
