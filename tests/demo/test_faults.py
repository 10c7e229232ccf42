"""A fleet is the same for the same seed, and never without a sound host."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pssh.demo.faults import Level, plan

SIZES = st.integers(1, 400)
LEVELS = st.sampled_from(["none", "default", "storm"])


@given(SIZES, st.integers(), LEVELS)
def test_the_same_seed_gives_the_same_fleet_of_that_size(hosts: int, seed: int, level: Level) -> None:
    planned = plan(hosts, seed, level)
    assert planned == plan(hosts, seed, level)
    assert len({host.name for host in planned}) == hosts


@given(SIZES, st.integers(), LEVELS)
def test_at_least_one_host_is_sound(hosts: int, seed: int, level: Level) -> None:
    assert any(not host.fault for host in plan(hosts, seed, level))


def test_a_fleet_without_faults_has_none() -> None:
    assert not any(host.fault for host in plan(50, 1, "none"))


def test_by_default_some_differ_and_one_each_is_denied_down_and_slow() -> None:
    for hosts in (12, 40):
        found = Counter(host.fault for host in plan(hosts, 7, "default"))
        assert found == {"differs": 2, "denied": 1, "down": 1, "slow": 1, "": hosts - 5}


def test_a_storm_grows_with_the_fleet() -> None:
    assert Counter(host.fault for host in plan(120, 1, "storm"))["silent"] == 10


def test_another_seed_hits_other_hosts() -> None:
    assert plan(12, 1, "default") != plan(12, 2, "default")


def test_groups_follow_the_names() -> None:
    for host in plan(12, 1, "none"):
        assert host.name.startswith(host.group)
    assert Counter(host.group for host in plan(12, 1, "none")) == {"web": 8, "db": 3, "cache": 1}
