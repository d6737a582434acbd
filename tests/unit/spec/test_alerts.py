from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.read import alert_webhook, parse

PLAIN = 'name = "shop"\napp = "shop:app"\n[metrics]\n[alerts]\n'


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/x",
        "${ALERT_WEBHOOK}",
        "https://hooks.example/${TOKEN}",
        "http://127.0.0.1:9093/alerts",
        "http://localhost/x",
    ],
)
def test_addresses_that_may_be_told(url: str) -> None:
    alerts = parse(f'{PLAIN}webhook = "{url}"\n').alerts
    assert alerts is not None
    assert alerts.webhook == url


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('webhook = "http://hooks.example/x"', "plain http is for this machine alone"),
        ('webhook = "hooks.example"', "is no address"),
        ('webhook = "ftp://hooks.example"', "is no address"),
        ('webhook = "https://ho oks/"', "is no address"),
        ("", "tells nobody"),
        ('command = "scripts/tell.sh"', "write an absolute path"),
        ('command = "tell"\ndisk_free_percent = 0', "disk_free_percent"),
        ('command = "tell"\nerror_percent = 101', "error_percent"),
    ],
)
def test_what_tells_nobody_or_everybody_is_refused(lines: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse(f"{PLAIN}{lines}\n")


def test_alerts_come_from_figures() -> None:
    with pytest.raises(SpecError, match=r"write \[metrics\] as well"):
        parse(PLAIN.replace("[metrics]\n", "") + 'command = "tell"\n')


def test_what_a_variable_holds_is_looked_at_when_it_is_known() -> None:
    spec = parse(f'{PLAIN}webhook = "${{ALERT_WEBHOOK}}"\n')
    found = alert_webhook(spec, {"ALERT_WEBHOOK": "https://hooks.example/x"})
    assert found is not None
    assert found.reveal() == "https://hooks.example/x"
    with pytest.raises(SpecError, match="plain http"):
        alert_webhook(spec, {"ALERT_WEBHOOK": "http://hooks.example/secret"})
    with pytest.raises(SpecError, match="is not set"):
        alert_webhook(spec, {})
