"""The ``[workers.NAME]`` tables: long-running commands beside the app."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tenfold.spec import values
from tenfold.spec.units import WaitSeconds

Signal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]
MAX_WORKERS: Final = 20
MAX_COUNT: Final = 64
TAKEN: Final = (
    *("app", "agent", "keeper", "postgres", "database", "edge", "public", "redis"),
    *("backup", "certificates", "metrics"),
)


def worker_name(text: str) -> str:
    """A name for a worker's units: as the app's, and not that of another unit."""
    values.name(text)
    if text in TAKEN:
        raise ValueError(f'"{text}" is what another unit is called; take another name')
    return text


WorkerName = Annotated[str, AfterValidator(worker_name)]


class WorkerTable(BaseModel):
    """One kind of worker."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    command: Annotated[str, Field(min_length=1), AfterValidator(values.worker_command)] = Field(
        description="What runs, in the release's directory and environment, without a shell; it "
        "stays in the foreground."
    )
    count: Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT)] = Field(
        default=1, description="How many of them run."
    )
    single: bool | None = Field(
        default=None,
        description="Never two at once, not even while a release replaces another; by default so "
        "for schedulers (celery beat) and for a command that is not recognised.",
    )
    stop_signal: Signal | None = Field(
        default=None,
        description="What tells it to finish its jobs and end; by default what its kind heeds, "
        "else SIGTERM.",
    )
    drain_seconds: WaitSeconds = Field(
        default=60.0,
        alias="drain",
        description="How long a deploy, or down, lets it finish its jobs before it is killed; a "
        "move between stages kills none and is put off.",
    )
    steady_seconds: WaitSeconds = Field(
        default=3.0,
        gt=0,
        le=600,
        alias="steady",
        description="How long it has to run before it counts as started.",
    )
