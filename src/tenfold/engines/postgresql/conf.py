"""``postgresql.conf`` as data: sections of settings, each with its reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenfold.engines.postgresql.peers import Upstream
from tenfold.engines.postgresql.sizing import Sizing, size_text

OLDEST_MAJOR = 15
"""The oldest supported version; 14 left PostgreSQL's own support in November 2026."""

MAX_WAL_SENDERS = 16
"""Connections for followers and copies; the same everywhere, see :func:`limits`."""

ARCHIVE_TIMEOUT_SECONDS = 30
"""Half of the minute that may be outside the archive; the other half is for the way there."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line. ``since`` is the first major version that knows it."""

    name: str
    value: str
    why: str = ""
    since: int = OLDEST_MAJOR


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together, with what a reader should know about them."""

    title: str
    settings: tuple[Setting, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Where one server lives and listens, and whom it follows if it follows."""

    cluster_name: str
    data: str
    hba: str
    ident: str
    sockets: str
    address: str
    port: int
    upstream: Upstream | None = None
    archive_command: str | None = None


def postgresql_conf(server: Server, sizes: Sizing, major: int) -> str:
    """The whole file for this major version."""
    return "\n".join(_lines(server, sizes, major)) + "\n"


def sections(server: Server, sizes: Sizing) -> tuple[Section, ...]:
    """Everything that is set, for all versions."""
    return (
        _place(server),
        _connections(server, sizes),
        _authentication(),
        _memory(sizes),
        _durability(sizes),
        _replication(sizes),
        _archive(server.archive_command),
        *_following(server),
        _planner(),
        _logging(),
        _statistics(),
        _locale(),
    )


def limits(sizes: Sizing) -> dict[str, int]:
    """What a follower must not have less of than its leader, or it does not start.

    The last two are PostgreSQL's defaults, which the file leaves alone.
    """
    return {
        "max_connections": sizes.max_connections,
        "max_worker_processes": sizes.max_worker_processes,
        "max_wal_senders": MAX_WAL_SENDERS,
        "max_prepared_transactions": 0,
        "max_locks_per_transaction": 64,
    }


def quoted(value: str) -> str:
    """A string as the file wants it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _lines(server: Server, sizes: Sizing, major: int) -> Iterator[str]:
    yield f"# PostgreSQL {major}, written by Tenfold. The whole configuration is here and in"
    yield "# pg_hba.conf beside it; what is not named has PostgreSQL's default."
    yield "# (restart) marks what PostgreSQL reads at its start only."
    for section in sections(server, sizes):
        yield ""
        yield f"# --- {section.title} ---"
        if section.text:
            yield from (f"# {line}" for line in section.text.splitlines())
        for setting in section.settings:
            if setting.since <= major:
                line = f"{setting.name} = {setting.value}"
                yield f"{line:<44}  # {setting.why}" if setting.why else line


def _place(server: Server) -> Section:
    return Section(
        "Place",
        (
            Setting("data_directory", quoted(server.data)),
            Setting("hba_file", quoted(server.hba)),
            Setting("ident_file", quoted(server.ident)),
            Setting("cluster_name", quoted(server.cluster_name), "shown by ps"),
            Setting("allow_alter_system", "off", "this file is the only source", since=17),
        ),
    )


def _connections(server: Server, sizes: Sizing) -> Section:
    # A list: in double quotes, so that a path may contain a comma.
    sockets = '"' + server.sockets.replace('"', '""') + '"'
    return Section(
        "Connections",
        (
            Setting("listen_addresses", quoted(server.address), "(restart)"),
            Setting("port", str(server.port), "(restart)"),
            Setting("unix_socket_directories", quoted(sockets), "(restart)"),
            Setting("unix_socket_permissions", "0700", "this user only (restart)"),
            Setting("max_connections", str(sizes.max_connections), "(restart)"),
            Setting("tcp_keepalives_idle", "60s", "a dead client's transaction ends in 2 min"),
            Setting("tcp_keepalives_interval", "10s"),
            Setting("tcp_keepalives_count", "6"),
            Setting("client_connection_check_interval", "10s", "stop working for who hung up"),
        ),
    )


def _authentication() -> Section:
    return Section(
        "Authentication",
        (
            Setting("password_encryption", "scram-sha-256"),
            Setting("authentication_timeout", "10s"),
            Setting("ssl", "off", "loopback and unix socket only"),
        ),
    )


def _memory(sizes: Sizing) -> Section:
    return Section(
        "Memory and processes",
        (
            Setting("shared_buffers", size_text(sizes.shared_buffers_bytes), "(restart)"),
            Setting("effective_cache_size", size_text(sizes.effective_cache_size_bytes)),
            Setting("work_mem", size_text(sizes.work_mem_bytes), "per sort or hash"),
            Setting("maintenance_work_mem", size_text(sizes.maintenance_work_mem_bytes)),
            Setting("max_worker_processes", str(sizes.max_worker_processes), "(restart)"),
            Setting("max_parallel_workers", str(sizes.max_parallel_workers)),
            Setting("max_parallel_workers_per_gather", str(sizes.max_parallel_workers_per_gather)),
        ),
        text="Sized from the host's memory and cores, of which the app and the edge need a part.",
    )


def _durability(sizes: Sizing) -> Section:
    return Section(
        "Durability",
        (
            Setting("fsync", "on"),
            Setting("synchronous_commit", "on"),
            Setting("full_page_writes", "on"),
            Setting("data_sync_retry", "off", "a failed fsync is a crash, not a retry (restart)"),
            Setting("restart_after_crash", "on"),
            Setting("min_wal_size", size_text(sizes.min_wal_size_bytes)),
            Setting("max_wal_size", size_text(sizes.max_wal_size_bytes)),
        ),
        text="An acknowledged commit is on the disk. Data checksums are on since initdb.",
    )


def _replication(sizes: Sizing) -> Section:
    keep = size_text(sizes.max_slot_wal_keep_size_bytes)
    return Section(
        "Replication",
        (
            Setting("wal_level", "logical", "(restart)"),
            Setting("max_wal_senders", str(MAX_WAL_SENDERS), "(restart)"),
            Setting("max_replication_slots", "16", "(restart)"),
            Setting("max_slot_wal_keep_size", keep, "a lost follower must not fill the disk"),
            Setting("hot_standby", "on", "(restart)"),
            # Also where nobody is followed yet: taking it out of the file would take a restart.
            Setting("recovery_target_timeline", quoted("latest"), "(restart)"),
            # Half of PostgreSQL's minute: that long a follower whose machine vanished has its slot,
            # and is refused when it comes back. Shorter would take a disk that stalls for dead.
            Setting("wal_sender_timeout", "30s", "a vanished follower lets go of its slot"),
            Setting("wal_receiver_timeout", "30s", "a vanished leader is called again"),
            Setting("wal_retrieve_retry_interval", "1s", "so is one that restarted"),
            Setting("wal_receiver_status_interval", "1s", "how old the leader's view may be"),
            # What a slot remembers of it outlasts the follower, and vacuum would stand still.
            Setting("hot_standby_feedback", "off", "a follower's queries hold up no vacuum"),
            # A switch waits for what a query on the follower delays.
            Setting("max_standby_streaming_delay", "5s", "and the follower no longer"),
            Setting("track_commit_timestamp", "on", "tells conflicting changes apart (restart)"),
        ),
        text=(
            "What later stages need and what takes a restart is set from the first day, so that\n"
            "growing never restarts the database."
        ),
    )


def _archive(command: str | None) -> Section:
    # "always": followers archive as well. So whoever is promoted has archived what its leader had
    # not come to, and no change of leader leaves a gap.
    mode = Setting("archive_mode", "always", "followers do it as well (restart)")
    if command is None:
        return Section(
            "Archive",
            (mode, Setting("archive_command", quoted("true"), "keeps nothing")),
            text=(
                "There is none: archive_command says 'done' for every segment of the log. Left\n"
                "empty, PostgreSQL would keep every segment for ever. A real command later takes\n"
                "a reload, not a restart."
            ),
        )
    timeout = f"{ARCHIVE_TIMEOUT_SECONDS}s"
    return Section(
        "Archive",
        (
            mode,
            Setting("archive_command", quoted(command)),
            Setting("archive_timeout", timeout, "what was written is there so much later, at most"),
        ),
        text=(
            "Every segment of the log goes to the keeper of backups on this host; PostgreSQL\n"
            "keeps it until that says that it is stored."
        ),
    )


def _following(server: Server) -> tuple[Section, ...]:
    """Nothing for a server that is alone. Reloadable, so that a peer may come and go."""
    upstream = server.upstream
    if upstream is None:
        return ()
    section = Section(
        "Following",
        (
            Setting("primary_conninfo", quoted(upstream.conninfo())),
            Setting("primary_slot_name", quoted(upstream.slot)),
        ),
        text=(
            "Whom this server follows while a file standby.signal is in its data directory. That\n"
            "file alone decides who leads; without it, these lines mean nothing."
        ),
    )
    return (section,)


def _planner() -> Section:
    return Section(
        "Planner",
        (
            Setting("random_page_cost", "1.1", "solid-state disks"),
            Setting("jit", "off", "costs short queries more than it gives them"),
        ),
    )


def _logging() -> Section:
    return Section(
        "Logging",
        (
            Setting("log_destination", "stderr"),
            Setting(
                "logging_collector", "off", "whoever starts the server keeps its log (restart)"
            ),
            Setting("log_line_prefix", quoted("%m [%p] %q%u@%d %a "), "time, process, who"),
            Setting("log_timezone", quoted("UTC")),
            Setting("log_statement", "none"),
            Setting("log_min_error_statement", "panic", "an error without its statement"),
            Setting("log_min_duration_statement", "-1"),
            Setting("log_parameter_max_length", "0"),
            Setting("log_parameter_max_length_on_error", "0"),
            Setting("log_lock_waits", "on"),
            Setting("log_temp_files", "10MB"),
            Setting("log_checkpoints", "on"),
        ),
        text=(
            "Statements stay out of the log (but for those of a deadlock): they carry\n"
            "passwords, tokens and people's data. Which ones are slow is in\n"
            "pg_stat_statements, without their constants."
        ),
    )


def _statistics() -> Section:
    return Section(
        "Statistics",
        (
            Setting("shared_preload_libraries", quoted("pg_stat_statements"), "(restart)"),
            Setting("pg_stat_statements.max", "5000", "(restart)"),
            Setting("pg_stat_statements.track_utility", "off", "these keep their constants"),
            Setting("track_io_timing", "on"),
        ),
    )


def _locale() -> Section:
    return Section(
        "Locale",
        (
            Setting("TimeZone", quoted("UTC")),
            Setting("DateStyle", quoted("iso, mdy")),
            Setting("lc_messages", quoted("C"), "messages that programs can read"),
            Setting("lc_monetary", quoted("C")),
            Setting("lc_numeric", quoted("C")),
            Setting("lc_time", quoted("C")),
            Setting("default_text_search_config", quoted("pg_catalog.english")),
        ),
    )
