"""How help looks: options under the headings of their sections, then examples that can be copied.

A command of class `Page` takes `examples=`; an option of class `Option` takes `section=`. Why not click's own list: 25
options in one column are not read. A flag may take a value of its own after `=`, as `--sudo=USER`; click knows options
that always take one, and would swallow the targets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

PLAIN = "Options"
# As one thinks of a run: where, how to get in, what to give it, how it goes, when it stops, what is seen of it.
ORDER = (
    *("Time", "Targets", "Show", "Report", "Host keys", "Connection", "Files", "Input", "Privilege", "Pace", "Waves"),
    *("Limits", "Failures", "Safety", "Output", PLAIN),
)


class Option(click.Option):
    """An option that knows the section of the help it belongs to; a flag's value, after `=`, is that of `value_for`."""

    def __init__(self, *args: Any, section: str = PLAIN, value_for: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.value_for = value_for

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out the range of a number: whoever leaves it is told."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Page(click.Command):
    """A command whose help has sections and examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {name: param for param in self.params if isinstance(param, click.Option) for name in param.opts}
        how = {"helps": not isinstance(self, click.Group), "anywhere": ctx.allow_interspersed_args}
        try:
            return super().parse_args(ctx, _with_values_apart(args, options, **how))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the hint is to the help of this subcommand
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        for section, rows in _sections(self.get_params(ctx), ctx).items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands, where there are any."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line.strip()}\n" for line in self.examples.strip().splitlines()))


def _sections(params: Iterable[click.Parameter], ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the help of the options by section, in the order of sections."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        record = param.get_help_record(ctx)
        if record and isinstance(param, click.Option):
            found.setdefault(getattr(param, "section", PLAIN), []).append(record)
    return dict(sorted(found.items(), key=lambda item: ORDER.index(item[0] if item[0] in ORDER else PLAIN)))


def _with_values_apart(
    args: Sequence[str], options: Mapping[str, click.Option], *, helps: bool, anywhere: bool = False
) -> list[str]:
    """Return the arguments with `--sudo=USER` as `--sudo --become-user USER`, as far as options go.

    `anywhere`: options may stand behind the first word that is none. `helps`: `--help` behind that word, the targets,
    is ours as well.
    """
    left, done = list(args), []
    while left and left[0] != "--" and (anywhere or _is_option(left[0])):
        word = left.pop(0)
        if not _is_option(word):
            done.append(word)
            continue
        name, equals, value = word.partition("=")
        if equals and (other := getattr(options.get(name), "value_for", "")):
            if not value:
                raise click.BadOptionUsage(name, f"`{name}=` has no value")
            done += [name, other, value]
            continue
        done.append(word)
        if _takes_next(word, options):
            done += left[:1]
            del left[:1]
    if left[1:2] == ["--help"] and left[0] != "--" and helps:
        return ["--help"]
    return done + left


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _takes_next(word: str, options: Mapping[str, click.Option]) -> bool:
    """Whether an option's value is the next argument."""
    if word.startswith("--"):
        return word in options and not options[word].is_flag
    for place, letter in enumerate(word[1:], 2):
        option = options.get(f"-{letter}")
        if option is None or not option.is_flag:
            return option is not None and place == len(word)
    return False
