from __future__ import annotations

from pathlib import Path

from tenfold.release.pins import mismatches
from tenfold.release.venv import Distribution

from .conftest import write

INSTALLED = [
    Distribution(name, version, Path("/x"))
    for name, version in [("httpx", "0.27.0"), ("starlette", "0.46"), ("my-tool", "1.0")]
]


def test_pins_that_are_met_are_silent(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": "httpx==0.27\n# comment\nStarlette[full] == 0.46 # why\n"
            "My_Tool==1.0 \\\n    --hash=sha256:00\nuvicorn>=0.30\n-e .\n",
            "uv.lock": '[[package]]\nname = "httpx"\nversion = "0.27.0"\n'
            '[[package]]\nname = "pytest"\nversion = "8.0"\n',
        },
    )
    assert mismatches(tmp_path, INSTALLED) == ()


def test_pins_that_are_not_met_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": "-r deps/base.txt\nuvicorn==0.35.0\n"
            "pywin32==3 ; sys_platform == 'win32'\n-r ../outside.txt\n",
            "deps/base.txt": "httpx==0.28.1\n-r ../requirements.txt\n",
        },
    )
    (tmp_path.parent / "outside.txt").write_text("starlette==9\n")
    assert mismatches(tmp_path, INSTALLED) == (
        "the environment has httpx 0.27.0, requirements.txt says 0.28.1",
        "requirements.txt says uvicorn 0.35.0, which is not installed",
    )


def test_a_lock_may_have_several_versions_and_members_of_the_workspace(tmp_path: Path) -> None:
    package = '[[package]]\nname = "{}"\nversion = "{}"\n'
    lock = package.format("httpx", "0.26") + package.format("httpx", "0.27.0")
    own = '[[package]]\nname = "my_tool"\nversion = "9"\nsource = { editable = "." }\n'
    write(tmp_path, {"uv.lock": lock + own, "poetry.lock": package.format("starlette", "0.40")})
    assert mismatches(tmp_path, INSTALLED) == (
        "the environment has starlette 0.46, poetry.lock says 0.40",
    )


def test_a_lock_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"uv.lock": "not toml ["})
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe")
    assert mismatches(tmp_path, INSTALLED) == ()
