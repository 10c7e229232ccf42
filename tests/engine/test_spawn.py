"""A worker that is a fork, in a program that has no threads: a new process each time, since pytest may have some."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pssh.engine.spawn import Spawned

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no worker is forked")


def forks(text: str) -> str:
    """Return what a program prints that forks a worker which does nothing, and then does as `text` says.

    Before, it opened a file that it would leave to its children, as a shell can do.
    """
    program = f"""
import asyncio, os, signal, subprocess, sys
from pathlib import Path
from pssh.engine import spawn, worker
shared = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(shared, True)
def forked(main):
    worker.main = lambda arguments, *, spare: main(arguments)
    return spawn.Spawned.forked(())
{text}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_has_a_session_and_streams_of_its_own_and_of_our_descriptors_only_its_socket() -> None:
    said = forks("""
def main(arguments):
    import socket
    files = {entry.name: os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if os.path.exists(entry)}
    own = files.pop(arguments[0]).partition(":")[0], files.pop("2").partition(":")[0]
    socket.socket(fileno=int(arguments[0])).sendall(repr((own, files, os.getsid(0) == os.getpid())).encode())
child = forked(main)
print(child.sock.recv(1000).decode(), child.process.wait(5), child.sock.recv(1))
""")
    assert said == "(('socket', 'pipe'), {'0': '/dev/null', '1': '/dev/null'}, True) 0 b''\n"


def test_ctrl_c_does_not_end_it_not_even_in_its_first_moment() -> None:
    said = forks("""
fork = os.fork
def at_once():
    number = fork()
    if not number:
        os.kill(os.getpid(), signal.SIGINT)
    return number
os.fork = at_once
child = forked(lambda arguments: None)
print(child.process.wait(5), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
""")
    assert said == "0 set()\n"


def test_what_it_dies_of_is_said_on_the_pipe_and_it_never_comes_back_into_our_program() -> None:
    said = forks("""
def main(arguments):
    raise SystemError("no such luck")
child = forked(main)
code = child.process.wait(5)
print(code, os.read(child.errors, 1 << 16).decode().splitlines()[-1])
""")
    assert said == "1 SystemError: no such luck\n"


def test_it_is_killed_once_and_its_end_is_told_as_that_of_any_process() -> None:
    said = forks("""
child = forked(lambda arguments: signal.pause())
try:
    child.process.wait(0)
except subprocess.TimeoutExpired:
    print("runs")
child.process.kill()
print(child.process.wait(5), child.process.wait(5))
os.kill = None  # the number may be somebody else's now
child.process.kill()
""")
    assert said == "runs\n-9 -9\n"


def test_a_fork_that_fails_leaves_nothing_open() -> None:
    said = forks("""
def files():
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
before = files()
def refused():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = refused
try:
    spawn.Spawned.forked(())
except OSError as error:
    print(error.strerror, files() == before, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
""")
    assert said == "Resource temporarily unavailable True set()\n"


@pytest.mark.parametrize(
    ("threads", "processors", "found"),
    [(0, 2, ["forked", "forked spare"]), (0, 1, ["forked"]), (1, 2, ["new"])],
)
def test_only_a_process_with_one_thread_forks_and_once_more_where_there_is_a_processor_for_it(
    threads: int, processors: int, found: list[str]
) -> None:
    said = forks(f"""
import threading
for name in ("forked", "new"):
    setattr(spawn.Spawned, name, lambda preload, name=name, spare=False: name + " spare" * spare)
end = threading.Event()
for _ in range({threads}):
    threading.Thread(target=end.wait).start()
os.sched_getaffinity = lambda number: set(range({processors}))
print(spawn.Spawned.first((), spare=True), len(spawn.Spawned.first(())))
end.set()
""")
    assert said == f"{found} 1\n"


def test_a_spare_one_imports_nothing_until_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    for name in ("first", "spare"):
        (tmp_path / f"marks/{name}.py").write_text(f"open({str(tmp_path / name)!r}, 'w').close()\n")
    said = forks(f"""
import time
from pssh.engine import given
sys.path.insert(0, {str(tmp_path)!r})
def imported(name):
    return (Path({str(tmp_path)!r}) / name).exists()
def wait_for(name):
    for _ in range(2000):
        if imported(name):
            return
        time.sleep(0.01)
children = [spawn.Spawned.forked((f"marks.{{name}}",), spare=name == "spare") for name in ("spare", "first")]
wait_for("first")
print(imported("first"), imported("spare"))
given.send(children[0].sock, None, 0)
wait_for("spare")
print(imported("spare"))
""")
    assert said == "True False\nTrue\n"


def test_the_two_ways_are_the_same_to_whoever_waits() -> None:
    child = Spawned.new(())
    child.process.kill()
    assert child.process.wait(5) == -9 == child.process.returncode
    child.sock.close()
    os.close(child.errors)
