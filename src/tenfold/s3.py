"""Buckets of any S3-compatible server: a client that gives up in time, and its errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from obstore import exceptions
from obstore.store import S3Store

CONNECT_SECONDS = 5
REQUEST_SECONDS = 60
RETRY_SECONDS = 20
Why = Literal["refused", "full", "unreachable"]
_FULL = (
    "status code: 507",
    "insufficientstorage",
    "quotaexceeded",
    "no free volume",
    "no writable volume",
    "no space left",
    "storagefull",
    "disk full",
    "not enough",
)
_SERVER_ERROR = re.compile(r"status code: (5\d\d[ A-Za-z]*)")
_WRONG = re.compile(
    r"status(?: code)?:? 40[13]\b|\b(?:invalidaccesskeyid|signaturedoesnotmatch|accessdenied)\b"
)


@dataclass(frozen=True, slots=True)
class Access:
    """A bucket, or a prefix in one, and who we are there; ``endpoint`` is ``None`` at Amazon's."""

    bucket: str
    prefix: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    endpoint: str | None = None
    region: str = "us-east-1"

    @classmethod
    def of(cls, url: str, **more: str | None) -> Access:
        """From ``s3://bucket/prefix``."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, prefix=f"{prefix}/" if prefix else "", **more)  # type: ignore[arg-type]

    @property
    def place(self) -> str:
        """Where it is, for people."""
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + at


def connect(access: Access) -> S3Store:
    """A client of that bucket. Nothing is asked of it yet."""
    return S3Store(
        access.bucket,
        config={
            "access_key_id": access.access_key,
            "secret_access_key": access.secret_key,
            "region": access.region,
            **({"endpoint": access.endpoint} if access.endpoint else {}),
        },
        client_options={
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "allow_http": (access.endpoint or "").startswith("http://"),
        },
        retry_config={
            "max_retries": 3,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
    )


def missing(error: Exception) -> bool:
    """Whether an error says that the object is not there; the bucket is."""
    kinds = (exceptions.NotFoundError, FileNotFoundError)
    return isinstance(error, kinds) and "NoSuchBucket" not in str(error)


def explain(error: Exception, what: str) -> tuple[Why, str, str]:
    """Why it failed, in a sentence that begins with ``what``, and what a person can do."""
    said = str(error)
    text = said.lower()
    if "nosuchbucket" in text:
        return "refused", f"{what}: there is no such bucket", "make the bucket"
    known = isinstance(error, exceptions.PermissionDeniedError | PermissionError)
    if known or isinstance(error, exceptions.UnauthenticatedError) or _WRONG.search(text):
        return (
            "refused",
            f"{what}: the server refuses access_key and secret_key",
            "give the right ones; they may read, write, list and delete in that bucket",
        )
    if _any(_FULL, text):
        return "full", f"{what}: the server has no room left", "make room, or keep less there"
    status = _SERVER_ERROR.search(said)
    if status is not None:  # of a full disk some servers say no more than this
        return (
            "unreachable",
            f"{what}: the server answers {status[1]}; its disk may be full",
            "look at the server: its log says more",
        )
    return "unreachable", f"{what}: {_short(said)}", "see that the server runs"


def _any(words: Iterable[str], text: str) -> bool:
    return any(word in text for word in words)


def _short(said: str) -> str:
    """The gist of a chain of errors, on one line."""
    for word in ("Connection refused", "timed out", "dns error", "certificate"):
        if word.lower() in said.lower():
            return word.lower()
    return "".join(mark if mark.isprintable() else "?" for mark in " ".join(said.split())[:200])
