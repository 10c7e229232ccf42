"""`python -m pssh` is the command `pssh`."""

from pssh.cli.main import main

main()
