"""The benchmark measures what it says: whole process trees, and no figures for what failed."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.fleet import addresses
from benchmarks.measure import Cost, measure, spent
from benchmarks.peers import Peer

BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"


def cost(code: str, *, sample: bool = False) -> Cost:
    return measure([sys.executable, "-S", "-E", "-c", code], {"PATH": os.environ["PATH"]}, sample=sample)


def test_cpu_time_of_a_grandchild_that_nobody_waited_for_is_counted() -> None:
    """The first prints nothing, yet its output ends only when the last of them is through."""
    start = "import subprocess, sys\nit = subprocess.Popen([sys.executable, '-S', '-E', '-c', {!r}]{})\n"
    code = start.format(start.format(BUSY, ""), ", stdout=-1") + "it.stdout.read()\n"
    assert cost(code).cpu >= 0.3


def test_wall_time_exit_code_and_the_last_words_are_those_of_the_command() -> None:
    it = cost("import sys, time; time.sleep(0.2); print('no space', file=sys.stderr); sys.exit(3)")
    assert it.exit_code == 3 and it.stderr == "no space" and 0.2 <= it.wall < 5 and it.cpu < it.wall


def test_memory_is_that_of_all_processes_at_once() -> None:
    child = "import sys, time; kept = b'x' * (32 << 20); time.sleep(0.5)"
    start = f"subprocess.Popen([sys.executable, '-S', '-E', '-c', {child!r}])"
    both = f"import subprocess, sys\nfor it in [{start}, {start}]: it.wait()"
    it = cost(both, sample=True)
    assert it.processes == 3 and 64 << 20 <= it.peak < 128 << 20


def test_what_a_command_leaves_behind_is_ended() -> None:
    leaves = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, file=__import__('sys').stderr)"
    pid = int(cost(leaves).stderr)
    assert not Path(f"/proc/{pid}").exists()


def test_every_address_of_a_fleet_is_a_host_of_its_own() -> None:
    hosts = addresses(1000)
    assert len(set(hosts)) == 1000 and hosts[0] == "127.1.0.1" and hosts[-1] == "127.1.3.250"


def test_a_version_is_found_in_what_a_tool_says() -> None:
    peer = Peer("it", sys.executable, lambda program, ask: [], lambda program: [program, "--version"])
    assert peer.said_version() == ".".join(map(str, sys.version_info[:3]))


def test_the_cpu_time_of_a_server_is_that_of_the_children_it_has_waited_for() -> None:
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-E', '-c', {BUSY!r}])\nsys.stdin.read()\n"
    with subprocess.Popen([sys.executable, "-S", "-E", "-c", code], stdin=subprocess.PIPE) as server:
        while not spent(server.pid):
            assert server.poll() is None
        assert 0.25 <= spent(server.pid) < 5
        assert server.stdin
        server.stdin.close()
