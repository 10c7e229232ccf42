"""Sends what `notify` says: to a webhook, to the address of a watchdog, to a program.

Each in a thread of its own and within its time, so that a run never waits for a network. What could not be sent is told
as a notice, and never changes what came of the run. An address lets whoever knows it tell lies in our name: of what
stands in it and in the words of a program, nothing that may be a token is in a notice.
"""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pssh.schedule.jobfile import Notify, span
from pssh.schedule.notify import Message, filled

_MOST_BODY = 10_000  # bytes, the tail of a report
_HIDDEN = "***"
_LEAST_PART = 6  # letters of a part of an address that may be a token
_TOKEN = re.compile(r"(?=[^\d\s]*\d)[\w.+/=~-]{16,}", re.ASCII)  # in a word of a program
_AFTER = 1.0  # seconds that a thread gets beside its own limit


class Deliveries:
    """What is on its way for one run."""

    def __init__(self, said: Notify, notice: Callable[[str], object]) -> None:
        self._said, self._notice = said, notice
        self._seconds = span(said.timeout)
        self._threads: list[threading.Thread] = []
        self._troubles: list[str] = []

    def begun(self, message: Message) -> None:
        """Tell the watchdog that a run has begun."""
        if self._said.ping:
            self._start("ping", lambda: self._get(f"{_below(self._said.ping)}/start", message.text))

    def ended(self, message: Message) -> None:
        """Tell the watchdog how a run ended."""
        if self._said.ping:
            self._start("ping", lambda: self._get(f"{_below(self._said.ping)}/{message.exit}", message.text))

    def occasion(self, message: Message) -> None:
        """Tell everybody else, if they want to hear of this occasion."""
        if message.occasion not in self._said.on:
            return
        if self._said.webhook:
            self._start("webhook", lambda: self._post(self._said.webhook, message))
        if self._said.command:
            self._start("command", lambda: self._run(message))

    def finish(self) -> None:
        """Wait until all is sent, or its time is over; tell what could not be."""
        for thread in self._threads:
            thread.join(self._seconds + _AFTER)
            if thread.is_alive():
                self._troubles.append(f"{thread.name}: no answer within {self._seconds:g} s")
        for trouble in self._troubles:
            self._notice(f"could not notify by {_without(tokens(self._said), trouble)}")
        self._threads.clear()
        self._troubles.clear()

    def _start(self, name: str, do: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                do()
            except URLError as error:
                self._troubles.append(f"{name}: {error.reason}")
            except subprocess.TimeoutExpired as error:  # which would name all words of the program
                self._troubles.append(f"{name}: `{self._said.command[0]}` timed out after {error.timeout:g} seconds")
            except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as error:
                self._troubles.append(f"{name}: {' '.join(str(error).split()) or type(error).__name__}")

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _get(self, url: str, text: str) -> None:
        self._send(Request(url, data=text.encode()[-_MOST_BODY:], headers={"Content-Type": "text/plain"}))

    def _post(self, url: str, message: Message) -> None:
        body = json.dumps(message.json, ensure_ascii=False).encode()
        self._send(Request(url, data=body, headers={"Content-Type": "application/json"}))

    def _send(self, request: Request) -> None:
        request.add_header("User-Agent", "pssh")
        with urlopen(request, timeout=self._seconds) as answer:
            answer.read(_MOST_BODY)

    def _run(self, message: Message) -> None:
        names = message.names
        (given,) = filled([self._said.input], names)
        done = subprocess.run(
            filled(self._said.command, names),
            input=given.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=self._seconds,
            check=False,
            start_new_session=True,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise OSError(f"`{self._said.command[0]}` exit {done.returncode}{f': {said[-1][:200]}' if said else ''}")


def tokens(said: Notify) -> Iterator[str]:
    """Yield what may let somebody in, or speak in our name, the longest of each address first."""
    for url in filter(None, (said.webhook, said.ping, *(word for word in said.command[1:] if "://" in word))):
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        secret = [parts.username or "", parts.password or "", *re.split(r"[/?&=#;]+", url.partition("://")[2])[1:]]
        yield url
        yield from sorted((one for one in secret if len(one) >= _LEAST_PART), key=len, reverse=True)
    for word in said.command[1:]:
        yield from _TOKEN.findall(word)


def _without(secrets: Iterator[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def _below(url: str) -> str:
    return url.rstrip("/")
