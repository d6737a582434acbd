"""The keeper's unit: what it is told, and how it runs."""

from __future__ import annotations

import json
from pathlib import Path

from tenfold.certificates import config
from tenfold.engines.acme import Acme
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import CertificateSettings
from tenfold.wiring.document import Document

ROOT = "/srv/shop/.tenfold/hosts/vm1"


def scene(settings: CertificateSettings) -> tuple[Unit, Scene]:
    unit = Unit("certificates", "acme", "vm1", settings)
    host = Host("vm1")
    place = Place(
        config=f"{ROOT}/config/certificates",
        data=f"{ROOT}/data/certificates",
        run="/tmp/shop",
        logs=f"{ROOT}/logs",
        assets=f"{ROOT}/assets",
        address="127.0.0.2",
        binaries={"python": "/opt/tenfold/bin/python"},
    )
    topology = Topology("shop", "10", (host,), (unit,))
    secrets = {"edge.acme_ca": Secret("PEM")}
    return unit, Scene(host, topology, Document("shop", "10"), place, secrets)


OWN = CertificateSettings(("a.org", "www.a.org"), "https://ca.example/dir", "anna@a.org", True)


def test_the_keeper_reads_what_is_written_for_it(tmp_path: Path) -> None:
    told, roots = Acme().render(*scene(OWN))
    assert (told.path, told.mode) == (f"{ROOT}/config/certificates/keeper.json", 0o644)
    assert isinstance(told.text, str)
    (tmp_path / "keeper.json").write_text(told.text)
    found = config.read(tmp_path / "keeper.json")
    assert found.names == OWN.names
    assert (found.directory, found.email) == (OWN.directory, OWN.email)
    assert (found.roots, found.folder) == (roots.path, Path(f"{ROOT}/data/certificates"))
    assert found.site == Path(f"{ROOT}/data/certificates/site.pem")


def test_without_roots_of_ones_own_there_is_one_file() -> None:
    (told,) = Acme().render(*scene(CertificateSettings(("a.org",), "https://ca.example/dir")))
    assert json.loads(str(told.text))["roots"] == ""


def test_it_owns_no_socket_and_is_asked_by_a_signal() -> None:
    launch = Acme().launch(*scene(OWN))
    assert launch.argv[:4] == ("/opt/tenfold/bin/python", "-I", "-m", "tenfold.certificates")
    assert launch.argv[4:] == ("keep", f"{ROOT}/config/certificates/keeper.json")
    assert (launch.sockets, launch.env, launch.reload) == ((), {}, "SIGHUP")
    assert launch.prepare[0].argv == ("rm", "-f", f"{ROOT}/data/certificates/ready")
    assert launch.ready.argv == ("test", "-e", f"{ROOT}/data/certificates/ready")
