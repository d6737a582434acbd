from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenfold.release.files import Account
from tenfold.release.scratch import discard

NOBODY = Account(65534, 65534)
# An interpreter that everybody may execute, for tests in which root becomes somebody else.
SYSTEM_PYTHON = Path("/usr/bin/python3")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with an identity and nothing of the machine's configuration."""
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")},
    }  # fmt: skip
    options = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *options, *arguments], cwd=folder, env=environ, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(root: Path, message: str = "more") -> str:
    """Everything that git does not ignore, as a commit; gives its id."""
    git(root, "add", "--all", ".")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small app in a repository of its own, not committed yet."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "--quiet")
    write(
        root,
        {
            "shop/__init__.py": "",
            "shop/main.py": "async def app(scope, receive, send): ...\n",
            "static/site.css": "body {}\n",
            ".gitignore": ".venv/\n.tenfold/\n__pycache__/\n*.log\n",
        },
    )
    return root


def wheel(folder: Path, name: str, version: str, body: str = "") -> Path:
    """A wheel with one module, which prints its version when it is run as a command."""
    info = f"{name}-{version}.dist-info"
    code = f'{body}\n__version__ = "{version}"\n\n\ndef main():\n    print(__version__)\n'
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


def pip(venv: Path, *arguments: str) -> None:
    """Have this interpreter's pip install into an environment that has none itself."""
    into = ("--python", str(venv / "bin/python"), "--disable-pip-version-check", "--no-input")
    options = ("--quiet", "--no-index", "--no-deps")
    pip = [sys.executable, "-m", "pip", *into, "install", *options]
    subprocess.run([*pip, *arguments], check=True)


@pytest.fixture(scope="session")
def full_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with one small package; not to be changed by tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    pip(venv, str(wheel(folder, "tinytool", "1.0")))
    return venv


@pytest.fixture
def venv(full_venv: Path, project: Path) -> Path:
    """The project's own ``.venv``, with its scripts in their place; free to be changed."""
    path = project / ".venv"
    shutil.copytree(full_venv, path, symlinks=True)
    for script in (path / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            raw = script.read_bytes()
            script.write_bytes(raw.replace(bytes(full_venv), bytes(path)))
    return path


def site_of(venv: Path) -> Path:
    return next(venv.glob("lib/*/site-packages"))


def install(venv: Path, name: str, version: str, files: dict[str, str] | None = None) -> Path:
    """A distribution as an installer leaves it, without waiting for one; gives its dist-info."""
    site = site_of(venv)
    info = site / f"{name}-{version}.dist-info"
    write(site, {f"{info.name}/METADATA": f"Name: {name}\nVersion: {version}\n", **(files or {})})
    listed = [*(files or {}), f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in listed))
    return info


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may enter; those of pytest are for its user alone."""
    path = Path(tempfile.mkdtemp(prefix="tenfold-"))
    path.chmod(0o755)
    yield path
    discard(path)


@pytest.fixture
def thawed() -> Iterator[Callable[[Path], None]]:
    """Makes trees writable again, so that pytest can remove them where it is not root."""
    roots: list[Path] = []
    yield roots.append
    for root in roots:
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o755)


@pytest.fixture
def state(tmp_path: Path, thawed: Callable[[Path], None]) -> Path:
    """The state directory; outside of the project, as nothing depends on where it is."""
    path = tmp_path / "state"
    path.mkdir()
    thawed(path)
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system, and not everywhere")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
