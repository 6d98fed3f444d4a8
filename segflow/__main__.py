"""`python -m segflow`."""

from segflow.cli import run

run()
