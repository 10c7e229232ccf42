from pssh.errors import NoHosts as NoHosts
from pssh.errors import PsshError as PsshError
from pssh.errors import RunFailed as RunFailed
from pssh.fleet import Fleet as Fleet
from pssh.fleet import Results as Results
from pssh.model.outcome import Failure as Failure
from pssh.model.outcome import Reply as Reply
from pssh.model.outcome import Result as Result
from pssh.model.report import Report as Report
from pssh.ops.command import Command as Command
from pssh.ops.files.get import Get as Get
from pssh.ops.files.put import Put as Put
from pssh.ops.reboot import Reboot as Reboot
from pssh.ops.script import Script as Script
from pssh.ops.steps import Step as Step
from pssh.ops.steps import Steps as Steps

__version__: str

__all__ = [
    "Command",
    "Failure",
    "Fleet",
    "Get",
    "NoHosts",
    "PsshError",
    "Put",
    "Reboot",
    "Reply",
    "Report",
    "Result",
    "Results",
    "RunFailed",
    "Script",
    "Step",
    "Steps",
]
