from __future__ import annotations

from tenfold.agent.masking import masked
from tenfold.secret import Secret
from tenfold.topology.process import Command, Launch, Probe

LAUNCH = Launch(
    ("a",),
    "/",
    Probe("tcp"),
    env={"URL": Secret("postgresql://app:p%40ssword@h/db"), "PLAIN": "plain", "S": Secret("abc")},
    prepare=(Command(("b",), env={"K": Secret("key-for-it")}),),
)


def test_secrets_are_masked_whole_and_as_the_password_of_a_url() -> None:
    text = "at postgresql://app:p%40ssword@h/db with p%40ssword or p@ssword and key-for-it"
    assert masked(text, LAUNCH) == "at ******** with ******** or ******** and ********"


def test_what_is_no_secret_or_too_short_to_be_one_stays() -> None:
    assert masked("plain abc", LAUNCH) == "plain abc"
