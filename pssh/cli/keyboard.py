"""The terminal while a run goes on: read key by key, and given back as it was however the run ends.

Only a process in the foreground changes a terminal: started with `&`, or left in the background after Ctrl-Z, it keeps
its hands off until it is in front again. Ctrl-C, Ctrl-Z and Ctrl-\\ stay signals.

Why not curses: it takes the whole screen, and what a run prints belongs to the person's scrollback.
"""

import asyncio
import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_MOST = 1024  # bytes of keys at once; more of them is a paste


class Keyboard:
    """Calls `pressed` with the bytes of keys while it holds the terminal, and `back` once it has it after a Ctrl-Z."""

    def __init__(self, pressed: Callable[[bytes], None], back: Callable[[], None]) -> None:
        self._pressed = pressed
        self.back = back
        self._fd = -1
        self._before: list[Any] | None = None  # how the terminal was; None: it is not held

    @property
    def there(self) -> bool:
        """Whether there is a terminal at all."""
        return self._fd >= 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Have the terminal at hand without holding it, and hold it no more at the end."""
        with suppress(OSError):
            self._fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not self.there:
            yield
            return
        try:
            with _signals(self):
                yield
        finally:
            self.give_back()
            os.close(self._fd)
            self._fd = -1

    @property
    def held(self) -> bool:
        return self._before is not None

    def take(self) -> bool:
        """Hold the terminal from now on; False if that cannot be now."""
        if self.held or not self._in_front():
            return self.held
        try:
            self._before = termios.tcgetattr(self._fd)
            asyncio.get_running_loop().add_reader(self._fd, self._read)
            self._set(self._before)
            termios.tcflush(self._fd, termios.TCIFLUSH)  # what was typed ahead was not meant for us
        except (OSError, termios.error):  # it went away, or cannot be waited for
            self.give_back()
        return self.held

    def renew(self) -> None:
        """Set the terminal again to how it is held: a shell that stopped and continued us has set it otherwise."""
        with suppress(termios.error):
            if self._before and self._in_front():
                self._set(self._before)

    def _set(self, before: list[Any]) -> None:
        """Give keys one by one and do not show them; signals and all that is written stay as they were."""
        during = [*before]
        during[3] &= ~(termios.ICANON | termios.ECHO)
        during[6] = [*during[6]]
        during[6][termios.VMIN], during[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, during)  # the others wait while a Ctrl-S holds the output

    def give_back(self) -> None:
        """Hold the terminal no more, and leave it as it was; never waits."""
        before, self._before = self._before, None
        if not before:
            return
        with suppress(RuntimeError, OSError):  # outside of the loop, before the process leaves
            asyncio.get_running_loop().remove_reader(self._fd)
        with suppress(termios.error):
            if self._in_front():  # else whoever is in front has set it already
                termios.tcsetattr(self._fd, termios.TCSANOW, before)

    def write(self, text: str) -> None:
        """Write to the terminal itself, wherever our streams go."""
        with suppress(OSError):
            os.write(self._fd, text.encode("utf-8", "backslashreplace"))

    def _in_front(self) -> bool:
        try:
            return self.there and os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return False

    def _read(self) -> None:
        data = b""
        if self._in_front():  # to read in the background would stop us
            try:
                data = os.read(self._fd, _MOST)
            except BlockingIOError:
                return
            except OSError:  # the terminal went away
                data = b""
        if data:
            self._pressed(data)
        else:
            self.give_back()


@contextmanager
def _signals(keyboard: Keyboard) -> Iterator[None]:
    """Give the terminal back before a signal of the keyboard stops or ends us, and take it again when we go on."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        held = keyboard.held
        keyboard.give_back()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, stop)
        if held and keyboard.take():
            keyboard.back()

    def leave(number: int, frame: object) -> None:
        keyboard.give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    stoppable = signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
    quits = signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
    if stoppable:
        loop.add_signal_handler(signal.SIGTSTP, stop)
    if quits:  # at once, and not by the loop: it is what a person types when nothing else helps
        signal.signal(signal.SIGQUIT, leave)
    loop.add_signal_handler(signal.SIGCONT, keyboard.renew)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGCONT)
        if stoppable:
            loop.remove_signal_handler(signal.SIGTSTP)
        if quits:
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)
