"""`python -m segflow`."""

from segflow.cli.main import run

run()
