"""`python -m pipeline.cli`: how supervised workers are started, wherever the script lies."""

from pipeline.cli import main

main()
