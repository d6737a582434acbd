"""``[database.backup]``: what is taken, and what is refused with which words."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.backup import BackupTable
from tenfold.spec.read import backup_secrets, parse

HEAD = 'name = "shop"\napp = "shop:app"\n'
KEYS = 'access_key = "${A}"\nsecret_key = "${B}"\n'


def table(text: str) -> BackupTable:
    found = parse(f"{HEAD}[database.backup]\n{text}").database.backup
    assert found is not None
    return found


def test_a_directory_needs_nothing_else() -> None:
    found = table('to = "/var/backups/shop/"')
    assert (found.to, found.in_s3) == ("/var/backups/shop", False)
    assert (found.every_seconds, found.keep_seconds) == (86_400, 14 * 86_400)


def test_a_bucket_has_its_server_and_who_we_are_there() -> None:
    found = table(f'to = "s3://my-backups/shop/"\nendpoint = "https://s3.example.org/"\n{KEYS}')
    assert (found.to, found.endpoint) == ("s3://my-backups/shop", "https://s3.example.org")
    assert found.secrets == {"access_key": "${A}", "secret_key": "${B}"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "to: is missing"),
        ('to = "backups"', "neither an absolute directory"),
        ('to = "/"', "neither an absolute directory"),
        ('to = "/srv/../etc"', "neither an absolute directory"),
        ('to = "/srv/shop/.tenfold/backups"', "lies in what is to be backed up"),
        ('to = "s3://X"', "is no bucket"),
        ('to = "s3://my-backups"', "a bucket needs access_key and secret_key"),
        (f'to = "s3://my-backups"\nendpoint = "s3.example.org"\n{KEYS}', "not the URL of a server"),
        (f'to = "s3://my-backups"\nendpoint = "http://10.0.0.1"\n{KEYS}', "in the clear"),
        (f'to = "s3://my-backups"\nendpoint = "https://u:p@h"\n{KEYS}', "has a password in it"),
        (f'to = "s3://my-backups"\nregion = "EU West"\n{KEYS}', "is no region"),
        ('to = "s3://my-backups"\naccess_key = "AKIA"', 'write "${BACKUP_ACCESS_KEY}"'),
        ('to = "/b"\nencryption = "AGE-SECRET-KEY-1"', 'write "${BACKUP_KEY}"'),
        ('to = "/b"\nendpoint = "https://s3.example.org"', "this goes to a directory"),
        ('to = "/b"\nevery = "30m"', "every"),
        ('to = "/b"\nevery = "45s"', "is not a duration"),
        ('to = "/b"\nkeep = 14', 'say the unit, for example "14h"'),
        ('to = "/b"\nkeep = "12h"', "keep is shorter than every"),
        ('to = "/b"\nkep = "12d"', 'did you mean "keep"'),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        table(text)
    assert words in refused.value.what
    assert "tenfold.toml:" in refused.value.what


def test_a_database_of_the_users_own_is_not_backed_up() -> None:
    text = f'{HEAD}[database]\nurl = "${{DATABASE_URL}}"\n[database.backup]\nto = "/b"\n'
    with pytest.raises(SpecError, match="backup is for a database that Tenfold runs"):
        parse(text)


def test_secrets_come_from_variables_and_are_none_of_the_texts() -> None:
    spec = parse(f'{HEAD}[database.backup]\nto = "s3://my-backups"\n{KEYS}')
    found = backup_secrets(spec, {"A": "me", "B": "hidden"})
    assert {k: s.reveal() for k, s in found.items()} == {"access_key": "me", "secret_key": "hidden"}
    assert "hidden" not in str(found)


def test_a_variable_that_is_not_set_or_empty_is_named() -> None:
    spec = parse(f'{HEAD}[database.backup]\nto = "s3://my-backups"\n{KEYS}')
    with pytest.raises(SpecError, match=r"\$\{B\} is not set"):
        backup_secrets(spec, {"A": "me"})
    with pytest.raises(SpecError, match=r"secret_key: the variable is set, and empty"):
        backup_secrets(spec, {"A": "me", "B": " "})
