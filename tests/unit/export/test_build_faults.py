"""Why a generator made no site, from its exit code and its last words."""

from __future__ import annotations

import pytest

from tenfold.export import build_faults


@pytest.mark.parametrize(
    ("build", "tail", "program", "next"),
    [
        ("hugo --minify", "/bin/sh: 1: hugo: not found", "hugo", "apt install hugo"),
        ("JEKYLL_ENV=x jekyll build", "", "jekyll", "apt install jekyll"),
        ("bundle exec jekyll build", "bundler: command not found: jekyll", "jekyll", "jekyllrb"),
        ("npm run build", "> next build\n\nsh: 1: next: not found", "next", "npm ci"),
        ("./make.sh", "bash: line 3: mkdocs: command not found", "mkdocs", "pip install mkdocs"),
        ("site-maker", "sh: site-maker: not found", "site-maker", "or correct [static] build"),
    ],
)
def test_a_program_that_is_not_there_is_named_with_how_to_install_it(
    build: str, tail: str, program: str, next: str
) -> None:
    error = build_faults.failed(build, 127, tail, "nothing")
    assert error.what == f"{program} is not there, which [static] build needs: {build}"
    assert next in (error.next or "")
    assert error.detail == tail


@pytest.mark.parametrize(
    ("code", "tail", "what", "next"),
    [
        (1, "Error: template", "exited with 1", "make it work"),
        (10, "Could not find gem 'jekyll'", "exited with 10", "bundle install"),
        (1, "/x/python: No module named mkdocs", "exited with 1", "pip install"),
        (1, "Error: Cannot find module 'next'", "exited with 1", "npm ci"),
        (126, "/bin/sh: 1: ./x: Permission denied", "exited with 126", "chmod +x"),
        (-9, "", "ended by SIGKILL", "memory"),
        (137, "Killed", "ended by SIGKILL", "memory"),
        (143, "", "ended by SIGTERM", "who ended it"),
        (255, "", "exited with 255", "make it work"),
    ],
)
def test_a_failure_says_how_it_ended_and_what_helps(
    code: int, tail: str, what: str, next: str
) -> None:
    error = build_faults.failed("make site", code, tail, "dist is half")
    assert what in error.what
    assert next in (error.next or "")
    assert (error.changed, error.detail) == ("dist is half", tail)


def test_lines_of_a_terminal_are_plain() -> None:
    line = "\x1b[32m✓\x1b[0m Compiled \x1b]8;;http://x\x07link\x1b[K\r"
    assert build_faults.plain(line) == "✓ Compiled link"
