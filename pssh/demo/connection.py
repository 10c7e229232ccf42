"""The server's side of one SSH connection to a demo host: who may log in, what an exec request starts, and its files.

Commands are real: `/bin/sh -c`, in the host's home, with separate stdout and stderr, in a process group of their own
that a `signal` request reaches and that ends with the connection. As with OpenSSH's sshd the exit status is sent when
the command ends, even if a background child still holds its output open.

Why not paramiko's own hooks for requests: they run before the answer is sent, so that output could overtake it, and
they know no `signal`.
"""

import os
import selectors
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread
from typing import cast

import paramiko
from paramiko import SFTPServer, common
from paramiko.message import Message

from pssh.demo import files, sandbox
from pssh.demo.faults import Fault
from pssh.transport import terminal

USER = "demo"
SLOW_SECONDS = 1.5
_PIECE = 32 << 10


@dataclass(frozen=True)
class Site:
    """What a connection needs to know of the host it belongs to."""

    name: str
    home: Path
    key: paramiko.PKey
    client: paramiko.PKey  # the only key that may log in
    fault: Fault


class Connection(paramiko.Transport):
    """One connection, on a thread of its own until it ends."""

    def __init__(self, sock: socket.socket, site: Site) -> None:
        super().__init__(sock)
        # Says what it is: a client may treat OpenSSH's sshd in ways that only sshd allows.
        self.local_version = "SSH-2.0-pssh_demo"
        self.site = site
        self.commands: dict[int, Command] = {}  # by channel number
        self.terminals: set[int] = set()  # channels whose command gets one
        self.add_server_key(site.key)
        self._channel_handler_table = {
            **paramiko.Transport._channel_handler_table,
            common.MSG_CHANNEL_REQUEST: self._request,
        }

    def serve(self) -> None:
        """Begin, without waiting for the login."""
        self.start_server(event=Event(), server=_Rules(self.site))

    def run(self) -> None:
        try:
            super().run()
        finally:
            for command in list(self.commands.values()):
                command.signal(signal.SIGKILL)

    def cut(self) -> None:
        """End the connection without a word."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def _request(self, channel: paramiko.Channel, message: Message) -> None:
        kind, answer = message.get_text(), message.get_boolean()
        command: Command | SFTPServer | None = None
        done = False
        if kind in ("exec", "shell") and channel.chanid not in self.commands:
            argv: list[str | bytes] = ["/bin/sh"]
            if kind == "exec":
                argv += ["-c", message.get_string()]
            # A command holding NUL, or one longer than the kernel allows, is refused as sshd refuses it.
            with suppress(OSError, ValueError):
                tty = channel.chanid in self.terminals
                self.terminals.discard(channel.chanid)
                command = self.commands[channel.chanid] = Command(self, channel, argv, tty=tty)
                done = True
        elif kind == "subsystem" and channel.chanid not in self.commands and message.get_text() == "sftp":
            command = files.serve(channel, _Rules(self.site), self.site.home)
            done = True
        elif kind == "pty-req":
            self.terminals.add(channel.chanid)
            done = True
        elif kind == "signal" and channel.chanid in self.commands:
            number = getattr(signal, f"SIG{message.get_text()}", None)
            if done := isinstance(number, signal.Signals):
                self.commands[channel.chanid].signal(number)
        if answer:
            reply = Message()
            reply.add_byte(common.cMSG_CHANNEL_SUCCESS if done else common.cMSG_CHANNEL_FAILURE)
            reply.add_int(channel.remote_chanid)
            self._send_user_message(reply)
        if isinstance(command, Command):
            command.begin()
        elif command is not None:
            command.start()


class _Rules(paramiko.ServerInterface):
    """One user, one public key, sessions only."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == USER and key == self.site.client and self.site.fault != "denied"
        return int(common.AUTH_SUCCESSFUL if known else common.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        refused = common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return int(common.OPEN_SUCCEEDED if kind == "session" else refused)


class Command:
    """One running command and the three threads that carry its bytes and its end."""

    def __init__(
        self, connection: Connection, channel: paramiko.Channel, argv: list[str | bytes], *, tty: bool = False
    ) -> None:
        self.connection, self.channel = connection, channel
        argv = _wrapped(argv, connection.site.fault)
        self.outputs: list[tuple[FileIO, Callable[[bytes], None]]]
        if tty:
            master, slave = terminal.opened()
            self.given = FileIO(master, "r+")
            self.outputs = [(FileIO(os.dup(master)), channel.sendall)]
            with FileIO(slave, "r+"):
                self.process = self._start(terminal.attached(slave, argv), slave, {"TERM": terminal.KIND})
        else:
            self.process = self._start(argv, PIPE, {})
            self.given = cast(FileIO, self.process.stdin)
            stdout, stderr = cast(FileIO, self.process.stdout), cast(FileIO, self.process.stderr)
            self.outputs = [(stdout, channel.sendall), (stderr, channel.sendall_stderr)]

    def _start(self, argv: list[str | bytes], streams: int, more: dict[str, str]) -> Popen[bytes]:
        home = self.connection.site.home
        return Popen(
            argv,
            stdin=streams,
            stdout=streams,
            stderr=streams,
            bufsize=0,
            cwd=home,
            env=sandbox.environment(home, USER) | more,
            start_new_session=True,
        )

    def begin(self) -> None:
        output = Thread(target=self._output, daemon=True)
        output.start()
        Thread(target=self._input, daemon=True).start()
        Thread(target=self._end, args=(output,), daemon=True).start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and to all it started that stayed in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _output(self) -> None:
        with selectors.DefaultSelector() as selector, ExitStack() as stack:
            for file, send in self.outputs:
                selector.register(stack.enter_context(file), selectors.EVENT_READ, send)
            while selector.get_map():
                for key, _ in selector.select():
                    data = _read(key.fd)
                    if not data:
                        selector.unregister(key.fileobj)
                        continue
                    dropped = self.connection.site.fault == "drop"
                    try:
                        key.data(data[: len(data) // 2] if dropped else data)
                    except OSError:
                        return  # the channel is closed; the command learns it when it writes on
                    if dropped:
                        self.connection.cut()
                        return

    def _input(self) -> None:
        with suppress(OSError), self.given as given:
            while data := self.channel.recv(_PIECE):
                given.write(data)

    def _end(self, output: Thread) -> None:
        code = self.process.wait()
        if self.connection.site.fault == "drop":
            output.join()
            self.connection.cut()
        elif not self.channel.closed:
            self._report(code)
        output.join()
        self.channel.close()
        self.connection.commands.pop(self.channel.chanid, None)

    def _report(self, code: int) -> None:
        message = Message()
        message.add_byte(common.cMSG_CHANNEL_REQUEST)
        message.add_int(self.channel.remote_chanid)
        message.add_string("exit-signal" if code < 0 else "exit-status")
        message.add_boolean(False)
        if code < 0:
            message.add_string(signal.Signals(-code).name.removeprefix("SIG"))
            message.add_boolean(False)
            message.add_string("")
            message.add_string("")
        else:
            message.add_int(code)
        self.connection._send_user_message(message)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _PIECE)
    except OSError:  # how a terminal says that nobody holds its other end any more
        return b""


def _wrapped(argv: list[str | bytes], fault: Fault) -> list[str | bytes]:
    if fault == "slow":
        return ["/bin/sh", "-c", f'sleep {SLOW_SECONDS}; exec "$0" "$@"', *argv]
    if fault == "hang":
        return ["/bin/sh", "-c", "exec sleep 86400"]
    return argv
