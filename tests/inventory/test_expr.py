"""How target expressions are read, before anything is known of the hosts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import TargetsError
from pssh.inventory.expr import Chain, FromFile, FromStdin, Group, Match, Named, OfRun, Regex, parse


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("web1", Named("web1")),
        ("web[1-3,5]-x[a-c]", Named("web[1-3,5]-x[a-c]")),
        ("ops@web1:2222", Named("web1", "ops", 2222)),
        ("[2001:db8::1]:22", Named("2001:db8::1", "", 22)),
        ("2001:db8::1", Named("2001:db8::1")),
        ("2001:db8::[1-2]", Named("2001:db8::[1-2]")),
        ("[::1]", Named("::1")),
        ("web*", Named("web*")),
        ("web[01:50:20]", Named("web[01:50:20]")),
        ("@web", Group("web")),
        ("@rack[1-3]", Group("rack[1-3]")),
        ("@last", OfRun("last")),
        ("@last~2:failed", OfRun("last~2", "failed")),
        ("@r12:todo", OfRun("r12", "todo")),
        ("@r12:cause=connect/*", OfRun("r12", "cause", "connect/*")),
        ('@last:cause="exit 3"', OfRun("last", "cause", "exit 3")),
        ("@lastly", Group("lastly")),
        ("@r12x", Group("r12x")),
        (r"/^db\d+(,|!)$/", Regex(r"^db\d+(,|!)$")),
        (r"/a\/b/", Regex("a/b")),
        ("os=debian*", Match("os", "debian*")),
        ('os="debian 12, !"', Match("os", "debian 12, !")),
        ("^new.txt", FromFile("new.txt")),
        ('^"a b.txt"', FromFile("a b.txt")),
        ("-", FromStdin()),
    ],
)
def test_each_kind_of_term_is_read(text: str, term: object) -> None:
    assert parse(text) == Chain(term)  # type: ignore[arg-type]
    assert parse(f" ( {text} ) ") == Chain(Chain(term))  # type: ignore[arg-type]


def test_operators_are_read_from_left_to_right_with_or_without_blanks() -> None:
    read = Chain(Group("web"), (("&", Group("prod")), ("!", Named("web07"))))
    assert parse("@web&@prod!web07") == parse(" @web & @prod ! web07 ") == read


@pytest.mark.parametrize(
    "text",
    ["@web&(@prod,/x/)!web07", "ops@a[1-2]:22,os=b", "[::1]:22,-", '@last~1:cause="exit 3"!@r4:state=end-unknown'],
)
def test_what_was_read_prints_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "The targets are empty", "@all"),
        ("!db1", "`!` at column 1 has nothing on its left", "write `@all!db1`"),
        ("&db1", "`&` at column 1 has nothing on its left", ""),
        ("@web,,x", "`,` at column 6 has nothing on its left", ""),
        ("@web!", "`!` at column 5 has nothing on its right", ""),
        ("(@web,)", "`,` at column 6 has nothing on its right", ""),
        ("(@web", "`(` at column 1 is not closed", ""),
        ("a,(", "`(` at column 3 is not closed", ""),
        ("()", "`)` at column 2 has nothing before it", ""),
        ("@web)", "`)` at column 5 closes nothing", ""),
        ("@web @api", "Two terms without an operator at column 6", "`,` joins, `&` keeps what both have, `!` removes"),
        ("(@web)(@api)", "Two terms without an operator at column 7", "joins"),
        ("-lroot", "`-lroot` is refused", "does not begin with `-`"),
        ("-oProxyCommand=x", "`-oProxyCommand=x` is refused", "does not begin"),
        ("a$(id)", "`a$(id)` is refused", "letters, digits"),
        ("a;touch", "`a;touch` is refused", "letters, digits"),
        ("web/1", "`web/1` is refused", "letters, digits"),
        ("$(id)@web1", "`$(id)@web1` is refused", "letters, digits"),
        ("-x@web1", "`-x@web1` is refused", "letters, digits"),
        ("a@b@c", "`a@b@c` is refused", "letters, digits"),
        ("wéb", "`wéb` is refused", "letters, digits"),
        ("a:0", "where a port from 1 to 65535 belongs", ""),
        ("a:65536", "where a port from 1 to 65535 belongs", ""),
        ("a:\u0661", "where a port from 1 to 65535 belongs", ""),
        ("1::2::3", "`1::2::3` is refused", ""),
        ("a[1-2", "has a bracket that is not closed", ""),
        ("@", "`@` is no group's name", ""),
        ("@a*", "`@a*` is no group's name", ""),
        ("@last:Failed", "means no hosts of a run", "@last:failed"),
        ("@r12:a/b", "means no hosts of a run", "@r12:failed"),
        ("@ssh:all", "names the source `ssh`", ""),
        ("/a", "`/` at column 1 begins a regular expression that is not closed", ""),
        ("/(/", "is no regular expression", ""),
        ("os=", "`os=` at column 1 has no value", "os=TEXT"),
        ("^", "`^` at column 1 has no file", "^hosts.txt"),
        ("(" * 40 + "a" + ")" * 40, "more than 32 deep", ""),
        ("a," * 40_000, "longer than 64 KiB", "^FILE"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, message: str, hint: str) -> None:
    with pytest.raises(TargetsError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_bare_word_is_a_group_where_groups_are_listed() -> None:
    assert parse("web,@db", bare="group") == Chain(Group("web"), ((",", Group("db")),))


@given(st.text(alphabet='ab1@,&!()[]-:/^="*~. \\\n', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert parse(str(parse(text))) == parse(text)
    except TargetsError as error:
        assert error.message


@pytest.mark.parametrize("piece", ["(", "[", "a[", "!", "@a,", '"', "/", "\\", "a:", "=", "^", "a&("])
def test_a_hostile_text_is_read_in_one_pass(piece: str) -> None:
    begin = time.process_time()
    with pytest.raises(TargetsError):
        parse(piece * (60_000 // len(piece)) + ")")
    assert time.process_time() - begin < 1
