"""The plain list: one host per line, as `^file` reads it; its hosts are in no group.

`[user@]host[:port]` or `host[:port] user`, with ranges and commas; `#` begins a comment.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pssh.errors import InventoryError, TargetsError
from pssh.inventory.document import MOST_HOSTS, Block, Document, Finding
from pssh.inventory.expr import Chain, Named
from pssh.inventory.lines import expression, statements
from pssh.inventory.nearest import also
from pssh.inventory.safety import read_text
from pssh.model import names


def load(path: Path) -> Document:
    """Return what the file says; raises InventoryError only if it cannot be read at all."""
    blocks: list[Block] = []  # names in a row of which nothing is said share one
    findings = []
    total = 0
    for number, statement in statements(read_text(path)):
        if names.word(statement):
            _silent(blocks).append(statement)
            continue
        try:
            for named in _hosts(expression(statement)):
                total += names.size(named.name) if "[" in named.name else 1
                if total > MOST_HOSTS:
                    raise InventoryError(f"{path}:{number}: the hosts of this file are more than {MOST_HOSTS:,}")
                if named.user or named.port:
                    blocks.append(Block(_expanded(named), _settings(named), line=number))
                else:
                    _silent(blocks).extend(_expanded(named))
        except TargetsError as error:
            findings.append(Finding(number, also(error.message, error.hint)))
    findings += _disputes(blocks)
    total = sum(len(block.names) for block in blocks)
    more = total - len({name for block in blocks for name in block.names})
    notices = [f"`{path}` names {more:,} of its hosts more than once, each is one host"] if more else []
    return Document(path=path, blocks=blocks, findings=findings, notices=notices)


def _silent(blocks: list[Block]) -> list[str]:
    """Return the names of the last block if nothing is said of them, else those of a new one."""
    if not blocks or blocks[-1].settings:
        blocks.append(Block([]))
    return blocks[-1].names


def _disputes(blocks: list[Block]) -> Iterator[Finding]:
    said: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for name in block.names if len(blocks) > 1 else ():
            if said.setdefault(name, block.settings) != block.settings:
                yield Finding(block.line, f"`{name}` is listed again with another user or port, give each its own name")


def _hosts(chain: Chain) -> list[Named]:
    if not chain.rest and isinstance(chain.first, Named):
        return [chain.first]
    terms = [chain.first, *(term for operator, term in chain.rest if operator == ",")]
    if len(terms) <= len(chain.rest) or not all(isinstance(term, Named) for term in terms):
        raise TargetsError("A plain list holds hosts only, one per line or joined by `,`")
    return [term for term in terms if isinstance(term, Named)]


def _expanded(named: Named) -> list[str]:
    found = names.spread(named.name) if "[" in named.name else [named.name]
    if refused := next((name for name in found if not names.plain(name)), ""):
        raise TargetsError(f"`{refused}` is refused", hint=names.NAME_RULE)
    return found


def _settings(named: Named) -> dict[str, Any]:
    said = {"user": named.user, "port": named.port}
    return {key: value for key, value in said.items() if value}
