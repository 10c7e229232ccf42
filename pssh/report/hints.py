"""What to do about a cause: one table of hints, and none that the person cannot act on.

A hint that comes with a failure wins, because it knows more. `{hosts}` is filled with the hosts of that cause, quoted
for a shell, unless they are too many to read; before them stand the options by which the run reached its hosts.
`{again}` is how what is left of a run is run. Only commands that exist are named.
"""

import shlex
from collections.abc import Sequence

from pssh.model.outcome import Result
from pssh.report import words
from pssh.report.safe import safe

_LONGEST = 200  # letters of folded hosts in a hint; more cannot be read, and are in the table
_LOOK_FIRST = "the command may have run: look before you run it again"
_DOUBTFUL = f"{_LOOK_FIRST}{{unknown}}"
_ALONE = "for the rest: {again}"
_LOG = "the host's sshd log says why it ended the connection"

# Looked up by status and cause, by cause, by status and stage, then by stage.
_HINTS = {
    "dns/unknown-name": "check the spelling, or give the host an `address` in the inventory",
    "dns": "is the resolver reachable from here? `pssh ping {hosts}`",
    "connect/refused": "is sshd listening on that port? `pssh ping {hosts}`",
    "connect/proxy": "check the jump host, or the ProxyCommand of ssh_config: `pssh ping {hosts}`",
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
    "host-key/bad-certificate": "known_hosts takes no such certificate: check its principals, its dates and its CA",
    "host-key/unreadable-line": "put that line of known_hosts right",
    "auth/denied": "check the user (`-l`) and the key (`--identity`), or give `-k` for a password",
    "auth/too-many-failures": "offer fewer keys: name one with `--identity`, and set `IdentitiesOnly yes`",
    "auth/password-expired": "log in once with `ssh` and set a new password",
    "auth/no-credentials": "give a key with `--identity`, start an ssh-agent, or give `-k` for a password",
    "auth/key-locked": "load the key with `ssh-add`, or run from a terminal to be asked for its passphrase",
    "exec/denied": "the host lets this user run no commands: a forced command, or no login shell",
    "exec/total": "`--timeout` set this limit",
    "exec/running": "`pssh job tail -f` follows it, `pssh job kill` ends it",
    "exec/no-run": "what `--detach` printed is its name; what was begun under `--sudo` is looked for under `--sudo`",
    "exec/stall": "`--stall` set this limit",
    "exec/deadline": "`--host-timeout` or `--deadline` set this limit",
    "exec/tail": "most hosts were done, and `--tail` gave the others no longer",
    "exec/sudo-denied": "check the user and the password; for sudo, `sudo -l` there lists what is allowed",
    "exec/sudo-needs-password": "give `-K`, or the user a NOPASSWD rule in sudoers",
    "exec/lock-held": "wait for it with `--lock NAME:wait=60s`",
    "exec/no-answer": "the host took the login but did not answer the request: check its load",
    "exec": _DOUBTFUL,
    "transfer/remote-disk-full": "make room on the host",
    "transfer/remote-denied": "check owner and mode there, or become somebody who may: `--sudo`",
    "transfer/remote-missing": "check the path on the host",
    "transfer/remote-failed": "the host gives no reason: look at its disk, its limits and its log",
    "transfer/remote-exists": "something is there already: remove it, or choose another path",
    "transfer/too-large": "fetch it alone, once it has stopped growing",
    "transfer/not-a-file": "only files and folders are copied: leave out pipes, sockets and devices",
    "transfer/unsupported": "its file server cannot do it: where the host has a shell, give `--via stream`",
    "transfer/protocol": "its file server is broken: where the host has a shell, give `--via stream`",
    "transfer/is-directory": "a file never replaces a folder, nor the reverse: check the path",
    "transfer/symlink": "check where the link leads; a link is replaced or followed only where an option says so",
    "transfer/name-refused": "such a name could lead out of its folder: look at that host",
    "transfer/changed-while-read": "do it again once the source is at rest",
    "transfer/verify": "what arrived is not what was sent: check the disks, and do it again",
    "transfer/no-sftp": "the host needs a POSIX shell, or `Subsystem sftp` in its sshd_config",
    "transfer/noisy-login": "let the shell's start files print nothing where there is no terminal",
    "transfer/stall": "`--stall` set this limit",
    "transfer/connection-closed": "a file is old or new, never mixed; do it again: {again}",
    "transfer": "the host's own words are in the row",
    "lost worker/died": _DOUBTFUL,
    "worker/died": "two worker processes died over this: is there enough memory?",
    "worker": "this is a bug of pssh: please report it with this line",
    "local/disk-full": "make room on this machine",
    "local/denied": "check owner and mode on this machine",
    "local/key-file": "check the key file on this machine",
    "local/changed": "do it again once the file on this machine is at rest",
    "local/descriptors": "raise `ulimit -n`, or give a lower `--parallel`",
    "local": "the cause is on this machine, not on the hosts",
    "stop/output-limit": "`--max-output` set this limit, and `--on-overflow kill` this end",
    "not-run stop/budget": f"`--max-fail` was used up; {_ALONE}",
    "not-run stop/canary": f"a host of `--canary` was not ok; {_ALONE}",
    "not-run stop/auth-brake": f"give the right password, before accounts are locked; {_ALONE}",
    "not-run stop/window": f"the window has closed; {_ALONE}",
    "not-run stop/deadline": f"`--deadline` or `--tail` set this limit; {_ALONE}",
    "not-run stop/history": f"make room for the history; {_ALONE}",
    "not-run stop": f"they were not reached; {_ALONE}",
    "rule/overlap": "the run before is not over: `pssh log` lists it",
    "rule/lock-held": "wait for it with `--lock NAME:wait=60s`",
}


def hint(results: Sequence[Result], given: str = "", run: str = "", job: str = "") -> str:
    """Return the hint for results of one cause; empty if there is none.

    `run`: the name that the run is kept by; `job`: the file of the maintenance job that it is one of.
    """
    return "; ".join(filter(None, (_about(results, given, run, job), _left(results))))


def again(run: str, job: str = "", *, unknown: bool = False) -> str:
    """Return the command that runs what is left of a run; a job's rest has the job's own lock and window."""
    flag = "--unknown " if unknown else ""
    return f"pssh job run --resume {run} {flag}{shlex.quote(job)}" if job else f"pssh rerun {flag}{run}"


def _about(results: Sequence[Result], given: str, run: str, job: str) -> str:
    own = {result.failure.hint for result in results if result.failure}
    if len(own) == 1 and "" not in own:
        return safe(own.pop())
    first = results[0]
    if failure := first.failure:
        stage, cause = failure.stage, failure.cause
        for name in (f"{first.status} {cause}", cause, f"{first.status} {stage}", stage):
            if name in _HINTS:
                told = shortly([result.host for result in results], "TARGETS")
                hosts = f"{safe(given)} {told}" if given else told
                rest = f"`{safe(again(run, job))}`" if run else f"`pssh run {hosts} COMMAND`"
                unknown = f" with `{safe(again(run, job, unknown=True))}`" if run else ""
                return _HINTS[name].format(hosts=hosts, again=rest, unknown=unknown)
    return ""


def shortly(names: Sequence[str], word: str) -> str:
    """Return folded hosts as for a shell, or the word if they are too many to read."""
    folded = words.hosts(names)
    return shlex.quote(folded) if len(folded) <= _LONGEST else word


def _left(results: Sequence[Result]) -> str:
    """Return on how many hosts the command goes on, as far as could be seen."""
    left = sum(bool(result.failure and result.failure.remote_end == "left running") for result in results)
    if not left:
        return ""
    return f"the command is left running on {left:,} of {len(results):,}: look before you run it again"
