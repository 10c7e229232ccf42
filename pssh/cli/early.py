"""What is done before all other imports: a worker is started, because its imports take longer than all of ours."""

from typing import Any

from pssh.engine.spawn import Spawned
from pssh.model.work import Operation


def launch(operation: Operation, targets: str, flags: dict[str, Any]) -> int:
    """Start a worker if one will be needed, and only then import what runs an operation, and do so."""
    worker = None if flags.get("dry_run") else Spawned()
    from pssh.cli import start

    return start.launch(operation, targets, flags, worker)
