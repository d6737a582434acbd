"""Run as a file: ``python -I .../tenfold/agent/__main__.py ROOT serve|down first|again``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tenfold.agent.daemon import main

if __name__ == "__main__":
    main(sys.argv)
