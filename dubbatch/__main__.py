"""``python -m dubbatch``."""

from dubbatch.cli.app import main

main()
