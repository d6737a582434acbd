"""What the site is called and who comes in: names, TLS, redirects, users. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import PurePosixPath

from tenfold.engines.nginx import maintenance
from tenfold.engines.nginx.build import Build
from tenfold.engines.nginx.sha512_crypt import sha512_crypt
from tenfold.engines.nginx.text import filled, literal, quoted, template
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.process import Command, File
from tenfold.topology.settings import EdgeSettings, Tls

PROBE_PATH = "/.tenfold/edge"
CERTIFICATE = "certificate.pem"
USERS = "users"
SALT = "edge.salt"
_HTTPS = 443
ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - and where one asks there


def kept_certificate(place: Place, unit: str) -> str:
    """The certificate that a unit on the same host keeps: key and chain in one file."""
    return f"{PurePosixPath(place.data).parent}/{unit}/site.pem"


def challenge_root(place: Place, unit: str) -> str:
    """The folder whose ``.well-known/acme-challenge`` the edge shows."""
    return f"{PurePosixPath(place.data).parent}/{unit}/public"


def prepare(settings: EdgeSettings, place: Place) -> tuple[Command, ...]:
    """A self-signed certificate before there is another, or TLS could not be spoken."""
    if settings.tls is None or settings.tls.certificates is None:
        return ()
    path = kept_certificate(place, settings.tls.certificates)
    names = (*settings.names, *(alias for alias, _ in settings.aliases))
    python = (place.binaries["python"], "-I", "-m", "tenfold.certificates")
    return (Command((*python, "placeholder", path, *names), creates=path, thorough=False),)


def files(settings: EdgeSettings, scene: Scene) -> tuple[File, ...]:
    """What nginx reads besides its configuration: users and the user's own certificate."""
    made: list[File] = []
    if settings.users:
        made.append(File(f"{scene.place.config}/{USERS}", _users(settings, scene), 0o600))
    if settings.tls is not None and settings.tls.certificates is None:
        own = scene.secrets["edge.certificate"]
        made.append(File(f"{scene.place.config}/{CERTIFICATE}", own, 0o600))
    return tuple(made)


def values(settings: EdgeSettings, scene: Scene, build: Build, public: str) -> dict[str, str]:
    """What the template needs; ``public`` is where plain requests come in, as nginx writes it."""
    tls = settings.tls
    secure = "" if tls is None else f"{public.rpartition(':')[0]}:{tls.port}"
    http2 = "        http2 on;" if build.mixes_http2 else ""
    listen = f"        listen {secure or public}{_tls_words(build) if secure else ''};"
    shared = {
        **maintenance.values(scene.place.config, settings.health),
        "PROBE": PROBE_PATH,
        "LISTENS": listen,
        "HTTP2": http2,
        "HSTS": _hsts(tls),
        "SECURE": "" if tls is None else _secure(tls, scene),
    }
    return {
        **shared,
        "SERVER_NAME": f"        server_name {' '.join(settings.names)};" if settings.names else "",
        "AUTH": _auth(scene) if settings.users else "",
        "OPEN": "            auth_basic off;" if settings.users else "",
        "KEEPS_PASSWORD": '        proxy_set_header Authorization "";' if settings.users else "",
        "REDIRECTS": "".join(_redirects(settings)),
        "TLS": "" if tls is None else _tls(tls, settings, scene, build),
        "OTHER_SERVERS": _others(settings, scene, {**shared, "LISTEN": public}, build, secure),
    }


def _others(
    settings: EdgeSettings, scene: Scene, shared: Mapping[str, str], build: Build, secure: str
) -> str:
    """The servers besides the site's own."""
    if not settings.names:
        return ""
    listens = [f"        listen {shared['LISTEN']} default_server;"]
    if secure:
        listens.append(f"        listen {secure}{_tls_words(build)} default_server;")
    reject = "        ssl_reject_handshake on;" if secure else ""
    text = filled(
        "strangers.conf", {**shared, "DEFAULT_LISTENS": "\n".join(listens), "REJECT": reject}
    )
    if settings.tls is not None:
        every = " ".join((*settings.names, *(alias for alias, _ in settings.aliases)))
        challenges = _challenges(settings.tls, scene)
        text += _other_edges(settings.tls, scene)
        text += filled("to_https.conf", {**shared, "ALL_NAMES": every, "CHALLENGES": challenges})
    if settings.aliases:
        text += template("asked_port.conf")
    for alias, canonical in settings.aliases:
        text += filled("alias.conf", {**shared, "NAME": alias, "CANONICAL": canonical})
    return text


def _tls_words(build: Build) -> str:
    """``ssl``; before nginx had ``http2 on``, HTTP/2 was asked for here."""
    return " ssl" if build.mixes_http2 else " ssl http2"


def _secure(tls: Tls, scene: Scene) -> str:
    path = "$certificate"
    if tls.certificates is None:
        path = quoted(f"{scene.place.config}/{CERTIFICATE}")
    return f"        ssl_certificate {path};\n        ssl_certificate_key {path};"


def _tls(tls: Tls, settings: EdgeSettings, scene: Scene, build: Build) -> str:
    # Without keys that are made anew, tickets would undo forward secrecy.
    tickets = "" if build.renews_ticket_keys else "    ssl_session_tickets off;"
    cache = "    ssl_certificate_cache max=8 inactive=1h valid=5s;"
    kept = ""
    if tls.certificates is not None:
        path = literal(kept_certificate(scene.place, tls.certificates))
        cached = cache if build.keeps_certificates else ""
        kept = filled("kept.conf", {"CERTIFICATE": path, "CERTIFICATE_CACHE": cached})
    suffix = "" if tls.port == _HTTPS else f":{tls.port}"
    return filled(
        "tls.conf",
        {
            "TICKETS": tickets,
            "CERTIFICATES": kept,
            "HTTPS_SUFFIX": suffix,
            # Asked for on port 80 although that is not the edge's own: somebody leads 80 to it,
            # and so 443.
            "HTTPS_DEFAULT": suffix if settings.port == 80 else "",
        },
    )


def _challenges(tls: Tls, scene: Scene) -> str:
    if tls.certificates is None:
        return ""
    root = literal(challenge_root(scene.place, tls.certificates))
    others = other_edges(scene)
    return filled(
        "challenges.conf",
        {
            "CERTIFICATE_UNIT": tls.certificates,
            "CHALLENGE_ROOT": root,
            "ELSE": "@other_proofs" if others else "=404",
            "OTHER_PROOFS": template("other-proofs.conf").rstrip("\n") if others else "",
        },
    )


def _other_edges(tls: Tls, scene: Scene) -> str:
    others = other_edges(scene) if tls.certificates is not None else ()
    if not others:
        return ""
    servers = "\n".join(f"        server {endpoint};" for endpoint in others)
    return filled("other-edges.conf", {"SERVERS": servers})


def other_edges(scene: Scene) -> tuple[str, ...]:
    """Where plain requests come in at the edges of other hosts: ``address:port``."""
    others = [m for m in scene.topology.of(EdgeSettings) if m.host != scene.host.name]
    found = (scene.wiring.endpoints[m.path].rpartition(":") for m in others)
    return tuple(f"{ALL_ADDRESSES.get(address, address)}:{port}" for address, _, port in found)


def _hsts(tls: Tls | None) -> str:
    if tls is None or not tls.hsts_seconds:
        return ""
    return f'add_header Strict-Transport-Security "max-age={tls.hsts_seconds}" always;'


def _redirects(settings: EdgeSettings) -> list[str]:
    """A location for each; a query of the request is passed on unless the target has one."""
    return [
        filled(
            "redirect.conf",
            {
                "PATH": quoted(redirect.path),
                "STATUS": str(redirect.status),
                "TARGET": quoted(redirect.target + _query(redirect.target)),
            },
        )
        for redirect in settings.redirects
    ]


def _query(target: str) -> str:
    return "" if "?" in target or "#" in target else "$is_args$args"


def _auth(scene: Scene) -> str:
    users = literal(f"{scene.place.config}/{USERS}")
    return f'        auth_basic "{scene.topology.app}";\n        auth_basic_user_file {users};'


def _users(settings: EdgeSettings, scene: Scene) -> Secret:
    """One line a user. The salt is derived, so that equal passwords give an equal file."""
    key = scene.secrets[SALT].reveal().encode()
    lines = []
    for user in settings.users:
        password = scene.secrets[f"edge.user.{user}"].reveal()
        mark = hmac.digest(key, f"{user}:{password}".encode(), hashlib.sha256)
        salt = base64.b64encode(mark, altchars=b"./").decode()[:16]
        lines.append(f"{user}:{sha512_crypt(password, salt)}\n")
    return Secret("".join(lines))
