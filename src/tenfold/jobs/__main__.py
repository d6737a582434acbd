"""``python -m tenfold.jobs keep FOLDER``, ``run FOLDER JOB BY`` or ``history FOLDER JOB COUNT``.

What the last two print is one JSON object per line, for the command that asked.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str]) -> None:
    """Keep the jobs, ask for a run and follow it, or tell of earlier ones."""
    match argv:
        case ["keep", folder]:
            import os

            from tenfold.jobs import config, keeper

            keeper.keep(config.read(os.environ), Path(folder), config.read_turns(os.environ))
        case ["run", folder, job, by]:
            from tenfold.jobs import asking

            asking.run(Path(folder), job, by)
        case ["history", folder, job, count]:
            from tenfold.jobs import asking

            asking.history(Path(folder), job, int(count))
        case ["output", folder, job, run]:
            from tenfold.jobs import asking

            asking.output(Path(folder), job, int(run))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
