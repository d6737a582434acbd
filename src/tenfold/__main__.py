"""``python -m tenfold``."""

from tenfold.cli.main import main

main()
