"""``[edge]``: where the site is reached, by which names, over TLS or not, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from tenfold.spec import names, values
from tenfold.spec.table import Table
from tenfold.spec.units import Bytes, WaitSeconds

Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
DomainName = Annotated[str, AfterValidator(names.domain)]
FilePath = Annotated[str, Field(min_length=1), AfterValidator(values.file_path)]
_TEXT = {"type": "string"}
_FILES = {"type": "object", "required": ["certificate", "key"], "additionalProperties": False}
_TLS_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"enum": ["auto", "off"]},
            {**_FILES, "properties": {"certificate": _TEXT, "key": _TEXT}},
        ]
    }
)
_TARGET = {"type": "object", "required": ["to"], "additionalProperties": False}
_REDIRECT_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            _TEXT,
            {
                **_TARGET,
                "properties": {"to": _TEXT, "status": {"enum": [301, 302, 307, 308]}},
            },
        ]
    }
)


@dataclass(frozen=True, slots=True)
class TlsSource:
    """``tls``: where the certificate comes from; with mode ``files`` from these, a PEM each."""

    mode: Literal["auto", "off", "files"]
    certificate: str = ""
    key: str = ""


def _read_tls(value: Any) -> TlsSource:
    if isinstance(value, TlsSource):
        return value
    if value in ("auto", "off"):
        return TlsSource(value)
    files = value if isinstance(value, dict) else {}
    if set(files) != {"certificate", "key"} or not all(map(_is_path, files.values())):
        raise ValueError(
            'is "auto", "off" or both files: { certificate = "chain.pem", key = "key.pem" }'
        )
    return TlsSource("files", **files)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


class RedirectTable(Table):
    """Where one path leads."""

    to: Annotated[str, AfterValidator(names.redirect_target)]
    status: Literal[301, 302, 307, 308] = 308


Tls = Annotated[TlsSource, PlainValidator(_read_tls), _TLS_SCHEMA]
Redirect = Annotated[RedirectTable, BeforeValidator(names.text_or_table("to")), _REDIRECT_SCHEMA]


class EdgeTable(Table):
    """The reverse proxy in front: the address, names, TLS, and its limits."""

    address: Annotated[str, AfterValidator(values.ip_address)] = Field(
        default="127.0.0.1",
        description="IP address to listen on; nothing is public unless this says so.",
    )
    port: Port = Field(
        default=8000, description="TCP port; 0 takes any free one. --port overrides it."
    )
    domain: DomainName | None = Field(
        default=None,
        description="The site's name; any other is answered 421. Without it every name is served.",
    )
    domains: tuple[DomainName, ...] = Field(
        default=(),
        max_length=names.MAX_DOMAINS,
        description="Several names, the first of which is the site's own; instead of domain.",
    )
    www: Literal["redirect", "serve", "ignore"] = Field(
        default="ignore",
        description='The same names with "www." in front, or without: redirect them, serve them, '
        "or answer 421.",
    )
    tls: Tls = Field(
        default_factory=lambda: TlsSource("off"),
        json_schema_extra={"default": "off"},
        description='"auto" gets certificates by itself, "off" has none; or the files of your own: '
        '{ certificate = "chain.pem", key = "key.pem" }.',
    )
    https_port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = Field(
        default=None,
        description="TCP port for https; without it 443 beside port 80, otherwise 8443.",
    )
    hsts_days: Annotated[int, Field(strict=True, ge=0, le=730)] = Field(
        default=0,
        description="For how long browsers shall insist on https (HSTS); 0 says nothing. There is "
        "no way back before that time is over.",
    )
    acme: Annotated[str, AfterValidator(names.directory)] = Field(
        default=names.LETS_ENCRYPT,
        description="Directory URL of the certificate authority (ACME, RFC 8555).",
    )
    acme_ca: FilePath | None = Field(
        default=None,
        description="PEM file with whom to trust as that authority's server, if the system's "
        "certificates do not say it.",
    )
    email: Annotated[str, AfterValidator(names.email)] | None = Field(
        default=None, description="Where the certificate authority may write to."
    )
    redirects: Mapping[Annotated[str, AfterValidator(names.redirect_source)], Redirect] = Field(
        default_factory=dict,
        max_length=names.MAX_REDIRECTS,
        description='Path = where it leads: a path, a URL, or { to = "/new", status = 301 }. '
        "Without a status 308.",
    )
    basic_auth: Mapping[
        Annotated[str, AfterValidator(names.user)],
        Annotated[str, BeforeValidator(names.password)],
    ] = Field(
        default_factory=dict,
        max_length=names.MAX_USERS,
        description='User = "${NAME}" of the password. With any, nobody else comes in.',
    )
    max_body_bytes: Bytes = Field(
        default=100_000_000, alias="max_body", description="Largest request body; more answers 413."
    )
    request_timeout_seconds: WaitSeconds = Field(
        default=60.0,
        gt=0,
        alias="request_timeout",
        description="How long the app may stay silent before a request answers 504.",
    )
    hold_seconds: WaitSeconds = Field(
        default=15.0,
        gt=0,
        alias="hold",
        description="How long a request waits for a worker that does not accept, "
        "on top of request_timeout.",
    )

    @property
    def own_names(self) -> tuple[str, ...]:
        """Every name that is given, the site's own first."""
        return (self.domain,) if self.domain else self.domains

    @property
    def secure_port(self) -> int:
        """The port for https."""
        return self.https_port or (443 if self.port == 80 else 8443)

    @field_validator("domains", mode="after")
    @classmethod
    def _each_once(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in domains if domains.count(name) > 1), None)
        if twice:
            raise ValueError(f'"{twice}" is there twice')
        return domains

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.domain and self.domains:
            raise ValueError("domain and domains exclude each other; give all names in domains")
        if self.tls.mode != "off" and not self.own_names:
            raise ValueError('tls needs a domain, for example  domain = "example.org"')
        if self.tls.mode != "off" and self.secure_port == self.port:
            raise ValueError(f"port and https_port are both {self.port}; give them one each")
        if self.hsts_days and self.tls.mode == "off":
            raise ValueError('hsts_days needs tls, for example  tls = "auto"')
        twins = [name for name in self.own_names if names.twin(name) in self.own_names]
        if twins and self.www != "ignore":
            raise ValueError(
                f'"{twins[0]}" and "{names.twin(twins[0])}" are both named; leave one out, '
                f'or leave www = "{self.www}" out'
            )
        return self

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        own = [*self.own_names, *(names.twin(n) for n in self.own_names if self.www != "ignore")]
        round_ = names.circle({path: to.to for path, to in self.redirects.items()}, own)
        if round_:
            raise ValueError(f"redirects lead round in a circle: {' -> '.join(round_)}")
        return self
