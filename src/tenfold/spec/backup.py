"""The ``[database.backup]`` table: where copies of the database go, how often, for how long."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tenfold.spec import places
from tenfold.spec.table import Table
from tenfold.spec.units import LongSeconds

HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86_400.0
_IN_S3: Final = ("endpoint", "region", "access_key", "secret_key")


def place(text: str) -> str:
    """An absolute directory, or ``s3://bucket`` with or without a path in it."""
    if text.startswith(places.S3):
        return places.bucket(text)
    path = PurePosixPath(text)
    if not path.is_absolute() or path == PurePosixPath("/") or ".." in path.parts:
        raise ValueError(
            f'"{text}" is neither an absolute directory, such as "/var/backups/shop", nor a bucket,'
            ' such as "s3://my-backups/shop"'
        )
    if any(part.startswith(".tenfold") for part in path.parts):
        raise ValueError(f'"{text}" lies in what is to be backed up; take a place outside of it')
    return str(path)


_TEXT = WithJsonSchema({"type": "string"})
Key = Annotated[str, places.taken("BACKUP_KEY"), _TEXT]
AccessKey = Annotated[str, places.taken("BACKUP_ACCESS_KEY"), _TEXT]
SecretKey = Annotated[str, places.taken("BACKUP_SECRET_KEY"), _TEXT]


class BackupTable(Table):
    """Continuous backup: the log as it is written, and the whole database now and then."""

    to: Annotated[str, AfterValidator(place)] = Field(
        description='Where to: an absolute directory, or a bucket as "s3://bucket/prefix".',
    )
    every_seconds: LongSeconds = Field(
        default=DAY_SECONDS,
        ge=HOUR_SECONDS,
        le=30 * DAY_SECONDS,
        alias="every",
        description="How often the whole database is copied; from 1h to 30d. What is written "
        "meanwhile goes there all the time.",
    )
    keep_seconds: LongSeconds = Field(
        default=14 * DAY_SECONDS,
        ge=HOUR_SECONDS,
        le=3660 * DAY_SECONDS,
        alias="keep",
        description="How far back one can go; what only older moments need is deleted.",
    )
    check_seconds: LongSeconds | None = Field(
        default=None,
        ge=HOUR_SECONDS,
        le=366 * DAY_SECONDS,
        alias="check",
        description="How often the newest backup is restored beside the site, compared and thrown "
        "away; as `tenfold db check` does. Without it only that command does.",
    )
    encryption: Key | None = Field(
        default=None,
        description="A key of age, as `tenfold db key` makes one: whoever has the place and not "
        "the key cannot read it. Without it nothing is encrypted by Tenfold.",
    )
    endpoint: Annotated[str, AfterValidator(places.server_url)] | None = Field(
        default=None, description="The URL of the S3 server, where that is not Amazon's."
    )
    region: Annotated[str, AfterValidator(places.region_name)] = Field(
        default="us-east-1", description="The region of the bucket."
    )
    access_key: AccessKey | None = Field(default=None, description="Who writes into the bucket.")
    secret_key: SecretKey | None = Field(default=None, description="The password to access_key.")

    @property
    def in_s3(self) -> bool:
        """Whether it goes to a bucket."""
        return self.to.startswith(places.S3)

    @property
    def secrets(self) -> dict[str, str]:
        """The texts that a secret stands for, by key."""
        given = {k: getattr(self, k) for k in ("encryption", "access_key", "secret_key")}
        return {key: text for key, text in given.items() if text is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.in_s3:
            for key in _IN_S3:
                if key in self.model_fields_set:
                    raise ValueError(f"{key} is for a bucket, and this goes to a directory")
        elif self.access_key is None or self.secret_key is None:
            raise ValueError("a bucket needs access_key and secret_key")
        if self.keep_seconds < self.every_seconds:
            raise ValueError("keep is shorter than every: one could not go back even to the last")
        return self
