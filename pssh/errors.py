"""What the person at the keyboard can put right before any job starts: one line, a hint, and an exit code."""


class PsshError(Exception):
    """A misuse or a bad file; nothing was run. `message` is one line without a full stop."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PsshError):
    """An option or argument is wrong."""


class TargetsError(PsshError):
    """A target expression cannot be read."""


class NoHosts(PsshError):
    """The targets name nothing, or something unknown."""


class InventoryError(PsshError):
    """An inventory is refused; `findings` has one `file:line: cause` for each thing wrong."""

    def __init__(self, message: str, *, hint: str = "", findings: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class JobError(PsshError):
    """A job file is refused; `findings` has one `file:line: cause` for each thing wrong."""

    def __init__(self, message: str, *, hint: str = "", findings: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class ConfigError(PsshError):
    """An ssh_config or other configuration file is refused."""


class CredentialError(PsshError):
    """A key, passphrase or password that the run needs cannot be had."""


class HistoryError(PsshError):
    """The history cannot be read or written, or may not be trusted."""

    exit_code = 1


class RunFailed(PsshError):
    """`check()` was asked and not every host is ok."""

    exit_code = 5


class OutputFailed(PsshError):
    """What the run had to say could not be written; the jobs themselves went their way."""

    exit_code = 1
