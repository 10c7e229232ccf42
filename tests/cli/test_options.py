"""From flags to the options of a run."""

import click
import pytest

from pssh.cli.options import run_options
from pssh.cli.run import command
from pssh.errors import UsageError
from pssh.model.options import RunOptions


def options(*args: str) -> RunOptions:
    return run_options(command.make_context("run", [*args, "@web", "true"]).params)


def test_a_line_without_options_is_a_run_without_options() -> None:
    assert options() == RunOptions()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--rate 5/s", RunOptions(rate="5/s")),
        ("--ramp 0:5,10:20", RunOptions(ramp="0:5,10:20")),
        ("--launch 0:50,1:500", RunOptions(launch="0:50,1:500", parallel=550)),
        ("--launch 0:50,1:500 -p 64", RunOptions(launch="0:50,1:500", parallel=64)),
        ("--barrier", RunOptions(barrier=True)),
        ("--connect-limit 9", RunOptions(connect_limit=9)),
        ("--connect-limit 9/jump:2", RunOptions(connect_limit=9, jump_limit=2)),
        ("--jump-limit 3", RunOptions(jump_limit=3)),
        ("--connect-limit 9/jump:3 --jump-limit 3", RunOptions(connect_limit=9, jump_limit=3)),
        ("--canary 1 --batch 1,10% --pause 30s", RunOptions(canary=1, batch="1,10%", pause="30s")),
        ("--batch 2 --pause ask", RunOptions(batch="2", pause="ask")),
        ("--order random --one-per rack", RunOptions(order="random", one_per="rack")),
        ("--retries 0 --retry-on exit", RunOptions(retries=0, retry_on=("exit",))),
        ("--lock patch:wait=30s", RunOptions(lock="patch:wait=30s")),
        ("--max-fail 2% --halt now", RunOptions(max_fail="2%", halt="now")),
        ("--deadline 1h --tail 95%:60s", RunOptions(deadline=3600.0, tail="95%:60s")),
        ("-t 5 --stall 3 --open-timeout 1", RunOptions(timeout=5.0, stall=3.0, open_timeout=1.0)),
        ("--kill-after 5 --drain 1 --leash", RunOptions(kill_after=5.0, drain=1.0, leash=True)),
        ("--keepalive 0", RunOptions(keepalive=0.0)),
        ("--ok 0,2,0", RunOptions(ok=(0, 2))),
        ("--exit any", RunOptions(exit="any")),
        ("-S", RunOptions(exit="max")),
        ("-I", RunOptions(stdin="-")),
        ("--stdin in.txt", RunOptions(stdin="in.txt")),
        ("--stdin -", RunOptions(stdin="-")),
        ("--env A=1 --env B=2 --chdir /tmp", RunOptions(env=("A=1", "B=2"), chdir="/tmp")),
        ("-T --tty -I", RunOptions(template=True, tty=True, stdin="-")),
        ("--local", RunOptions(local=True)),
        ("-s", RunOptions(become="sudo")),
        ("--sudo=postgres -K", RunOptions(become="sudo", become_user="postgres", ask_become_pass=True)),
        ("--become su --become-user postgres", RunOptions(become="su", become_user="postgres")),
        ("-s --no-shell", RunOptions(become="sudo", shell=False)),
        ("--password-file p", RunOptions(password_file="p")),
        ("--password-command pass", RunOptions(password_command="pass")),
        ("-y", RunOptions(yes=True)),
        ("--max-output 1M", RunOptions(max_output=1 << 20)),
        ("--max-output 0/run:2G", RunOptions(max_output=0, max_output_run=2 << 30)),
        ("--on-overflow kill", RunOptions(on_overflow="kill")),
    ],
)
def test_every_flag_fills_its_field(line: str, wanted: RunOptions) -> None:
    assert options(*line.split()) == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--rate 0", "`0` is no rate such as `5/s` or `30/m`"),
        ("--ramp 5:5", "a pace begins at second 0"),
        ("--launch 50", "`50` is not a launch such as `0:50,1:20,1:500`"),
        ("--batch 1,0", "`1,0` has a wave without hosts"),
        ("--batch 1,x", "`x` is neither a number of hosts nor a part of them such as `10%`"),
        ("--max-fail 200%", "`200%` is more than all"),
        ("--tail 95%", "`95%` is no share and time such as `95%:60s`"),
        ("--pause later", "`later` is no duration; write `10`, `500ms` or `2m30s`, or `ask`"),
        ("--canary 0", "`0` is no number from 1 on"),
        ("--connect-limit 0", "`0` is neither `N` nor `N/jump:M`, each a number from 1 on"),
        ("--connect-limit 5/jump:", "`5/jump:` is neither `N` nor `N/jump:M`, each a number from 1 on"),
        ("--connect-limit 5/hop:2", "`5/hop:2` is neither `N` nor `N/jump:M`, each a number from 1 on"),
        ("--ok 0,256", "`0,256` is no list of exit codes from 0 to 255, such as `0,2`"),
        ("--ok 0,", "`0,` is no list of exit codes from 0 to 255, such as `0,2`"),
        ("--max-output 1M/run:x", "`x` is no size; write `65536`, `64K`, `16M` or `1G`"),
        ("--mask (", "`(` is no regular expression: missing ), unterminated subpattern at position 0"),
        ("--lock a/b", "`a/b` is no lock such as `patch`, `patch:fail` or `patch:wait=30s,lease=2h`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_name_of_its_option(line: str, said: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        options(*line.split())
    assert raised.value.message == said
    assert raised.value.param and raised.value.param.opts[0] == line.split()[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-I --stdin f", "`-I` and `--stdin` do not go together"),
        ("-S --exit any", "`-S` and `--exit` do not go together"),
        ("-s --become su", "`--sudo` and `--become` do not go together"),
        ("--connect-limit 5/jump:2 --jump-limit 3", "`--connect-limit N/jump:M` and `--jump-limit` do not go together"),
        ("-k --password-file p", "`--ask-pass` and `--password-file` do not go together"),
        ("-I --leash", "`--leash` and `-I` or `--stdin` do not go together"),
    ],
)
def test_two_flags_that_say_different_things_are_refused(line: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        options(*line.split())
    assert raised.value.message == said
