"""How a job's runs start and stop: its `[rollout]` as the options of a run, and what of it depends on its hosts."""

from msgspec import structs

from pssh.errors import UsageError
from pssh.model.options import RunOptions, options_from
from pssh.model.rollout import Share
from pssh.schedule.jobfile import JobFile, span

# What an option is called in a job file, for messages that were written for the command line.
_NAMES = {"--batch": "batches", "--pause": "soak", "--max-fail": "max_fail", "--one-per": "one_per"}


def options_of(file: JobFile) -> RunOptions:
    """Return the options of the job's runs; raises UsageError for what cannot be meant together."""
    said = file.rollout
    for key in ("max_fail_least", "max_fail_from"):
        if getattr(said, key) and said.max_fail == "":
            raise UsageError(f"`{key}` says more of `max_fail`, which is not there")
    given = {
        "canary": said.canary,
        "batch": ",".join(map(str, said.batches)),
        "pause": str(span(said.soak)) if said.soak else "",
        "parallel": said.parallel,
        "rate": said.rate,
        "ramp": said.ramp,
        "one_per": said.one_per,
        "tail": said.tail,
        "deadline": span(said.deadline) if said.deadline else 0.0,
        "order": said.order,
        "max_fail": str(said.max_fail),
        "max_fail_from": said.max_fail_from,
        "halt": said.halt,
        "lock": file.lock,
        "user": file.user,
    }
    try:
        return options_from(given)
    except UsageError as error:
        message, hint = error.message, error.hint
        for flag, key in _NAMES.items():
            message, hint = message.replace(flag, key), hint.replace(flag, key)
        raise UsageError(message.replace("`--", "`"), hint=hint.replace("`--", "`")) from None


def for_hosts(options: RunOptions, file: JobFile, hosts: int) -> RunOptions:
    """Return the options for so many hosts: of a small fleet, a small part may still be some."""
    if not options.max_fail or not file.rollout.max_fail_least:
        return options
    allowed = max(Share.read(options.max_fail).down(hosts), file.rollout.max_fail_least)
    return structs.replace(options, max_fail=str(allowed))
