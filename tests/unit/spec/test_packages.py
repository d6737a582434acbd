"""Which packages a project declares, from the files of every tool."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from tenfold.errors import UsageError
from tenfold.spec import packages
from tenfold.spec.packages import Declared
from tenfold.spec.packages.pythons import specifiers

UV = """
    version = 1
    requires-python = ">=3.12"

    [[package]]
    name = "shop"
    version = "0.1.0"
    source = { editable = "." }
    dependencies = [{ name = "uvicorn", extra = ["standard"] }, { name = "Flask_Thing" }]

    [package.dev-dependencies]
    dev = [{ name = "gunicorn" }]

    [[package]]
    name = "uvicorn"
    version = "0.35.0"
    source = { registry = "https://index.example/simple" }
    dependencies = [{ name = "h11" }]

    [package.optional-dependencies]
    standard = [{ name = "uvloop", marker = "sys_platform != 'win32'" }]
    watch = [{ name = "watchfiles" }]

    [[package]]
    name = "Flask_Thing"
    version = "1.0"
    source = { registry = "https://index.example/simple" }
    dependencies = [{ name = "uvicorn" }]
""" + "".join(
    f'\n    [[package]]\n    name = "{name}"\n    version = "1"\n'
    for name in ("h11", "uvloop", "watchfiles", "gunicorn")
)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


def found(root: Path, files: dict[str, str]) -> Declared:
    declared = packages.find(write(root, files))
    assert declared is not None
    return declared


def test_uv_names_what_serving_needs_and_nothing_of_other_groups_and_extras(tmp_path: Path) -> None:
    declared = found(tmp_path, {"uv.lock": UV, "pyproject.toml": "[build-system]\n"})
    assert set(declared.packages) == {"uvicorn", "flask-thing", "h11", "uvloop"}
    assert declared.packages["uvicorn"].version == "0.35.0"
    assert declared.kind == "uv"
    assert declared.locked
    assert declared.own
    assert declared.texts == ("uv.lock", "pyproject.toml")
    assert declared.python.allows("3.12.1")
    assert not declared.python.allows("3.11.9")
    assert declared.python.where == "uv.lock"


@pytest.mark.parametrize(
    ("source", "local", "leaving"),
    [
        ('{ directory = "lib/inner" }', ("lib/inner",), ()),
        ('{ path = "wheels/inner-1-py3-none-any.whl" }', ("wheels/inner-1-py3-none-any.whl",), ()),
        ('{ editable = "../shared" }', ("../shared",), ("../shared",)),
        ('{ registry = "https://index.example/simple" }', (), ()),
    ],
)
def test_uv_packages_of_this_machine(
    tmp_path: Path, source: str, local: tuple[str, ...], leaving: tuple[str, ...]
) -> None:
    more = f'\n[[package]]\nname = "inner"\nversion = "1"\nsource = {source}\n'
    declared = found(tmp_path, {"uv.lock": textwrap.dedent(UV) + more, "pyproject.toml": ""})
    assert declared.local == local
    assert declared.leaving == leaving


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ("", False),
        ("[build-system]\nrequires = []\n", True),
        ("[build-system]\nrequires = []\n[tool.uv]\npackage = false\n", False),
        ("[tool.uv]\npackage = true\n", True),
    ],
)
def test_uv_installs_the_project_itself_where_it_says_so(
    tmp_path: Path, told: str, own: bool
) -> None:
    assert found(tmp_path, {"uv.lock": UV, "pyproject.toml": told}).own is own


POETRY = """
    [[package]]
    name = "fastapi"
    version = "0.115.0"
    groups = ["main", "dev"]

    [[package]]
    name = "pytest"
    version = "8.0"
    groups = ["dev"]

    [[package]]
    name = "old"
    version = "1.0"
    category = "main"

    [[package]]
    name = "lib"
    version = "0.1"
    groups = ["main"]

    [package.source]
    type = "directory"
    url = "libs/lib"

    [metadata]
    lock-version = "2.1"
    python-versions = "^3.11"
"""


def test_poetry(tmp_path: Path) -> None:
    declared = found(
        tmp_path,
        {
            "poetry.lock": POETRY,
            "pyproject.toml": '[tool.poetry]\nname = "my-shop"\n',
            "my_shop/__init__.py": "",
        },
    )
    assert set(declared.packages) == {"fastapi", "old", "lib"}
    assert declared.local == ("libs/lib",)
    assert declared.own
    assert declared.python.allows("3.13.0")
    assert not declared.python.allows("4.0.0")


@pytest.mark.parametrize(
    ("project", "files"),
    [
        ('[tool.poetry]\nname = "shop"\n', {}),
        ('[tool.poetry]\nname = "shop"\npackage-mode = false\n', {"shop/__init__.py": ""}),
    ],
)
def test_poetry_does_not_install_a_project_that_is_no_package(
    tmp_path: Path, project: str, files: dict[str, str]
) -> None:
    declared = found(tmp_path, {"poetry.lock": POETRY, "pyproject.toml": project, **files})
    assert not declared.own


def test_poetry_without_its_lock_is_still_poetry(tmp_path: Path) -> None:
    text = """
        [tool.poetry]
        name = "shop"
        [tool.poetry.dependencies]
        python = "^3.11"
        Flask = "3.1.0"
        gevent = { version = "*", optional = true }
        lib = { path = "../lib" }
    """
    declared = found(tmp_path, {"pyproject.toml": text})
    assert (declared.kind, declared.locked) == ("poetry", False)
    assert set(declared.packages) == {"flask", "lib"}
    assert declared.packages["flask"].version == "3.1.0"
    assert declared.leaving == ("../lib",)


def test_pdm(tmp_path: Path) -> None:
    lock = """
        [metadata]
        groups = ["default", "test"]
        [[package]]
        name = "starlette"
        version = "0.45"
        groups = ["default"]
        [[package]]
        name = "httpx"
        version = "0.28"
        groups = ["test"]
        [[package]]
        name = "lib"
        version = "0"
        path = "./lib"
        groups = ["default"]
    """
    declared = found(
        tmp_path, {"pdm.lock": lock, "pyproject.toml": "[tool.pdm]\ndistribution = true\n"}
    )
    assert set(declared.packages) == {"starlette", "lib"}
    assert declared.local == ("lib",)
    assert declared.own


def test_pylock(tmp_path: Path) -> None:
    lock = """
        lock-version = "1.0"
        requires-python = ">=3.11"
        [[packages]]
        name = "litestar"
        version = "2.15"
        [[packages]]
        name = "lib"
        [packages.directory]
        path = "./lib"
    """
    declared = found(tmp_path, {"pylock.toml": lock})
    assert declared.locked
    assert set(declared.packages) == {"litestar", "lib"}
    assert declared.local == ("lib",)
    assert not declared.own


@pytest.mark.parametrize(
    ("project", "file", "left"),
    [
        ("", "uv.lock", "poetry.lock, pdm.lock"),
        ("[tool.poetry]\n", "poetry.lock", "uv.lock, pdm.lock"),
        ("[tool.pdm]\n", "pdm.lock", "uv.lock, poetry.lock"),
    ],
)
def test_of_several_locks_the_one_of_the_tool_that_is_set_up_counts(
    tmp_path: Path, project: str, file: str, left: str
) -> None:
    declared = found(
        tmp_path, {"uv.lock": UV, "poetry.lock": POETRY, "pdm.lock": "", "pyproject.toml": project}
    )
    assert declared.file == file
    assert declared.notes == (f"{left} is not used: {file} is there as well",)


def test_requirements_files_and_what_they_name(tmp_path: Path) -> None:
    declared = found(
        tmp_path,
        {
            "requirements.txt": """
                # for the site
                -r requirements/base.txt
                --extra-index-url https://user:${TOKEN}@pypi.example/simple
                Flask[async]==3.1.0 ; python_version > "3" --hash=sha256:aaa \\
                    --hash=sha256:bbb
                gunicorn>=23  # the server
                inner @ git+https://example.org/inner.git@v1
                -e .
            """,
            "requirements/base.txt": "-c limits.txt\n./libs/tool[extra]\nDj_Thing==2.*\n",
            "requirements/limits.txt": "urllib3<3\n",
            "pyproject.toml": "[build-system]\n",
        },
    )
    assert {p.name: p.version for p in declared.packages.values()} == {
        "flask": "3.1.0", "gunicorn": "", "inner": "", "dj-thing": "",
    }  # fmt: skip
    assert declared.texts == (
        "requirements.txt", "requirements/base.txt", "requirements/limits.txt", "pyproject.toml",
    )  # fmt: skip
    assert declared.local == ("libs/tool",)
    assert declared.own


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("-e ../lib", "../lib"),
        ("--editable=./lib", "lib"),
        ("lib @ file:///srv/lib", "/srv/lib"),
        ("wheels/a-1-py3-none-any.whl", "wheels/a-1-py3-none-any.whl"),
        ("https://example.org/a-1-py3-none-any.whl", None),
        ("git+ssh://git@example.org/a.git", None),
    ],
)
def test_requirements_of_this_machine(tmp_path: Path, line: str, local: str | None) -> None:
    declared = found(tmp_path, {"requirements.txt": f"{line}\n"})
    assert declared.local == ((local,) if local else ())


def test_the_requirements_file_that_fits(tmp_path: Path) -> None:
    write(tmp_path, {"requirements/dev.txt": "pytest\n", "requirements/base.txt": "flask\n"})
    assert found(tmp_path, {}).file == "requirements/base.txt"
    assert (
        found(tmp_path, {"requirements/production.txt": ""}).file == "requirements/production.txt"
    )
    assert found(tmp_path, {"requirements.txt": ""}).file == "requirements.txt"
    assert found(tmp_path, {"uv.lock": UV}).file == "uv.lock"


def test_pyproject_alone(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = ["flask==3.1", "a"]\n'
    declared = found(tmp_path, {"pyproject.toml": text})
    assert (declared.kind, declared.own) == ("pyproject", False)
    assert set(declared.packages) == {"flask", "a"}


@pytest.mark.parametrize("files", [{}, {"pyproject.toml": "[tool.ruff]\n"}, {"dev.txt": "flask"}])
def test_nothing_is_declared(tmp_path: Path, files: dict[str, str]) -> None:
    assert packages.find(write(tmp_path, files)) is None


def test_shapes_that_nobody_writes_are_not_stumbled_over(tmp_path: Path) -> None:
    lock = 'package = ["x", 3]\nrequires-python = 3\n[metadata]\npython-versions = []\n'
    declared = found(tmp_path, {"uv.lock": lock, "pyproject.toml": "tool = 3\nproject = 4\n"})
    assert declared.packages == {}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"uv.lock": "version = ["}, "uv.lock is no TOML"),
        ({"pyproject.toml": "oops"}, "pyproject.toml is no TOML"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        packages.find(write(tmp_path, files))


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("flask # schön".encode("utf-16"))
    with pytest.raises(UsageError, match=r"requirements\.txt is not UTF-8"):
        packages.find(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "flask"})
    (tmp_path / "requirements.txt").chmod(0)
    with pytest.raises(UsageError, match=r"requirements\.txt cannot be read: permission denied"):
        packages.find(tmp_path)


@pytest.mark.parametrize(
    ("text", "fits", "does_not"),
    [
        (">=3.11,<4", "3.12.0", "3.10.0"),
        ("^3.11", "3.13.2", "4.0.0"),
        ("~3.11", "3.11.9", "3.12.0"),
        ("~3.11 || ^3.13", "3.13.0", "3.12.0"),
        ("3.12.*", "3.12.4", "3.11.0"),
        (">=3.11 <3.13", "3.12.9", "3.13.0"),
    ],
)
def test_pythons_as_pep_440_and_poetry_write_them(text: str, fits: str, does_not: str) -> None:
    allowed = specifiers(text)
    assert any(s.contains(fits) for s in allowed)
    assert not any(s.contains(does_not) for s in allowed)


def test_what_cannot_be_understood_allows_everything() -> None:
    assert specifiers("the newest, please") == ()


@pytest.mark.parametrize(
    ("file", "text", "pinned"),
    [
        (".python-version", "3.12\n", "3.12"),
        (".python-version", "cpython-3.12.4\n", "3.12.4"),
        ("runtime.txt", "python-3.11.9\n", "3.11.9"),
    ],
)
def test_a_python_that_is_asked_for_by_name(
    tmp_path: Path, file: str, text: str, pinned: str
) -> None:
    wish = found(tmp_path, {"requirements.txt": "", file: text}).python
    assert (wish.pinned, wish.pinned_in) == (pinned, file)
    assert wish.names(f"{pinned}.1")
    assert not wish.names("3.1.9")


def test_a_name_that_is_no_version_is_told_and_not_followed(tmp_path: Path) -> None:
    declared = found(tmp_path, {"requirements.txt": "", ".python-version": "./evil/python\n"})
    assert declared.python.pinned is None
    assert "./evil/python" in declared.notes[0]


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "elsewhere.txt").write_text("flask\n")
    (root / "requirements.txt").symlink_to("../elsewhere.txt")
    with pytest.raises(UsageError, match="leads out of the project"):
        packages.find(root)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "flask\n"})
    os.mkfifo(tmp_path / ".python-version")
    with pytest.raises(UsageError, match=r"\.python-version is no file"):
        packages.find(tmp_path)
