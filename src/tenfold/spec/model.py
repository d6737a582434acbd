"""AppSpec: ``tenfold.toml`` as frozen values. Shapes and ranges; nothing here touches a disk.

Descriptions become the JSON Schema and the reference page, so they are written for users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tenfold.spec import values
from tenfold.spec.alerts import AlertsTable
from tenfold.spec.backup import BackupTable
from tenfold.spec.edge import EdgeTable
from tenfold.spec.jobs import MAX_JOBS, POOL, JobName, JobTable
from tenfold.spec.load import LoadTable
from tenfold.spec.metrics import MetricsTable
from tenfold.spec.publish import PublishTable
from tenfold.spec.redis import RedisTable
from tenfold.spec.static import RelativePath, StaticTable
from tenfold.spec.storage import StorageTable
from tenfold.spec.table import Table
from tenfold.spec.units import Bytes, WaitSeconds
from tenfold.spec.workers import MAX_WORKERS, WorkerName, WorkerTable
from tenfold.spec.zones import ZonesTable

Interface = Literal["auto", "asgi", "wsgi"]
ServerKind = Literal["auto", "uvicorn", "gunicorn", "hypercorn", "granian"]

_AUTO_OR_COUNT = WithJsonSchema(
    {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": values.MAX_COUNT}]}
)
Count = Annotated[Literal["auto"] | int, BeforeValidator(values.auto_or_count), _AUTO_OR_COUNT]
Command = Annotated[str, Field(min_length=1), AfterValidator(values.command)]
ShellCommand = Annotated[str, Field(min_length=1), AfterValidator(values.shell_command)]
UrlPath = Annotated[str, AfterValidator(values.url_path)]
EnvironmentName = Annotated[str, AfterValidator(values.environment_name)]
VariableName = Annotated[str, AfterValidator(values.variable_name)]
VariableValue = Annotated[
    str, BeforeValidator(values.variable_value), WithJsonSchema({"type": "string"})
]
DatabaseUrl = Annotated[
    str, BeforeValidator(values.database_url), WithJsonSchema({"type": "string"})
]


APP_MISSING: Final = "app_missing"
MIN_COPY_BYTES, MAX_COPY_BYTES = 32 << 10, 1_000_000_000
"""What pg_basebackup takes as its bound per second."""


class ReleaseTable(Table):
    """How a release is made and when it is fit to serve."""

    build: ShellCommand | None = Field(
        default=None,
        description="Command run once in the new release's directory, before it is frozen.",
    )
    migrate: Command | None = Field(
        default=None,
        description="Command run once per release, before new code takes traffic.",
    )
    health: UrlPath | None = Field(
        default=None,
        description='Path that must answer below 400; without it "/" must answer below 500.',
    )

    @property
    def health_path(self) -> str:
        """The path that is asked."""
        return self.health or "/"

    @property
    def health_below(self) -> int:
        """The first status that counts as unhealthy."""
        return 500 if self.health is None else 400


class ServerTable(Table):
    """The server process that imports the app."""

    kind: ServerKind = Field(
        default="auto",
        description="Which server; auto takes the one installed in the app's environment.",
    )
    interface: Interface = Field(
        default="auto", description="What the app speaks; auto looks at the imported object."
    )
    workers: Count = Field(
        default="auto", description="Processes; auto derives them from the host's cores."
    )
    threads: Count = Field(
        default="auto", description="Threads per WSGI worker; auto is 1. ASGI has none."
    )
    health_timeout_seconds: WaitSeconds = Field(
        default=20.0,
        gt=0,
        alias="health_timeout",
        description="How long a new release may take until it is healthy.",
    )
    drain_seconds: WaitSeconds = Field(
        default=60.0,
        alias="drain",
        description="How long old workers may finish their requests; what takes longer is cut off, "
        "WebSockets are closed with 1012.",
    )


class DatabaseTable(Table):
    """The PostgreSQL that DATABASE_URL names: Tenfold's, or the user's own."""

    url: DatabaseUrl | None = Field(
        default=None,
        description='Your own database, as "${DATABASE_URL}"; without it Tenfold runs one. Tenfold '
        "neither backs it up nor moves it.",
    )

    postgres: Annotated[str, AfterValidator(values.postgres_source)] = Field(
        default="wheel",
        description='"wheel" (comes with Tenfold), "path" (found on PATH), or the absolute '
        "directory of its programs.",
    )

    without_follower: Literal["go on", "stop"] = Field(
        default="go on",
        description="From stage 1k on, what writes do while no other database has all that the "
        'leader wrote: "go on", or "stop" until one has. With [zones] databases = 2, "stop" means '
        "that the loss of either stops writes.",
    )

    backup: BackupTable | None = Field(
        default=None,
        description="Continuous backup of the database and of [storage] dirs; none without it.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        for key in ("postgres", "backup", "without_follower"):
            if self.url is not None and key in self.model_fields_set:
                raise ValueError(
                    f"{key} is for a database that Tenfold runs: leave it out beside url"
                )
        return self


class TransitionTable(Table):
    """Moves between stages: how long users, and you, may wait for one."""

    max_hold_seconds: WaitSeconds = Field(
        default=5.0,
        ge=0.5,
        alias="max_hold",
        description="How long requests may wait for a switch; past it everything is taken back and "
        "the app runs as before. Less than [edge] hold.",
    )
    max_postpone_seconds: WaitSeconds = Field(
        default=600.0,
        alias="max_postpone",
        description="How long a switch may be put off because a request takes longer than max_hold "
        "leaves it.",
    )
    max_copy_rate_bytes: Bytes = Field(
        default=32_000_000,
        ge=MIN_COPY_BYTES,
        le=MAX_COPY_BYTES,
        alias="max_copy_rate",
        description="How much of the database is copied a second at most, so that whoever uses it "
        "goes on well; from 32KiB to 1GB.",
    )
    max_catch_up_seconds: WaitSeconds = Field(
        default=1800.0,
        gt=0,
        alias="max_catch_up",
        description="How long a copy of the database may take to catch up, once it is made; one "
        "that falls behind steadily is given up after a tenth of it, not before 30 s.",
    )


class AppSpec(Table):
    """One web app, as its ``tenfold.toml`` describes it.

    ``app`` and ``command`` are both ``None`` where there is a static site alone.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["app"]},
                {"required": ["command"]},
                {"required": ["static"], "properties": {"static": {"required": ["build"]}}},
            ],
            "not": {"required": ["app", "command"]},
        }
    )

    name: Annotated[str, AfterValidator(values.name)] = Field(
        description="The app's name: lower-case letters, digits and hyphens, at most 40.",
        json_schema_extra={"pattern": f"^{values.NAME.pattern}$"},
    )
    app: Annotated[str, AfterValidator(values.entry)] | None = Field(
        default=None,
        description='The ASGI or WSGI app as "module:attribute", or what makes it as '
        '"module:factory()".',
        json_schema_extra={"pattern": "^[^:]+:[^:]+$"},
    )
    command: Command | None = Field(
        default=None,
        description="Instead of app: a program that serves HTTP in the foreground, at $HOST and "
        "$PORT; `tenfold plan` says which guarantees that costs.",
    )
    python: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The app's interpreter; default ./.venv, else an environment made of the "
        "project's lock or requirements.",
    )
    pythonpath: tuple[RelativePath, ...] = Field(
        default=(),
        description="Directories of the project to import from, besides the project itself.",
    )
    release: ReleaseTable = Field(default_factory=ReleaseTable)
    static: StaticTable = Field(default_factory=StaticTable, validate_default=True)
    storage: StorageTable = Field(default_factory=StorageTable)
    server: ServerTable = Field(default_factory=ServerTable)
    database: DatabaseTable = Field(default_factory=DatabaseTable)
    redis: RedisTable | None = None
    workers: Mapping[WorkerName, WorkerTable] = Field(
        default_factory=dict,
        max_length=MAX_WORKERS,
        description="Long-running commands beside the app, each under a name of its own.",
    )
    jobs: Mapping[JobName, JobTable] = Field(
        default_factory=dict,
        max_length=MAX_JOBS,
        description="Commands that run at their times, each under a name of its own.",
    )
    edge: EdgeTable = Field(default_factory=EdgeTable)
    zones: ZonesTable = Field(default_factory=ZonesTable)
    transition: TransitionTable = Field(default_factory=TransitionTable, validate_default=True)
    publish: PublishTable | None = None
    metrics: MetricsTable | None = None
    alerts: AlertsTable | None = None
    env: Mapping[VariableName, VariableValue] = Field(
        default_factory=dict,
        description="Environment variables for the app; ${NAME} takes the caller's, $$ is one $.",
    )
    load: LoadTable | None = None
    environments: Mapping[EnvironmentName, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="What is different in another environment, by its name: any keys and tables "
        "of this file but name.",
    )

    @field_validator("env", mode="after")
    @classmethod
    def _redis_url_is_given_once(
        cls, env: Mapping[str, str], info: ValidationInfo
    ) -> Mapping[str, str]:
        if info.data.get("redis") is not None and "REDIS_URL" in env:
            raise ValueError("REDIS_URL is set by [redis]; give one of both")
        return env

    @field_validator("alerts", mode="after")
    @classmethod
    def _alerts_need_figures(
        cls, alerts: AlertsTable | None, info: ValidationInfo
    ) -> AlertsTable | None:
        if alerts is not None and info.data.get("metrics", True) is None:
            raise ValueError("are raised from what is measured: write [metrics] as well")
        return alerts

    @field_validator("jobs", mode="after")
    @classmethod
    def _scheduler_has_a_name(
        cls, jobs: Mapping[str, JobTable], info: ValidationInfo
    ) -> Mapping[str, JobTable]:
        if jobs and POOL in (info.data.get("workers") or {}):
            raise ValueError(
                f"whoever runs them is called {POOL}: call [workers.{POOL}] something else"
            )
        return jobs

    @field_validator("storage", mode="after")
    @classmethod
    def _served_apart(cls, storage: StorageTable, info: ValidationInfo) -> StorageTable:
        static = info.data.get("static")
        for clash in storage.clashes(static.assets) if static is not None else ():
            raise ValueError(clash)
        return storage

    @field_validator("command", mode="after")
    @classmethod
    def _one_of_both(cls, command: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("app") is not None and command is not None:
            raise ValueError("app and command exclude each other: either of them is the web server")
        return command

    @field_validator("static", mode="after")
    @classmethod
    def _something_to_show(cls, static: StaticTable, info: ValidationInfo) -> StaticTable:
        nothing = all(info.data.get(key, "wrong") is None for key in ("app", "command"))
        if nothing and static.build is None:
            raise PydanticCustomError(APP_MISSING, "neither app nor command is given")
        return static

    @field_validator("server", mode="after")
    @classmethod
    def _command_is_a_server(cls, server: ServerTable, info: ValidationInfo) -> ServerTable:
        if info.data.get("command") is None:
            return server
        given = [k for k in ("kind", "interface", "threads") if getattr(server, k) != "auto"]
        if given:
            raise ValueError(f"{given[0]} is for an app; command says itself how it serves")
        return server

    @field_validator("transition", mode="after")
    @classmethod
    def _edge_waits_longer(
        cls, transition: TransitionTable, info: ValidationInfo
    ) -> TransitionTable:
        edge = info.data.get("edge")
        if edge is not None and transition.max_hold_seconds >= edge.hold_seconds:
            raise ValueError(
                "max_hold must be less than [edge] hold, or held requests are answered 504: "
                f"{transition.max_hold_seconds:g} s, and {edge.hold_seconds:g} s"
            )
        return transition
