import pytest

from tenfold.errors import Refused, UsageError
from tenfold.load.guard import checked_base_url


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:80", "https://localhost:8443"],
)
def test_this_machine_is_allowed(url: str) -> None:
    assert checked_base_url(url + "/", allow_remote=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:8000",
        "http://0.0.0.0:8000",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_others_are_refused_unless_allowed(url: str) -> None:
    with pytest.raises(Refused, match="not this machine"):
        checked_base_url(url, allow_remote=False)
    assert checked_base_url(url, allow_remote=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "",
        "http://127.0.0.1:port",
        "http://127.0.0.1/?a=b",
        "http://user:password@127.0.0.1",
    ],
)
def test_what_is_no_base_url_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_base_url(url, allow_remote=True)
    assert "password" not in str(caught.value)
