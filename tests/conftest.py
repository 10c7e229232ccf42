"""Fixtures that more than one folder of tests uses; what they start is in `tests/support`."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from tests.support import command
from tests.support.faulty import Faulty
from tests.support.sshd import Sshd, sshd_fleet

_LONG = ("faults", "flows", "engine", "demo", "transport")  # folders whose files take longest, some in one test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that at the end no process waits for another; the rest stays as it is."""
    order = {name: place for place, name in enumerate(_LONG)}
    tests = Path(__file__).parent
    items.sort(key=lambda item: order.get(item.path.relative_to(tests).parts[0], len(order)))


def pytest_sessionfinish() -> None:
    command.end()


@pytest.fixture(scope="session")
def demo_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    """Twelve demo hosts with the default faults, up for all tests."""
    with DemoFleet(folder=tmp_path_factory.mktemp("demo")) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A real sshd as it is usually set up, up for all tests."""
    with sshd_fleet(tmp_path_factory.mktemp("sshd")) as daemon:
        yield daemon


@pytest.fixture
def start_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sshd]]:
    """Start a real sshd with lines of configuration of the test's own; ended after the test."""
    with ExitStack() as stack:

        def start(config: str = "", host_keys: tuple[str, ...] = ("ed25519",)) -> Sshd:
            folder: Path = tmp_path_factory.mktemp("sshd")
            return stack.enter_context(sshd_fleet(folder, config=config, host_keys=host_keys))

        yield start


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    """Servers that answer with the wrong bytes; ended after the test."""
    with Faulty() as servers:
        yield servers
