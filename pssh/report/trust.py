"""The table of host keys that a person agrees to: what each host showed, alarms first."""

from collections.abc import Iterable, Sequence

from pssh.report.grid import grid
from pssh.report.safe import safe


def key_table(rows: Iterable[Sequence[str]]) -> str:
    """Return the table of rows of host, key type, fingerprint, state and place or cause."""
    return grid(["HOST", "TYPE", "FINGERPRINT", "STATE", ""], [[safe(cell) for cell in row] for row in rows])
