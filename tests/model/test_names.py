"""What the range notation promises."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import TargetsError
from pssh.model.names import count, expand, fold, ipv6, plain, spread


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ""),
        ("web1", "web1"),
        ("web[1-3,5]", "web1 web2 web3 web5"),
        ("web[01-10/3]", "web01 web04 web07 web10"),
        ("web[01:50:20]", "web01 web21 web41"),
        ("web[01-03,30/2]", "web01 web02 web03 web30"),
        ("n[1-2]-ib[0-1]", "n1-ib0 n1-ib1 n2-ib0 n2-ib1"),
        ("10.0.0.[1-3]", "10.0.0.1 10.0.0.2 10.0.0.3"),
        ("db-[a-c]", "db-a db-b db-c"),
        ("db-[a:c]", "db-a db-b db-c"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::[1-2]", "2001:db8::1 2001:db8::2"),
        ("n[8-11]", "n8 n9 n10 n11"),
        ("n[0-2]", "n0 n1 n2"),
        ("n[1,1,1-2]", "n1 n2"),
        (" b , a[1-2] ,b", "b a1 a2"),
        ('"a[1-2]",c', "a[1-2] c"),
    ],
)
def test_ranges_expand_in_the_order_written(text: str, names: str) -> None:
    assert expand(text) == names.split()


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("x[3-1]", "counts down", "[1-3]"),
        ("x[:3]", "no start", "[0-3]"),
        ("x[3-]", "no end", "[3-N]"),
        ("n[01-3]", "differ in width", "[01-03]"),
        ("n[01-100]", "differ in width", "[001-100]"),
        ("n[1-010]", "differ in width", "[001-010]"),
        ("n[a-3]", "from `a` to `3`", "one kind"),
        ("n[a-C]", "from `a` to `C`", "one kind"),
        ("n[]", "where a range belongs", "[01-20,30]"),
        ("n[1-2", "not closed", ""),
        ("n1]", "not closed", ""),
        ("n[1-9/0]", "step of 0", ""),
        ("n[1-99999999999999999999]", "too long", ""),
        ("a,,b", "comma", ""),
        ("a,", "comma", ""),
        ("n[1-200000]", "200,000 names", ""),
        ("n[1-1000][1-1000]", "1,000,000 names", ""),
        ("[1-2]" * 300, f"{2**300:,} names", ""),
    ],
)
def test_a_wrong_range_says_what_is_wrong_and_what_to_write(text: str, says: str, hint: str) -> None:
    with pytest.raises(TargetsError) as caught:
        expand(text)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_counting_builds_nothing() -> None:
    assert count("a[1-3],b") == 4
    assert count("n[1-999999999999999]") == 999_999_999_999_999


def test_a_hostile_text_costs_one_pass() -> None:
    begin = time.monotonic()
    for text in ("[" * 65_000, "[1-2" * 16_000, '"' * 65_001, "a" * 65_000 + '"', "1," * 30_000 + "["):
        with pytest.raises(TargetsError):
            expand(text)
    assert time.monotonic() - begin < 2


def test_commas_outside_brackets_are_text_when_one_text_is_spread() -> None:
    assert spread("a,b[1-2]") == ["a,b1", "a,b2"]


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ("", ""),
        ("web01 web1", "web1,web01"),
        ("web2 web1 db1 db2 web3", "db[1-2],web[1-3]"),
        ("web01 web02 web09 web10 web11", "web[01-02,09-11]"),
        ("n1-ib0 n1-ib1 n2-ib0 n2-ib1", "n[1-2]-ib[0-1]"),
        ("n1-ib0 n1-ib1 n2-ib0", "n1-ib[0-1],n2-ib0"),
        ("n9 n10 n100", "n[9-10,100]"),
        ("10.0.0.1 10.0.0.2 10.0.1.1 10.0.1.2", "10.0.[0-1].[1-2]"),
        ("a a a", "a"),
    ],
)
def test_a_set_folds_to_one_notation_whatever_its_order(names: str, folded: str) -> None:
    assert fold(names.split()) == folded
    assert fold(reversed(names.split())) == folded


def test_names_that_look_like_notation_are_quoted() -> None:
    assert fold(["a[1-2]", "b", "", 'c"d', "e f"]) == 'b,"","a[1-2]","c""d","e f"'


likely = st.from_regex(r"(web|db|n)?-?[0-9]{0,3}(-ib|\.)?[0-9]{0,3}", fullmatch=True)
tricky = st.text(alphabet='ab019[]-:,"@* \t\n\u2028\x1c\x85é', max_size=8)


@given(st.sets(st.one_of(likely, tricky, st.text(max_size=6), st.from_regex(r"[0-9]{14,20}", fullmatch=True))))
def test_expanding_what_was_folded_gives_the_same_set(names: set[str]) -> None:
    expanded = expand(fold(names))
    assert set(expanded) == names
    assert len(expanded) == len(names)


def test_a_hundred_thousand_names_fold_and_expand_quickly() -> None:
    names = expand("10.[0-3].[0-99].[1-250]")
    begin = time.process_time()
    assert fold(names) == "10.[0-3].[0-99].[1-250]"
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("name", ["web01", "a_b.c-d", "_x", "::1", "2001:db8::1", "fe80::1%eth0", "1.2.3.4", "x" * 255])
def test_plain_names(name: str) -> None:
    assert plain(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-lroot",
        "a$(id)",
        "web/1",
        "a b",
        "a;b",
        "é",
        "x" * 256,
        "web1\n",
        "a:b",
        "[::1]",
        "fe80::1%a;b",
        "::1\n",
        "*",
    ],
)
def test_names_that_could_be_an_option_or_reach_a_shell_are_refused(name: str) -> None:
    assert not plain(name)


def test_an_ipv6_address_is_told_from_a_range() -> None:
    assert ipv6("2001:db8::1")
    assert not ipv6("1:2")
    assert not ipv6("a:c")
