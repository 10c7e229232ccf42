"""`python -m pssh` is the command `pssh`."""

from pssh.cli.early import main

main()
