"""Talking to a certificate authority (ACME, RFC 8555): account, order, proof, certificate."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import jwa, jwk
from josepy.errors import Error as JoseError

from tenfold import __version__
from tenfold.certificates import pem
from tenfold.certificates.state import Fault

ORDER_SECONDS = 180.0
ANSWER_SECONDS = 30
CLOCK_SECONDS = 1800.0
"""By how much this machine's clock may differ from the authority's."""
MALFORMED = (
    *(JoseError, KeyError, TypeError, AttributeError, ValueError, AssertionError),
    x509.ExtensionNotFound,
)
"""What the library stumbles over in answers that are no ACME."""
LATER = "it is tried again by itself; the present certificate stays until then"


@dataclass(slots=True)
class _Heard:
    """What the last answer said beside its content."""

    wait_seconds: float = 0.0
    clock: float | None = None

    def take(self, response: requests.Response, *_: Any, **__: Any) -> None:
        after = response.headers.get("Retry-After", "")
        self.wait_seconds = float(after) if re.fullmatch(r"\d{1,7}", after) else 0.0
        date = email.utils.parsedate_tz(response.headers.get("Date", ""))
        self.clock = email.utils.mktime_tz(date) if date else None


@dataclass(slots=True)
class Authority:
    """One authority, known by its directory URL.

    Args:
        directory: the URL.
        account: the key of the account there; it is made with the first order.
        roots: PEM file with whom to trust as its server; empty for the usual ones.
        email: where it may write to; may be empty.
    """

    directory: str
    account: ec.EllipticCurvePrivateKey
    roots: str = ""
    email: str = ""
    _heard: _Heard = field(default_factory=_Heard)

    def order(self, key: ec.EllipticCurvePrivateKey, names: Sequence[str], proofs: Path) -> str:
        """A certificate for these names and its chain, as PEM.

        Args:
            key: the site's.
            names: at most 100.
            proofs: the folder that the edge shows; nothing is left in it.

        Raises:
            Fault: there is none; says whose fault it is.
        """
        with self._explained():
            asked = self._client()
            self._sign_in(asked)
            deadline = datetime.datetime.now() + datetime.timedelta(seconds=ORDER_SECONDS)
            order = asked.new_order(pem.request(key, names))
            with _shown(order, jwk.JWKEC(key=self.account), proofs) as answers:
                for challenge, answer in answers:
                    asked.answer_challenge(challenge, answer)
                order = asked.poll_authorizations(order, deadline)
            return str(asked.finalize_order(order, deadline).fullchain_pem)

    def suggestion(self, chain: str) -> tuple[float, float]:
        """When the authority suggests to renew (RFC 9773), and when to ask again; 0 for no opinion.

        Raises:
            Fault: it does not answer.
        """
        with self._explained():
            renew, again = self._client().renewal_time(_certificates(chain))
            return (renew.timestamp() if renew else 0.0), again.timestamp()

    def _client(self) -> client.ClientV2:
        key = jwk.JWKEC(key=self.account)
        net = client.ClientNetwork(
            key,
            alg=jwa.ES256,
            verify_ssl=self.roots or True,  # type: ignore[arg-type]  # passed on to requests
            user_agent=f"tenfold/{__version__}",
            timeout=ANSWER_SECONDS,
        )
        net.session.hooks["response"].append(self._heard.take)
        directory = client.ClientV2.get_directory(self.directory, net)
        self._require_clock()
        return client.ClientV2(directory, net)

    def _require_clock(self) -> None:
        """Certificates are about time: with a wrong clock nothing of this is worth a try."""
        if self._heard.clock is None:
            return
        ahead = datetime.datetime.now(datetime.UTC).timestamp() - self._heard.clock
        if abs(ahead) > CLOCK_SECONDS:
            way = "ahead of" if ahead > 0 else "behind"
            raise Fault(
                "clock",
                f"this machine's clock is {abs(ahead) / 60:.0f} minutes {way} the authority's",
                "set the clock (timedatectl, chrony)",
            )

    def _sign_in(self, asked: client.ClientV2) -> None:
        if asked.external_account_required():
            raise Fault(
                "refused",
                f"{self.directory} takes only accounts that it knows already (external binding)",
                "choose another authority with [edge] acme",
            )
        wanted = messages.NewRegistration.from_data(
            email=self.email or None, terms_of_service_agreed=True
        )
        try:
            asked.new_account(wanted)
        except errors.ConflictError as known:
            asked.net.account = messages.RegistrationResource(
                uri=known.location, body=messages.Registration()
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever goes wrong, as a ``Fault``."""
        try:
            yield
        except messages.Error as error:
            raise self._said_no(error) from error
        except errors.IssuanceError as error:
            raise self._said_no(error.error) from error
        except errors.ValidationError as error:
            raise Fault("refused", _not_proven(error), _PROVE) from error
        except requests.exceptions.SSLError as error:
            raise _no_trust(self.directory, str(error)) from error
        except (errors.Error, requests.exceptions.RequestException, *MALFORMED) as error:
            raise Fault(
                "authority",
                f"{self.directory} does not answer as it should: {_short(error)}",
                LATER,
            ) from error

    def _said_no(self, error: messages.Error) -> Fault:
        what = f"the authority said: {error.detail or error.typ}"
        if error.code == "rateLimited":
            return Fault("limited", what, LATER, self._heard.wait_seconds)
        if error.code in (None, "serverInternal"):
            return Fault("authority", what, LATER, self._heard.wait_seconds)
        return Fault("refused", what, "mend what it says", self._heard.wait_seconds)


_PROVE = (
    "the authority asks for http://NAME/.well-known/acme-challenge/ on port 80: have it lead to"
    " [edge] port here, through every firewall"
)


@contextmanager
def _shown(
    order: messages.OrderResource, key: jwk.JWK, folder: Path
) -> Iterator[list[tuple[messages.ChallengeBody, Any]]]:
    """The proofs of an order lie where the edge shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    files, answers = [], []
    try:
        for authorization in order.authorizations:
            if authorization.body.status == messages.STATUS_VALID:
                continue
            challenge = _http_01(authorization)
            answer, proof = challenge.response_and_validation(key)
            file = folder / challenge.chall.encode("token")
            file.write_text(proof)
            files.append(file)
            answers.append((challenge, answer))
        yield answers
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def _certificates(text: str) -> bytes:
    """A PEM text without what stands before the first certificate."""
    return text[text.index("-----BEGIN CERTIFICATE") :].encode()


def _http_01(authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for challenge in authorization.body.challenges:
        if isinstance(challenge.chall, challenges.HTTP01):
            return challenge
    name = authorization.body.identifier.value
    raise Fault(
        "refused",
        f"the authority takes no proof over HTTP for {name}",
        "choose another authority with [edge] acme",
    )


def _not_proven(error: errors.ValidationError) -> str:
    told = [
        f"{authorization.body.identifier.value}: {challenge.error.detail}"
        for authorization in error.failed_authzrs
        for challenge in authorization.body.challenges
        if challenge.error is not None
    ]
    return f"the authority could not see that the site is here: {'; '.join(told)}"


def _no_trust(directory: str, why: str) -> Fault:
    if "expired" in why or "not yet valid" in why:
        now = datetime.datetime.now(datetime.UTC)
        return Fault(
            "clock",
            f"the certificate of {directory} is not valid now, by this machine's clock"
            f" ({now:%Y-%m-%d %H:%M} UTC)",
            "look at the clock (timedatectl); if it is right, it is the authority's to mend",
        )
    return Fault(
        "authority",
        f"{directory} is not who it should be: {_short(why)}",
        "for an authority of your own, name its root with [edge] acme_ca",
    )


def _short(error: object) -> str:
    """The innermost words of an error of requests, which wraps them in several layers."""
    text = str(error) or type(error).__name__
    inner = re.findall(r"(?:\] |: )([^\]:()'\"<>]{4,}[^'\"()<>]*)", text)
    return (inner[-1] if inner else text).strip(" ')\"")[:200]
