"""A machine that can be booted: a real sshd with a boot id of its own, whose `shutdown -r` ends it and all it runs.

Its sshd lives in a mount namespace in which the kernel's boot id and the program behind `shutdown` are files of the
test: nothing on the way there can tell. What the machine does after it was told to boot is said by the test.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.sshd import Sshd, path, sshd_fleet

_PRIVATE = ("unshare", "--mount", "--propagation", "private")
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PROGRAM = Path("/usr/sbin/shutdown")
_PLACE = """set -e
mount --bind "$0/boot_id" /proc/sys/kernel/random/boot_id
mount --bind "$0/shutdown" "$1"
shift
exec "$@"
"""

needed = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("unshare")
    or not _PROGRAM.exists()
    or subprocess.run([*_PRIVATE, "mount", "--bind", "/etc/passwd", _BOOT_ID], capture_output=True).returncode != 0,
    reason="needs `shutdown`, and root who may make a mount namespace in which it is another program",
)


@dataclass
class Machine:
    """One machine; `after` is called once its sshd is gone, in a thread of its own, and may start it again."""

    sshd: Sshd
    within: Sequence[str]
    after: Callable[["Machine"], object]
    boots: int = 0  # how often it was told to
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def told(self) -> Path:
        return self.sshd.folder / "told"

    def wait(self, seconds: float) -> None:
        self._over.wait(seconds)

    def start(self, boot_id: str) -> None:
        """Start its sshd again, at the same port and with the same keys."""
        folder = self.sshd.folder
        (folder / "boot_id").write_text(f"{boot_id}\n")
        self.sshd.process = subprocess.Popen(
            [*self.within, path(), "-D", "-f", folder / "sshd_config", "-E", folder / "sshd.log"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self) -> None:
        while not self._over.is_set():
            if self.told.exists():
                self.told.unlink()
                self.boots += 1
                self._down()
                self.after(self)
            self._over.wait(0.05)

    def _down(self) -> None:
        ours = processes.descendants(self.sshd.pid)
        self.sshd.process.kill()
        self.sshd.process.wait()
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)

    def end(self) -> None:
        self._over.set()


@contextmanager
def machine(folder: Path, after: Callable[[Machine], object]) -> Iterator[Machine]:
    """Run a machine with its files in `folder`."""
    folder.mkdir(parents=True)
    (folder / "boot_id").write_text("first\n")
    (folder / "shutdown").write_text(f"#!/bin/sh\necho \"$*\" >> '{folder}/told'\n")
    (folder / "shutdown").chmod(0o755)
    within = [*_PRIVATE, "sh", "-c", _PLACE, str(folder), str(_PROGRAM.resolve())]
    with sshd_fleet(folder, within=within) as daemon:
        one = Machine(daemon, within, after)
        watching = threading.Thread(target=one.watch, name=f"machine {folder.name}")
        watching.start()
        try:
            yield one
        finally:
            one.end()
            watching.join()


def back(seconds: float, boot_id: str) -> Callable[[Machine], None]:
    """Return what a machine does that is away for so long, and then answers with that boot id."""

    def after(one: Machine) -> None:
        one.wait(seconds)
        one.start(boot_id)

    return after


def away(one: Machine) -> None:
    """Never come back."""
