"""``tenfold certificate``: how the site's certificate stands; have it renewed now."""

from __future__ import annotations

import datetime

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment import certificate as certificates
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused


@command("certificate")
@click.option("--renew", is_flag=True, help="Have the authority asked for a new one now.")
def certificate(settings: Settings, renew: bool) -> None:
    """How the site's certificate stands, and what went wrong if something did.

    It is renewed by itself in good time ([edge] tls = "auto"). With --renew it is tried at once,
    also after failures; an authority that asks for patience, or was asked five times within an
    hour, is left alone all the same. One of your own is not renewed; that it ends is told.

    \b
    tenfold certificate
    tenfold certificate --renew
    """
    deployment = Deployment.existing(settings.layout())
    if renew:
        certificates.renew(deployment)
        settings.output.line("asked for; tenfold certificate tells how it went")
        settings.output.event("certificate", {"asked": True})
        return
    found = certificates.look(deployment, deployment.observe(silent=True))
    if found is None:
        raise Refused(
            "there is no certificate here: nothing runs, or [edge] tls is off",
            next="tenfold docs edge",
        )
    settings.output.event("certificate", found.to_json())
    for sentence in found.sentences():
        settings.output.line(sentence, style="yellow" if found.urgent else None)
    settings.output.line()
    until = datetime.datetime.fromtimestamp(found.not_after, datetime.UTC)
    settings.output.columns(
        [
            ("names", ", ".join(found.names)),
            ("from", "nobody (self-signed)" if found.self_signed else found.issuer),
            ("until", f"{until:%Y-%m-%d %H:%M} UTC"),
        ]
    )
