"""Sessions that are a shell of this machine, and stand-ins for sudo, su and doas: for tests of operations.

Who asks for a password reads it in front of the input; what is printed before the mark is left out.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pssh.model.outcome import Failure, Reply
from pssh.model.work import NO_INPUT, Duplex, Input, Prompt, Sink, TransportError

SHELLS = [words for words in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(words[0])]

# Ask if told to, on the stream that is theirs, take one line and no more, then run what follows the options.
_SUDO = r"""#!/bin/sh
echo "sudo $*" >> "$SUDO_LOG"
echo lecture >&2
while :; do
    case $1 in
    -n) shift ;;
    -S) asks=yes; shift ;;
    -p) prompt=$2; shift 2 ;;
    -u) user=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "sudo: what is $1" >&2; exit 9 ;;
    esac
done
if [ "$asks" ]; then
    printf '%s' "$prompt" >&2
    IFS= read -r answer
    [ "$answer" = right ] || exit 1
fi
for name in $(env | sed -n 's/^\(ENV_[A-Z]*\)=.*/\1/p'); do unset "$name"; done
export SUDO_USER_WAS="$user"
exec "$@"
"""
_SU = r"""#!/bin/sh
echo "su $*" >> "$SUDO_LOG"
user=$1; [ "$2" = -c ] || exit 9
export SUDO_USER_WAS="$user"
exec sh -c "$3"
"""


@dataclass
class Shell:
    """A session that runs each command in a shell and group of its own, and remembers how it was asked to."""

    folder: Path  # home, and where temporary files go
    words: Sequence[str] = ("/bin/sh",)
    seconds: dict[str, float] = field(default_factory=dict)
    banner: str = ""
    input: Input = NO_INPUT
    answer: bytes = b""  # what whoever asks for a password reads
    asked: list[str] = field(default_factory=list)
    quietly: list[bool] = field(default_factory=list)
    ttys: list[bool] = field(default_factory=list)
    prompts: list[Prompt | None] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes | Input = b"",
        quiet: bool = False,
        tty: bool = False,
        prompt: Prompt | None = None,
        sink: Sink | None = None,
    ) -> Reply:
        self.asked.append(command)
        self.quietly.append(quiet)
        self.ttys.append(tty)
        self.prompts.append(prompt)
        given = stdin if isinstance(stdin, bytes) else _all(stdin)
        process = await asyncio.create_subprocess_exec(
            *self.words,
            "-c",
            os.fsencode(command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder), **self.env},
            start_new_session=True,
        )
        asks = prompt is not None and prompt.secret
        out, err = await process.communicate((self.answer if asks else b"") + given)
        if prompt is not None and prompt.mark:
            err = err.partition(prompt.mark.encode())[2]
        if sink is not None:
            if (wait := sink.write(out)) is not None:
                await wait
            out = b""
        if process.returncode is not None and process.returncode >= 0:
            return Reply(process.returncode, stdout=out, stderr=err)
        return Reply(signal=signal.Signals(-(process.returncode or 0)).name[3:], stdout=out, stderr=err)

    async def subsystem(self, name: str) -> Duplex:
        raise TransportError(Failure(stage="transfer", kind="no-sftp", message="there is only a shell"))

    def moved(self, done: int, total: int) -> None: ...

    def end(self, why: object) -> None: ...

    async def host_key(self) -> str:
        return ""


def _all(stdin: Input) -> bytes:
    data = b""
    while more := stdin.read(len(data), 1 << 30):
        data += more
    return data


def becoming(folder: Path) -> dict[str, str]:
    """Make a sudo, a doas and a su below `folder`, and return the environment in which they are found.

    `folder/log` has a line for each time one was run. A password is asked for as the options say; `right` is right.
    """
    for name, text in (("sudo", _SUDO), ("doas", _SUDO), ("su", _SU)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "SUDO_LOG": str(folder / "log")}
