"""How much history is kept is said by the system, the user and the environment, and by nobody else."""

from pathlib import Path

import pytest

from pssh.errors import ConfigError
from pssh.history.retention import Retention, retention
from tests.support.command import pssh


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_user_is_above_the_system_and_the_environment_above_both(tmp_path: Path) -> None:
    system = write(tmp_path / "system.toml", "[history]\nkeep = 10\ndays = 5\n")
    user = write(tmp_path / "user.toml", "[history]\nkeep = 20\n")
    missing = tmp_path / "missing.toml"
    assert retention({}, [missing]) == Retention(200, 90.0)
    assert retention({}, [system, user, missing]) == Retention(20, 5.0)
    assert retention({"PSSH_HISTORY_DAYS": "0.5", "PSSH_HISTORY_KEEP": "0"}, [system, user]) == Retention(0, 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[history]\nkeeps = 3\n", "did you mean `keep`?"),
        ("[history]\nsize = 3\n", "there are: keep, days"),
        ("[histroy]\n", "there is `[history]`"),
        ("history = 3\n", "`history` is a table"),
        ('[history]\nkeep = "many"\n', "`keep` is wrong: Expected `int`, got `str`"),
        ("[history]\nkeep = -1\n", "`keep` is at least 0"),
        ("[history]\ndays = nan\n", "`days` is at least 0"),
        ("[history\n", "cannot be read: "),
        ("\udcff", "cannot be read: "),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        retention({}, [path])
    assert str(path) in caught.value.message
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == 2


def test_a_word_in_the_environment_is_named_by_its_variable() -> None:
    with pytest.raises(ConfigError, match="`PSSH_HISTORY_KEEP`: `keep` is wrong"):
        retention({"PSSH_HISTORY_KEEP": "many"}, [])


def test_a_file_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="refused: others may write to it"):
        retention({}, [write(tmp_path / "config.toml", "", 0o620)])


def test_the_command_forgets_by_it_and_reads_none_in_the_current_folder(tmp_path: Path) -> None:
    write(tmp_path / "fleet.toml", 'version = 1\n[connection]\ntransport = "local"\n[hosts.a]\n')
    write(tmp_path / "pssh.toml", "[history]\nkeep = 1\n")
    write(tmp_path / ".config/pssh/config.toml", "[history]\nkeep = 2\n")
    for _ in range(4):
        assert pssh("run", "-i", "fleet.toml", "a", "true", cwd=tmp_path).code == 0
    runs = [line.split()[0] for line in pssh("log", cwd=tmp_path).out.splitlines()[2:]]
    assert runs == ["r4", "r3"]
    write(tmp_path / ".config/pssh/config.toml", "[history]\nkep = 2\n")
    done = pssh("log", cwd=tmp_path)
    assert (done.code, done.err.count("\n"), "did you mean `keep`?" in done.err) == (2, 2, True)
