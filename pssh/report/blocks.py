"""Which hosts share a block: those that gave the same, or the same but for what is masked.

Every host is in exactly one block, worst first, then the largest. A block's text is made when it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pssh.model.outcome import Failure, Result
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.mask import Mask


@dataclass(frozen=True, slots=True)
class Compare:
    """How outputs are compared: as they are, or masked; and whether the others are shown by what differs."""

    diff: bool = False
    similar: bool = False  # names, addresses, times and numbers are masked
    masks: tuple[str, ...] = ()  # what else is masked


EXACT = Compare()


@dataclass(slots=True)
class Block:
    """Hosts that count as having given the same."""

    results: list[Result]
    mask: Mask | None = None
    _values: tuple[str, ...] = ()  # what is masked in the first
    _varies: list[bool] = field(default_factory=list)  # whether another host has something else there

    @property
    def first(self) -> Result:
        return self.results[0]

    @property
    def text(self) -> str:
        """What they printed; what is masked stands there as it is where it is the same for all."""
        text = words.block(self.first.end)
        return self.mask(text, self.first.host).shown(self._varies) if self.mask and any(self._varies) else text

    def add(self, result: Result, values: tuple[str, ...]) -> None:
        if not self.results:
            self._values, self._varies = values, [False] * len(values)
        elif values != self._values:
            for place, (ours, theirs) in enumerate(zip(self._values, values, strict=True)):
                if ours != theirs:
                    self._varies[place] = True
        self.results.append(result)


def blocks(report: Report, compare: Compare = Compare()) -> list[Block]:
    """Return the blocks of a report; raises re.error for a mask that is no pattern."""
    if not (compare.similar or compare.masks):
        return [Block(group) for group in report.groups()]
    mask = Mask(compare.masks, usual=compare.similar)
    found: dict[tuple[object, ...], Block] = {}
    for result in report.results:
        end = result.end
        masked = mask(words.block(end), result.host)
        word = mask(end.message, result.host).text if isinstance(end, Failure) else end.exit_code
        left = end.remote_end if isinstance(end, Failure) else ""
        key = (result.status, result.cause, word, left, end.truncated, mask(end.note, result.host).text, masked.text)
        found.setdefault(key, Block([], mask)).add(result, masked.values)
    return sorted(found.values(), key=_order)


def _order(block: Block) -> tuple[int, int]:
    return BY_WEIGHT.index(block.first.status), -len(block.results)


def largest(found: Sequence[Block]) -> Block | None:
    """Return the block that the others are compared with: the largest of those with text, an ok one before others."""
    spoken = [block for block in found if words.printed(block.first)]
    return max(spoken, key=lambda block: (len(block.results), block.first.ok), default=None)
