"""Entry point of `python -m agents.cli`, without the console script."""

from agents.cli import main

main()
