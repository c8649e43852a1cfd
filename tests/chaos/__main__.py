"""`python -m tests.chaos`: the rows of the table, played on real processes."""

import sys

from tests.chaos.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
