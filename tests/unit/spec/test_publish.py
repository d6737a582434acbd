"""``[publish]``: what is taken, and what is refused with which words."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.publish import PublishTable
from tenfold.spec.read import parse, publish_secrets

HEAD = 'name = "shop"\napp = "shop:app"\n'
KEYS = 'access_key = "${A}"\nsecret_key = "${B}"\n'


def table(text: str) -> PublishTable:
    found = parse(f"{HEAD}[publish]\n{text}").publish
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('to = "github:anna/bakery"', "git"),
        ('to = "github:anna/bakery"\ntoken = "${T}"\nbranch = "site"', "git"),
        ('to = "git+ssh://git@example.org/anna/bakery.git"', "git"),
        ('to = "git+ssh://git@example.org:2222/~anna/bakery.git"', "git"),
        ('to = "git+https://anna@example.org/bakery.git"\ntoken = "${T}"', "git"),
        ('to = "git+http://127.0.0.1:8000/bakery.git"', "git"),
        ('to = "git+file:///srv/bakery.git"', "git"),
        ('to = "netlify:bakery"\ntoken = "${T}"', "netlify"),
        ('to = "netlify:www.bakery.example"\ntoken = "${T}"', "netlify"),
        (f'to = "s3://my-site/prefix"\n{KEYS}', "bucket"),
        ('to = "ssh://anna@example.org:2222/srv/www/bakery"\nkeep = 9', "ssh"),
        ('to = "ssh://[::1]/srv"', "ssh"),
    ],
)
def test_places(text: str, kind: str) -> None:
    assert table(text).kind == kind


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "to: is missing"),
        ('to = "dist"', "is no place to publish to"),
        ('to = "https://github.com/anna/bakery"', "is no place to publish to"),
        ('to = "github:bakery"', "names no repository"),
        ('to = "github:anna/bakery --upload-pack=x"', "names no repository"),
        ('to = "git+ssh://-oProxyCommand=x/y"', "names no host"),
        ('to = "git+ssh://-l@example.org/y"', "names no user"),
        ('to = "git+https://u:p@example.org/y"', "has a password in it"),
        ('to = "git+http://example.org/y"', "in the clear"),
        ('to = "git+https://example.org"', "write its whole path"),
        ('to = "git+ext::sh -c x"', "is no place to publish to"),
        ('to = "git+file://relative"', "names no repository"),
        ('to = "netlify:a b"\ntoken = "${T}"', "names no site"),
        ('to = "netlify:bakery"', "Netlify needs a token"),
        ('to = "netlify:bakery"\ntoken = "nfp_secret"', 'write "${PUBLISH_TOKEN}"'),
        ('to = "s3://my-site"', "a bucket needs access_key"),
        ('to = "ssh://example.org"', "write its whole path"),
        ('to = "ssh://example.org/srv/../etc"', "write its whole path"),
        ('to = "ssh://example.org:0/srv"', "names no host"),
        ('to = "ssh://example.org/srv;rm -rf"', "write its whole path"),
        ('to = "ssh://example.org/srv"\ntoken = "${T}"', "token is for"),
        ('to = "ssh://example.org/srv"\nkeep = 0', "keep"),
        ('to = "github:anna/bakery"\nkeep = 3', "keep is for a bucket or a directory"),
        ('to = "github:anna/bakery"\nbranch = "-x"', "no name of a branch"),
        ('to = "github:anna/bakery"\nbranch = "a..b"', "no name of a branch"),
        ('to = "git+ssh://example.org/x"\ntoken = "${T}"', "ssh has keys"),
        ('to = "github:anna/bakery"\nfrom = "../dist"', "is not a directory of the project"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        table(text)
    assert words in caught.value.what
    assert "nfp_secret" not in caught.value.what


def test_secrets_come_from_variables() -> None:
    spec = parse(f'{HEAD}[publish]\nto = "netlify:bakery"\ntoken = "${{T}}"')
    assert publish_secrets(spec, {"T": " t0ken\n"})["token"].reveal() == "t0ken"
    with pytest.raises(SpecError, match=r"\[publish\] token: \$\{T\} is not set"):
        publish_secrets(spec, {})
    with pytest.raises(SpecError, match="is set, and empty"):
        publish_secrets(spec, {"T": ""})
    assert publish_secrets(parse(HEAD), {}) == {}
