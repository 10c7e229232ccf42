"""What the suite reads from /proc is so."""

import os
import subprocess

from tests.support import processes


def test_a_tree_is_a_process_and_all_below_it() -> None:
    script = "sleep 4713 & sleep 4713 & echo; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as shell:
        assert shell.stdout and shell.stdout.readline()
        below = processes.descendants(shell.pid)
        assert len(below) == 2
        assert processes.children(shell.pid) == below
        assert shell.pid in processes.children(os.getpid())
        assert processes.alive([shell.pid, *below]) == [shell.pid, *below]
        for pid in (*below, shell.pid):
            os.kill(pid, 9)
        assert processes.gone([shell.pid, *below]), "a zombie does not count as alive"


def test_a_process_that_lives_on_is_not_gone() -> None:
    assert not processes.gone([os.getpid()], within=0.05)


def test_descriptors_and_memory_are_those_of_the_process() -> None:
    me = os.getpid()
    before = processes.descriptors(me)
    end, other = os.pipe()
    assert processes.descriptors(me) == before + 2
    os.close(end)
    os.close(other)
    held = processes.rss(me)
    block = bytearray(os.urandom(32 << 20))
    assert processes.rss(me) - held >= 24 << 20
    assert 0 < processes.pss(me) <= processes.rss(me)
    assert processes.threads(me) >= 1
    del block


def test_a_process_that_is_gone_holds_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert (processes.rss(process.pid), processes.pss(process.pid)) == (0, 0)
