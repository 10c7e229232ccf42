"""What to do about a cause: one table of hints, and none that the person cannot act on.

A hint that comes with a failure wins, because it knows more. `{hosts}` is filled with the hosts of that cause, quoted
for a shell, unless they are too many to read; before them stand the options by which the run reached its hosts. Only
commands that exist are named.
"""

import shlex
from collections.abc import Sequence

from pssh.model.outcome import Result
from pssh.report import words
from pssh.report.safe import safe

_LONGEST = 200  # letters of folded hosts in a hint; more cannot be read, and are in the table
_LOOK_FIRST = "the command may have run: look before you run it again"
_LOG = "the host's sshd log says why it ended the connection"

# Looked up by status and cause, by cause, by status and stage, then by stage.
_HINTS = {
    "dns/unknown-name": "check the spelling, or give the host an `address` in the inventory",
    "dns": "is the resolver reachable from here? `pssh ping {hosts}`",
    "connect/refused": "is sshd listening on that port? `pssh ping {hosts}`",
    "connect/throttled": "give a lower `--connect-limit`",
    "connect": "check the address and the firewall: `pssh ping {hosts}`",
    "banner/not-ssh": "another service answers there: check the `port`",
    "banner": "something accepts connections there but does not speak SSH: check the `port`",
    "kex/no-common-algorithm": "the host offers only algorithms that are no longer taken: update its sshd",
    "kex/timeout": "check the host's load, or give a longer `--connect-timeout`",
    "kex": _LOG,
    "auth/timeout": "check the host's load, or give a longer `--auth-timeout`",
    "auth/closed": _LOG,
    "host-key/unknown": "`pssh trust {hosts}` shows the keys and stores them once you agree",
    "host-key/changed": "if nobody has reinstalled it, somebody may be in between; else remove the old key with "
    "`ssh-keygen -R HOST`, then `pssh trust {hosts}`",
    "host-key/revoked": "known_hosts marks this key as revoked: do not log in",
    "host-key/unreadable-line": "put that line of known_hosts right",
    "auth/denied": "check the user (`-l`) and the key (`--identity`), or give `-k` for a password",
    "auth/too-many-failures": "offer fewer keys: name one with `--identity`, and set `IdentitiesOnly yes`",
    "auth/password-expired": "log in once with `ssh` and set a new password",
    "auth/no-credentials": "give a key with `--identity`, start an ssh-agent, or give `-k` for a password",
    "auth/key-locked": "load the key with `ssh-add`, or run from a terminal to be asked for its passphrase",
    "exec/denied": "the host lets this user run no commands: a forced command, or no login shell",
    "exec/total": "`--timeout` set this limit",
    "exec/stall": "`--stall` set this limit",
    "exec/deadline": "`--host-timeout` or `--deadline` set this limit",
    "exec/tail": "most hosts were done, and `--tail` gave the others no longer",
    "exec/sudo-denied": "check the user and the password; for sudo, `sudo -l` there lists what is allowed",
    "exec/sudo-needs-password": "give `-K`, or the user a NOPASSWD rule in sudoers",
    "exec/lock-held": "wait for it with `--lock NAME:wait=60s`",
    "exec/no-answer": "the host took the login but did not answer the request: check its load",
    "exec": _LOOK_FIRST,
    "transfer/connection-closed": _LOOK_FIRST,
    "lost worker/died": _LOOK_FIRST,
    "worker/died": "two worker processes died over this: is there enough memory?",
    "worker": "this is a bug of pssh: please report it with this line",
    "local/disk-full": "make room on this machine",
    "local/key-file": "check the key file on this machine",
    "not-run stop/budget": "`--max-fail` was used up; {rest}",
    "not-run stop/canary": "a host of `--canary` was not ok; {rest}",
    "not-run stop/auth-brake": "give the right password, before accounts are locked; {rest}",
    "not-run stop/deadline": "`--deadline` or `--tail` set this limit; {rest}",
    "not-run stop/history": "make room for the history; {rest}",
    "not-run stop": "they were not reached; {rest}",
    "rule/lock-held": "wait for it with `--lock NAME:wait=60s`",
}


def hint(results: Sequence[Result], given: str = "", run: str = "") -> str:
    """Return the hint for results of one cause; empty if there is none. `run` is the run's number, if it is kept."""
    return "; ".join(filter(None, (_about(results, given, run), _left(results))))


def _about(results: Sequence[Result], given: str, run: str) -> str:
    own = {result.failure.hint for result in results if result.failure}
    if len(own) == 1 and "" not in own:
        return safe(own.pop())
    first = results[0]
    if failure := first.failure:
        stage, cause = failure.stage, failure.cause
        for name in (f"{first.status} {cause}", cause, f"{first.status} {stage}", stage):
            if name in _HINTS:
                names = words.hosts(result.host for result in results)
                told = shlex.quote(names) if len(names) <= _LONGEST else "TARGETS"
                told = f"{safe(given)} {told}" if given else told
                rest = (
                    f"`pssh rerun {safe(run)}` runs what is left" if run else f"to run on them alone: `pssh run {told}`"
                )
                return _HINTS[name].format(hosts=told, rest=rest)
    return ""


def _left(results: Sequence[Result]) -> str:
    """Return on how many hosts the command goes on, as far as could be seen."""
    left = sum(bool(result.failure and result.failure.remote_end == "left running") for result in results)
    if not left:
        return ""
    return f"the command is left running on {left:,} of {len(results):,}: look before you run it again"
