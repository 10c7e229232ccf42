"""Puts secrets into the slots of a command line, on its last step before it leaves: nobody before saw more than `***`.

A slot says how often it was quoted, and the secret is quoted as often, so that it comes out of all shells as it is.
"""

import re
from collections.abc import Mapping

from pssh.model.outcome import Failure
from pssh.model.secret import SLOT, Secret
from pssh.model.work import TransportError


def unveiled(command: str, secrets: Mapping[str, Secret]) -> str:
    """Return the line to send; raises TransportError if a secret was not given or cannot be in a line."""
    if "\0" not in command:
        return command

    def value(place: re.Match[str]) -> str:
        depth, name = place.groups()
        secret = secrets[name].reveal() if name in secrets else "\0"
        if "\0" in secret:
            message = f"there is no `{name}` that a command line could hold"
            raise TransportError(Failure(stage="local", kind="secret", message=message))
        for _ in range(int(depth)):
            secret = secret.replace("'", "'\"'\"'")
        return secret

    return SLOT.sub(value, command)
