from __future__ import annotations

import pytest

from tenfold.runtime import failures, importing
from tenfold.runtime.failures import StartFailed, describe


def raised(text: str, cause: BaseException | None = None) -> Exception:
    try:
        raise ValueError(text) from cause
    except ValueError as error:
        return error


def test_the_apps_own_frames_are_shown() -> None:
    text = describe(raised("broken"), "What happened")
    assert text.startswith("What happened\n\nTraceback (most recent call last):\n")
    assert __file__ in text
    assert text.endswith("ValueError: broken")


def test_the_frames_of_the_runtime_and_of_the_import_machinery_are_not() -> None:
    with pytest.raises(StartFailed) as caught:
        importing.load("no_such_module_at_all:app")
    error = caught.value.__context__
    assert error is not None
    assert error.__traceback__ is not None
    text = describe(error, "x")
    assert "runtime/importing.py" not in text
    assert "importlib" not in text


def test_causes_are_shown() -> None:
    text = describe(raised("outside", raised("inside")), "x")
    assert "ValueError: inside" in text
    assert "direct cause" in text


@pytest.mark.parametrize("quoted", ["p%40ss-word", "p@ss-word", "postgresql://me:p%40ss-word@h/d"])
def test_a_password_is_masked_however_it_is_quoted(
    quoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL_ARCHIVE", "postgresql://me:p%40ss-word@h/d")
    text = describe(raised(f"cannot use {quoted} here"), "x")
    assert "ss-word" not in text
    assert "cannot use ******** here" in text


def test_a_value_that_is_no_url_does_not_get_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://[broken")
    assert "ValueError: broken" in describe(raised("broken"), "x")


def test_a_very_long_text_keeps_its_beginning_and_its_end() -> None:
    text = describe(raised("A" * 100_000 + "the end"), "the beginning")
    assert len(text) <= failures.MAX_TEXT + 5
    assert text.startswith("the beginning")
    assert text.endswith("the end")
