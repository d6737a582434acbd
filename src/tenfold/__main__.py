"""``tenfold`` and ``python -m tenfold``: whoever interrupts its start sees no traceback."""

import sys

INTERRUPTED = 130
NOT_BEGUN = "interrupted before anything was begun; nothing changed"


def main() -> None:
    """Run the command line and exit; see :func:`tenfold.cli.main.main`."""
    try:
        from tenfold.cli import main as command_line  # half a second in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.stderr.write(f"{NOT_BEGUN}\n")
        sys.exit(INTERRUPTED)
    command_line.main()


if __name__ == "__main__":
    main()
