"""`python -m agents.cli`, where the console script is not installed."""

from agents.cli import main

main()
