"""The table of host keys on wide and on narrow screens."""

from pssh.report.grid import width_of
from pssh.report.trust import key_table

PRINT = "SHA256:" + "x" * 43
ROWS = [
    ("web01.int.example.net", "ssh-ed25519", PRINT, "CHANGED", "/home/me/.ssh/known_hosts:17"),
    ("web02", "ecdsa-sha2-nistp256", PRINT, "new", ""),
    ("web03", "", "", "failed", "connect/refused: nothing listens on port 22 of 10.0.0.3, or a firewall says no"),
]


def test_a_wide_table_has_all_in_one_line_each() -> None:
    lines = key_table(ROWS).splitlines()
    assert len(lines) == 5
    assert lines[2].endswith("CHANGED  /home/me/.ssh/known_hosts:17")


def test_a_narrow_one_never_cuts_a_fingerprint_and_keeps_where_a_key_stands() -> None:
    lines = key_table([(host[:5], *rest) for host, *rest in ROWS], 80).splitlines()
    assert max(map(width_of, lines)) <= 80
    assert lines[2].split() == ["web01", "ed25519", PRINT, "CHANGED"]
    assert lines[3] == "  /home/me/.ssh/known_hosts:17"
    assert lines[4].split() == ["web02", "ecdsa", PRINT, "new"]
    assert lines[5].startswith("web03            connect/refused: nothing listens")
