"""Whole screens, as a person sees them: any width, any script, whatever hosts print, and nothing that acts."""

import re
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support.command import environment, pssh
from tests.support.faulty import Faulty
from tests.support.inert import acting
from tests.support.pty import Screen, run_on_pty

INVENTORY = """\
version = 1
[hosts."web[1-3]"]
connection = { transport = "local" }
[hosts.db1]
connection = { transport = "local" }
"""
SAID = {
    "web1": "6.1.0 漢字かな交じり文 日本語 テスト テスト テスト テスト テスト\n".encode(),
    "web2": "ok 🚀 rocket 👨\u200d👩 family, e\u0301 combining\n".encode(),
    "web3": b"x\x1b[2J\x1b]0;t\x07\rweb99  1  ok\xe2\x80\xae\xff\xc2\x9b\n",
    "db1": b"plain\n",
}
AT_80 = r"""HOSTS      N  STATUS      CODE    TIME  OUTPUT
-------  ---  --------  ------  ------  ----------------------------------------
web3       1  failed         1   0.0 s  x\x1b[2J\x1b]0;t\x07\rweb99  1  ok\u202…
web1       1  ok             0   0.0 s  6.1.0 漢字かな交じり文 日本語 テスト テ…
web2       1  ok             0   0.0 s  ok 🚀 rocket 👨\u200d👩 family, é combi…
db1        1  ok             0   0.0 s  plain
"""
AT_140 = r"""HOSTS      N  STATUS      CODE    TIME  OUTPUT
-------  ---  --------  ------  ------  ----------------------------------------------------------------
web3       1  failed         1   0.0 s  x\x1b[2J\x1b]0;t\x07\rweb99  1  ok\u202e\xff\x9b
web1       1  ok             0   0.0 s  6.1.0 漢字かな交じり文 日本語 テスト テスト テスト テスト テスト
web2       1  ok             0   0.0 s  ok 🚀 rocket 👨\u200d👩 family, é combining
db1        1  ok             0   0.0 s  plain
"""
AT_80, AT_140 = (text.replace("é", "e\u0301") for text in (AT_80, AT_140))
SAFE = r"x\x1b[2J\x1b]0;t\x07\rweb99  1  ok\u202e\xff\x9b"
LAST = "\n4 hosts: 3 ok, 1 failed  0.0 s  inventory/  exit 5\n"
COMMAND = "cat said.{host}; test {host} != web3"
RUN = ("run", "--no-history", "--local", "-T")
# What we ourselves may send to a terminal beside text: colours, and taking the live line away.
OURS = re.compile(r"\x1b\[(?:\d+(?:;\d+)*)?m|\r\x1b\[K(?:\x1b\[A\x1b\[K)*")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, and what each of them says."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    for host, data in SAID.items():
        (tmp_path / f"said.{host}").write_bytes(data)
    return tmp_path


def timeless(text: str) -> str:
    return re.sub(r"\d\.\d s", "0.0 s", text)


def on_terminal(fleet: Path, *args: str, columns: int = 80, **environ: str) -> Screen:
    env = environment(fleet, TERM="xterm", **environ)
    del env["COLUMNS"]
    return run_on_pty([sys.executable, "-m", "pssh", *args], env=env, cwd=fleet, columns=columns)


@pytest.mark.parametrize(("columns", "table"), [(80, AT_80), (140, AT_140)])
def test_a_table_fits_its_width_and_its_columns_stand_below_each_other(fleet: Path, columns: int, table: str) -> None:
    done = pssh(*RUN, "@all", COMMAND, cwd=fleet, COLUMNS=str(columns))
    assert (timeless(done.out), timeless(done.err)) == (table, LAST)
    screen = on_terminal(fleet, *RUN, "--color", "never", "@all", COMMAND, columns=columns)
    shown = timeless(OURS.sub("\r", screen.text))
    assert shown.endswith(table + LAST)
    assert f"web3  failed  exit 1: {SAFE}\n" in shown  # as it happened; live lines may have come and gone since


def test_without_a_width_nothing_is_cut(fleet: Path) -> None:
    assert timeless(pssh(*RUN, "@all", COMMAND, cwd=fleet, COLUMNS="").out) == AT_140


@pytest.mark.parametrize(
    ("flags", "environ", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
        ([], {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_decided_by_the_option_then_the_environment_then_the_terminal(
    fleet: Path, flags: list[str], environ: dict[str, str], coloured: bool
) -> None:
    env = environment(fleet, **{"TERM": "xterm", **environ})
    argv = [sys.executable, "-m", "pssh", *RUN, "-q", *flags, "db1", "true"]
    assert (b"\x1b[32mok\x1b[0m" in run_on_pty(argv, env=env, cwd=fleet).data) is coloured


PIECES = [
    *(bytes([number]) for number in (*range(32), 0x7F, *range(0x80, 0xA0), 0xFF)),
    *(chr(number).encode() for number in (*range(0x80, 0xA0), 0xAD, 0x61C, 0x200B, 0x200E, 0x202E, 0x2028, 0x2066)),
    *(
        b"\x1b[2J",
        b"\x1b[1A",
        b"\x1b]0;x\x07",
        b"\x1bP1$r\x1b\\",
        b"\xef\xbb\xbf",
        b"\xf3\xa0\x81\x81",
        b"\xed\xa0\x80",
    ),
    *("漢字 🚀 e\u0301 \r\n \n \n \t | ' = - + \\".split(" ")[number].encode() for number in range(12)),
    *(b"\nweb99: forged\n", b"\rweb99  1  ok  0  forged\n", b"\n---------------\nweb99 (1)\n---------------\n"),
    *(b"\n| web99 | 1 | ok |\n", b"\n@@ -1 +1 @@\n", b"\n--- stderr\n", b"pssh: forged\n"),
]


@pytest.fixture
def hostile(tmp_path: Path, faulty: Faulty) -> Path:
    """Return a folder with twenty hosts that print what their seed makes of the pieces, and some that are worse."""
    (tmp_path / "inventory").mkdir()
    lines = [INVENTORY.replace("web[1-3]", "web[01-20]")]
    for number in range(1, 21):
        random = Random(number)
        for stream in ("out", "err"):
            data = b"".join(random.choices(PIECES, k=random.randrange(60)))
            (tmp_path / f"{stream}.web{number:02}").write_bytes(data)
    for name in ("escapes", "disconnects", "http"):
        lines.append(f'[hosts.{name}]\naddress = "127.0.0.1"\nconnection = {{ port = {faulty.start(name)} }}\n')
    (tmp_path / "inventory" / "fleet.toml").write_text("".join(lines))
    return tmp_path


# Formats in which every line begins as we say, and those in which only the heads of blocks do.
LINED = [["-f", "table"], ["-f", "table", "--rows", "host"], ["-f", "lines"], ["-f", "md"]]
BLOCKS = [["-g"], ["--diff"], ["--similar", "--mask", "x+"], ["-L", "--similar", "--diff"]]
DOCUMENTS = [["-f", "csv"], ["-f", "junit"]]


def shown(hostile: Path, flags: list[str]) -> str:
    """Return what reached a terminal of a run on the hostile hosts, without what is ours to send."""
    command = "case {host} in web*) cat out.{host}; cat err.{host} >&2;; esac; test {host} != web07"
    limits = ("--host-keys", "off", "--connect-timeout", "3", "--retries", "0")
    screen = on_terminal(hostile, "run", "--no-history", "-T", *limits, *flags, "@all", command, columns=100)
    assert screen.exit_code == 4
    text = OURS.sub("", screen.data.decode().replace("\r\r\n", "\n").replace("\r\n", "\n"))
    assert all(name in text for name in ("web", "escapes", "disconnects", "http"))
    return text


@pytest.mark.parametrize("flags", [*LINED, *BLOCKS, *DOCUMENTS], ids=" ".join)
def test_whatever_a_host_prints_nothing_of_it_acts_on_the_terminal(hostile: Path, flags: list[str]) -> None:
    text = shown(hostile, flags)
    assert not acting(text)
    if flags in DOCUMENTS:
        return
    heads = re.findall(r"^---------------\n(.*)\n---------------$", text, re.MULTILINE)
    assert not any("web99" in head for head in heads)
    if flags in LINED:
        assert not re.search(r"^(?:\| )?web99|^pssh: forged|^@@", text, re.MULTILINE)
