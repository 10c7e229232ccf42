"""What is made beside its place on a host has a name that nobody could have put something at beforehand."""

import os
from pathlib import Path

import pytest

from pssh.model.work import TransportError
from pssh.ops.fs.base import FileOperation
from pssh.ops.fs.change import Cp, Link, Rm
from pssh.ops.fs.look import Find
from pssh.ops.fs.pack import Archive
from tests.support.shells import SHELLS, Shell


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
@pytest.mark.parametrize("verb", ["cp", "archive", "link"])
async def test_a_link_planted_in_a_shared_folder_is_not_written_through(
    tmp_path: Path, words: list[str], verb: str
) -> None:
    shared, outside, source = tmp_path / "shared", tmp_path / "outside", tmp_path / "source"
    shared.mkdir()
    outside.write_text("as it was")
    source.write_text("content")
    operation: FileOperation = {
        "cp": Cp(paths=(f"{source}",), dest=f"{shared}/made"),
        "archive": Archive(paths=(f"{source}",), to=f"{shared}/made.tar"),
        "link": Link(paths=(f"{shared}/made",), target="source"),
    }[verb]
    # Here the number of the process is known; elsewhere there are but so many to try.
    plant = f'for n in source made made.tar; do ln -s "{outside}" "{shared}/.pssh-$$-$n"; done; '
    reply = await operation.perform(_Planting(Shell(tmp_path, [*words]), plant))  # type: ignore[arg-type]
    assert reply.exit_code == 0, reply.stderr
    assert outside.read_text() == "as it was"
    names = [name for name in os.listdir(shared) if not name.endswith(("-source", "-made", "-made.tar"))]  # noqa: PTH208
    assert names == (["made.tar"] if verb == "archive" else ["made"])


class _Planting:
    """A host on which links are planted under the very number of the process that does the work."""

    def __init__(self, shell: Shell, plant: str) -> None:
        self._shell, self._plant = shell, plant

    def __getattr__(self, name: str) -> object:
        return getattr(self._shell, name)

    async def exec(self, command: str, **how: object) -> object:
        # `sh -c PROGRAM`: the program is put behind what plants.
        head, _, rest = command.partition("sh -c '")
        return await self._shell.exec(f"{head}sh -c '{self._plant}{rest}", **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
async def test_a_name_of_the_greatest_length_is_copied(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / ("n" * 255)).write_text("content")
    (tmp_path / "to").mkdir()
    reply = await Cp(paths=(f"{tmp_path}/{'n' * 255}",), dest=f"{tmp_path}/to/").perform(Shell(tmp_path, [*words]))
    assert reply.exit_code == 0, reply.stderr
    assert [name.name for name in (tmp_path / "to").iterdir()] == ["n" * 255]


def instead(folder: Path, name: str, does: str) -> dict[str, str]:
    """Return an environment in which a tool is a script."""
    (folder / "bin").mkdir()
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
    (folder / "bin" / name).chmod(0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}"}


@pytest.mark.parametrize("words", SHELLS, ids=lambda words: words[0])
async def test_a_link_that_cannot_be_replaced_stays(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "current").symlink_to("old")
    session = Shell(tmp_path, words, env=instead(tmp_path, "ln", "echo ln: No space left on device >&2; exit 1"))
    reply = await Link(paths=(f"{tmp_path}/current",), target="new", overwrite=True).perform(session)
    assert (reply.exit_code, str((tmp_path / "current").readlink())) == (1, "old")


@pytest.mark.parametrize("words", SHELLS, ids=lambda words: words[0])
async def test_a_folder_with_digits_in_its_name_is_itself_where_there_is_no_stat(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "release-42" / "in").mkdir(parents=True)
    session = Shell(tmp_path, words, env=instead(tmp_path, "stat", "exit 1"))
    reply = await Rm(paths=(f"{tmp_path}/release-42",), recursive=True).perform(session)
    assert (reply.exit_code, reply.stderr, (tmp_path / "release-42").exists()) == (0, b"", False)


async def test_a_host_that_does_not_know_the_time_gives_no_answer(tmp_path: Path) -> None:
    with pytest.raises(TransportError) as caught:
        await Find(paths=(f"{tmp_path}",)).perform(Shell(tmp_path, env=instead(tmp_path, "date", "echo %s")))
    assert caught.value.failure.cause == "transfer/garbled"
