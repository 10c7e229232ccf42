"""What a person does with a run while it goes on: the meaning of keys, and the question between two waves.

Each key is answered by one line on stderr. A key that ends or changes anything never acts on a guess: a host is named
whole, and any answer but `y` ends the run gently. Nothing here waits: keys come from the loop that drives the run.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pssh.cli.keyboard import Keyboard
from pssh.engine.base import End, GoOn, Hold, Widen, most
from pssh.model.event import Event, JobEnded, JobStarted, RunEnded, StatusAsked, Stopping, Tick, WaveEnded
from pssh.model.options import RunOptions
from pssh.report import words
from pssh.report.grid import clip
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.runner import Controls

HELP = """\
Enter  who is at work, and for how long
p      pause: start nothing more; again: go on
+ -    a quarter more or fewer hosts at once
k      end one host
q      start nothing more, let what runs finish
Ctrl-C ends what runs; again: report at once
"""
# Arrow and function keys, and letters with Alt: none of them is the letter that it ends with.
_SEQUENCES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\x1b\[O])")
_ESCAPE = "\x1b"
_ENTER = "\r\n"
_NO = f"nNq\x04{_ENTER}{_ESCAPE}"
_LONGEST_NAME = 255


class Keys:
    """Hears the run, and turns keys into orders for it; `whole` run, or only while a question waits."""

    def __init__(self, screen: Screen, options: RunOptions, *, width: int, whole: bool, shown: bool) -> None:
        self._screen = screen
        self._options = options
        self._width = width
        self._whole = whole
        self._shown = shown  # the screen's stderr is a terminal
        self._keyboard = Keyboard(self.pressed, self._back)
        self._controls: Controls
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._at_work: set[int] = set()
        self._ended: set[int] = set()
        self._parallel = self._most = options.parallel
        self._paused = self._stopping = False
        self._name: str | None = None  # of the host to end, as far as it is typed
        self._next = ""  # the wave that waits for an answer

    @contextmanager
    def attend(self, controls: Controls) -> Iterator[None]:
        """Take keys while the run goes on."""
        self._controls = controls
        self._most = most(self._parallel, len(controls.jobs))
        controls.stop.leaving += [self._keyboard.give_back, self._leave_line]
        with self._keyboard.open():
            if self._whole:
                self._keyboard.take()
            try:
                yield
            finally:
                self._show("")

    def on(self, event: Event, /) -> None:
        match event:
            case JobStarted(job_id=job_id):
                self._at_work.add(job_id)
            case JobEnded(result=result):
                self._at_work.discard(result.job_id)
                self._ended.add(result.job_id)
            case WaveEnded(asks=True) if not self._stopping:
                self._ask(event)
            case Stopping():
                self._stopping = True
                self._settle()
            case RunEnded():
                self._settle()
            case Tick() if (self._whole or self._next) and not self._keyboard.held and self._keyboard.take():
                self._back()
            case _:
                pass

    def pressed(self, data: bytes) -> None:
        """Take the bytes of keys as they come from the terminal."""
        for key in self._decoder.decode(_SEQUENCES.sub(b"", data)):
            if self._next:
                self._answer(key)
            elif self._name is not None:
                self._spell(key, self._name)
            elif act := _ACTS.get(key):
                act(self)

    def _status(self) -> None:
        self._controls.tell(StatusAsked())

    def _help(self) -> None:
        self._screen.say(HELP)

    def _pause(self) -> None:
        if self._over():
            return
        self._paused = not self._paused
        self._controls.steer(Hold() if self._paused else GoOn())
        at_work = words.count(len(self._at_work))
        self._say(f"paused, {at_work} at work; `p` goes on" if self._paused else "going on")

    def _more(self) -> None:
        self._widen(min(max(self._parallel // 4, 1), self._most - self._parallel))

    def _fewer(self) -> None:
        self._widen(-min(max(self._parallel // 4, 1), self._parallel - 1))

    def _widen(self, by: int) -> None:
        if self._over():
            return
        self._parallel += by
        if by:
            self._controls.steer(Widen(by))
        self._say(f"{words.count(self._parallel)} at once")

    def _finish(self) -> None:
        if not self._over():
            self._controls.stop.gently("operator")

    def _over(self) -> bool:
        """Whether it is too late, and say so."""
        if self._stopping:
            self._say("the run is ending already")
        return self._stopping

    def _name_one(self) -> None:
        self._name = ""
        self._draw()

    def _spell(self, key: str, name: str) -> None:
        """Take one letter of the name of the host to end."""
        if key == _ESCAPE:
            self._name = None
        elif key in _ENTER:
            self._name = None
            self._draw()
            if name.strip():
                self._end(name.strip())
            return
        elif key in "\x7f\b":
            self._name = name[:-1]
        elif key == "\x15":  # Ctrl-U
            self._name = ""
        elif key.isprintable() and len(name) < _LONGEST_NAME:
            self._name = name + key
        self._draw()

    def _end(self, name: str) -> None:
        job = next((job for job in self._controls.jobs if job.host == name), None)
        if not job:
            self._say(f"no host `{safe(name)}` in this run")
        elif job.id in self._ended:
            self._say(f"`{safe(name)}` has ended")
        else:
            self._controls.steer(End(job.id))
            self._say(f"ending `{safe(name)}`" if job.id in self._at_work else f"`{safe(name)}` will not be run")

    def _ask(self, event: WaveEnded) -> None:
        sizes = self._options.rollout.sizes(len(self._controls.jobs))
        hosts = words.count(sizes[event.number])
        self._name = None
        self._next = f"wave {event.number + 1} of {event.of} ({hosts})"
        if self._keyboard.take():
            self._draw()
        elif self._keyboard.there:
            self._say(f"{self._next} waits for an answer: bring this to the foreground")
        else:
            self._answer("n")

    def _answer(self, key: str) -> None:
        if key in "yY":
            wave, self._paused = self._next, False
            self._settle()
            self._say(f"going on with {wave}")
            self._controls.steer(GoOn())
        elif key in _NO:
            self._settle()
            self._controls.stop.gently("operator")

    def _settle(self) -> None:
        """Let no question stand, and the terminal go if it was held for one."""
        if self._next and not self._shown:
            self._keyboard.write("\n")
        self._name, self._next = None, ""
        self._show("")
        if not self._whole:
            self._keyboard.give_back()

    def _draw(self) -> None:
        """Show what is being asked, if anything is."""
        if self._next:
            self._show(f"go on with {self._next}? [y/N] ")
        else:
            self._show("" if self._name is None else f"end which host? {safe(self._name)}")

    def _leave_line(self) -> None:
        """Let the shell's prompt begin a line of its own; never waits."""
        if self._shown:
            self._keyboard.write("\n")

    def _back(self) -> None:
        """Show what others have written over while they were in front."""
        self._draw()
        self._screen.again()

    def _say(self, text: str) -> None:
        self._screen.say(f"pssh: {text}\n")

    def _show(self, line: str) -> None:
        """Put a line where progress is, or on the terminal itself if stderr is somewhere else."""
        if self._shown:
            self._screen.ask(clip(line, max(self._width - 1, 1)) if line else "")
        elif line:
            self._keyboard.write(line)


_ACTS: dict[str, Callable[[Keys], None]] = {
    "\r": Keys._status,
    "\n": Keys._status,
    "?": Keys._help,
    "p": Keys._pause,
    "+": Keys._more,
    "-": Keys._fewer,
    "k": Keys._name_one,
    "q": Keys._finish,
}
