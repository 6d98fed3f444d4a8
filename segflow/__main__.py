"""`python -m segflow`."""

from segflow.cli import main

main()
