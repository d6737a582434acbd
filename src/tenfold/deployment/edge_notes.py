"""What to tell about ``[edge]`` before it is brought up: what will not work as it stands."""

from __future__ import annotations

from ipaddress import ip_address

from tenfold.deployment.ending import ends_soon, span
from tenfold.secret import Secret
from tenfold.spec.edge import EdgeTable


def notes(edge: EdgeTable, own: Secret | None, now: float) -> tuple[str, ...]:
    """Sentences for the person who brings the site up.

    Args:
        edge: the table.
        own: key and chain of the user's own certificate, if it has one.
        now: seconds since the epoch.
    """
    alone = ip_address(edge.address).is_loopback
    told = []
    if edge.tls.mode == "auto" and alone:
        told.append(
            f"[edge] address is {edge.address}: nobody outside reaches the site, and so no public"
            " authority gives it a certificate"
        )
    elif edge.tls.mode == "auto" and edge.port != 80:
        told.append(
            f"the authority asks at port 80 of {edge.own_names[0]}: have it lead to port"
            f" {edge.port} here"
        )
    if edge.basic_auth and edge.tls.mode == "off" and not alone:
        told.append("passwords come over plain http: anybody on the way can read them")
    if own is not None:
        told += _ends(own, now)
    return tuple(told)


def _ends(own: Secret, now: float) -> list[str]:
    from tenfold.certificates import pem  # a tenth of a second that few commands need

    found = pem.facts(own.reveal())
    if not ends_soon(found.not_before, found.not_after, now):
        return []
    left = found.not_after - now
    ends = "has ended" if left <= 0 else f"ends in {span(left)}"
    return [f"the certificate of [edge] tls {ends}: tenfold deploy brings a new one"]
