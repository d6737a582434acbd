from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release import editable, venv
from tenfold.release.editable import Editable

from .conftest import install, write


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The skeleton of a virtual environment; nothing in it is ever run."""
    root = tmp_path / "project/.venv"
    (root / "lib/python3.12/site-packages").mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin/python").symlink_to("/bin/sh")
    (root / "pyvenv.cfg").write_text("home = /usr/bin\nVersion = 3.12.1\n")
    return root


def site(bare: Path) -> Path:
    return bare / "lib/python3.12/site-packages"


def test_what_is_installed(bare: Path) -> None:
    install(bare, "My_Tool", "1.0")
    info = install(bare, "zope.interface", "7.2", {"zope/interface/__init__.py": ""})
    (info / "METADATA").write_text(
        "Name: zope.interface\nVersion: 7.2\nRequires-Dist: setuptools>=1 ; python_version > '3'\n"
        "Requires-Dist: Sphinx ; extra == 'docs'\n\nName: not a header\n"
    )
    write(site(bare), {"old.egg-info": "Name: old\nVersion: 0.1\n", "empty.dist-info/x": ""})
    found = venv.read(bare)
    assert (found.version, found.home, found.system_site) == ("3.12.1", "/usr/bin", False)
    assert [(d.name, d.version) for d in found.distributions] == [
        ("my-tool", "1.0"),
        ("old", "0.1"),
        ("zope-interface", "7.2"),
    ]
    assert found.distributions[2].requires == ("setuptools",)
    assert "zope/interface/__init__.py" in venv.files_of(found.distributions[2])


def test_the_environment_of_an_interpreter(bare: Path, tmp_path: Path) -> None:
    assert venv.at(bare / "bin/python") == bare
    assert venv.at(tmp_path / "bin/python") is None


def test_a_broken_environment_says_how_to_make_it_anew(bare: Path) -> None:
    (bare / "bin/python").unlink()
    (bare / "bin/python").symlink_to("/gone/python3.9")
    with pytest.raises(ReleaseError, match="does not lead to an interpreter any more") as caught:
        venv.read(bare)
    assert "/usr/bin" in caught.value.what
    assert "python3 -m venv" in str(caught.value.next)


def test_two_pythons_in_one_environment_are_refused(bare: Path) -> None:
    (bare / "lib/python3.11/site-packages").mkdir(parents=True)
    with pytest.raises(ReleaseError, match="2 site-packages folders"):
        venv.read(bare)


class TestEditable:
    def find(self, bare: Path) -> Editable:
        return editable.find(bare, site(bare))

    def test_paths_out_of_the_environment_are_taken_out(self, bare: Path) -> None:
        source = bare.parent / "src"
        source.mkdir()
        write(
            site(bare),
            {
                "_shop.pth": f"{source}\n",
                "keep.pth": "import keep_me\n# comment\n",
                "mixed.pth": f"import keep_me\n{source}\n",
                "gone.pth": "/gone/away\n",
            },
        )
        found = self.find(bare)
        assert found.folders == (source,)
        assert found.drop == ("_shop.pth",)
        assert found.rewrite == (("mixed.pth", "import keep_me\n"),)

    def test_code_inside_the_environment_stays_and_moves_along(self, bare: Path) -> None:
        (bare / "src/lib").mkdir(parents=True)
        (site(bare) / "lib.pth").write_text(f"{bare}/src/lib\n")
        found = self.find(bare)
        assert (found.folders, found.drop) == ((), ())
        assert found.rewrite == (("lib.pth", "../../../src/lib\n"),)

    def test_finders_of_setuptools(self, bare: Path) -> None:
        source = bare.parent
        write(
            site(bare),
            {
                "__editable__.shop-1.0.pth": "import __editable___shop_1_0_finder; "
                "__editable___shop_1_0_finder.install()",
                "__editable___shop_1_0_finder.py": f"""
raise SystemExit("nothing of the environment is run")
MAPPING: dict[str, str] = {{'shop': '{source}/src/shop', 'one': '{source}/one'}}
NAMESPACES = {{'space.inner': ['{source}/lib/space/inner']}}
""",
            },
        )
        found = self.find(bare)
        assert found.folders == (source / "src", source, source / "lib")
        assert found.drop == ("__editable___shop_1_0_finder.py", "__editable__.shop-1.0.pth")

    def test_a_package_of_another_name_than_its_folder_is_refused(self, bare: Path) -> None:
        write(
            site(bare),
            {
                "x.pth": "import __editable___x_finder; __editable___x_finder.install()",
                "__editable___x_finder.py": "MAPPING = {'shop': '/srv/lib'}",
            },
        )
        with pytest.raises(ReleaseError, match="imports shop from /srv/lib"):
            self.find(bare)


def test_an_editable_distribution_is_known(bare: Path) -> None:
    info = install(bare, "shop", "1.0")
    (info / "direct_url.json").write_text(
        json.dumps({"url": "file:///srv/shop", "dir_info": {"editable": True}})
    )
    install(bare, "other", "1.0")
    assert [d.editable for d in venv.read(bare).distributions] == [False, True]
