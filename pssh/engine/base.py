"""What an engine is, the options every engine has, and the arithmetic of how much fits.

Every engine keeps these promises, each held up by a test of its name:

- E1 every job yields exactly one Result, whatever dies on the way;
- E2 at most `parallel` jobs are in flight, behind a barrier all, in at most `workers` processes; handshakes are
  bounded apart;
- E3 a worker that dies costs only its own started jobs; those that had not started go to another worker;
- E4 events come one at a time in the process that asked; for one job: started, connected, said*, ended;
- E5 after a stop no new job starts, and all that run end within the grace time; no child outlives the parent;
- E6 no more jobs are started by second t than the pace allows;
- E7 memory depends on what is in flight, not on the number of hosts nor on what they print;
- E8 nothing is run twice without being asked: only jobs that had not started are tried again.
"""

import os
import resource
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pssh.engine.spool import Spool
from pssh.history.spooled import NOWHERE, Budget
from pssh.model.event import Event
from pssh.model.rollout import Rollout
from pssh.model.secret import Secret
from pssh.model.work import Job

_LANES_PER_WORKER = 32  # below so many in flight a second process costs more than it brings
_ONE_WORKER_HOSTS = 150  # a run this short is over before a second process has done its imports
_WARM_WORKER_HOSTS = 4  # for each so many a process is used that is there already
_OWN_FILES = 32  # what a worker holds open beside its lanes
_SPARE = 4  # times as many lanes as asked for may be had while a run goes on
_LANE_FILES = 4  # a raced connection, or a local command's three pipes, and one to spare


@dataclass(frozen=True, slots=True)
class Hold:
    """Start nothing more until told to go on."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Start again; also the next wave that waits to be told."""


@dataclass(frozen=True, slots=True)
class Widen:
    """Have so many more in flight, or fewer; at least one, and at most four times as many as at first."""

    by: int


@dataclass(frozen=True, slots=True)
class End:
    """End one job, as a stop would."""

    job_id: int


Order = Hold | GoOn | Widen | End


class Engine(Protocol):
    """Bounds and places jobs."""

    def run(self, jobs: Sequence[Job]) -> AsyncGenerator[Event, None]:
        """Yield what happens until every job has ended. Job ids are distinct.

        Raises UsageError, before anything begins, if a barrier cannot hold as many hosts.
        """

    def stop(self, cause: str = "interrupt", *, finish: bool = False) -> None:
        """Start nothing more and end what runs within the grace time; a second call ends it at once.

        For the run under way, or the next one; from a signal handler of its loop, or any callback there. `cause` is a
        stable word. `finish`: what has begun on its host may finish, and only what has not is ended; a later call
        without it is the first of the two above.
        """

    def steer(self, order: Order) -> None:
        """Change the run under way; without one nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How much at once, how fast, and what the workers are given; times in seconds."""

    parallel: int = 64
    workers: int = 0  # 0: as many as pay for themselves
    connect_limit: int = 64  # handshakes in flight, over all workers; at 20 ms RTT half as many take a third longer
    rollout: Rollout = field(default_factory=Rollout)
    jump_limit: int = 8  # of those handshakes, to one address or through one jump host
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    input: Spool | None = None  # what commands may read; for one run
    marks: str = ""  # a file with a byte per job, set before its command leaves; empty: none
    spool: Budget = NOWHERE  # where what results do not hold is kept; an empty path: nowhere
    grace: float = 2.0  # from a stop to the end of what runs
    transports: Mapping[str, str] = field(default_factory=dict)  # name -> "module:factory", before the known ones
    heartbeat: float = 5.0  # a worker that leaves three questions so far apart unanswered is taken for hung

    def __post_init__(self) -> None:
        if min(self.parallel, self.connect_limit, self.jump_limit) < 1 or self.workers < 0:
            raise ValueError("parallel, connect_limit and jump_limit are at least 1, workers at least 0")


def worker_count(options: EngineOptions, jobs: int, cores: int, warm: int = 0) -> int:
    """Return how many processes to use: never more than there are lanes, handshakes or jobs to share out.

    `warm`: how many were started before it was known what there is to do.
    """
    wanted = options.workers
    if not wanted:
        # One processor is left to this process and to whatever else runs here: on two of them, a second worker took
        # 0.3 ms of CPU per host more and was no faster.
        many = min(cores - 1, options.parallel // _LANES_PER_WORKER) if jobs >= _ONE_WORKER_HOSTS else 1
        wanted = max(many, min(warm, jobs // _WARM_WORKER_HOSTS))
    return max(1, min(wanted, options.parallel, options.connect_limit, jobs))


def most(parallel: int, jobs: int) -> int:
    """Return how many may be in flight at most, also when more are asked for while the run goes on."""
    return max(parallel, min(_SPARE * parallel, jobs))


def files_for(lanes: int) -> int:
    """Return how many files a worker with so many lanes may have open."""
    return _OWN_FILES + _LANE_FILES * lanes


def fitting(parallel: int, workers: int, files: int) -> int:
    """Return `parallel`, lowered until each worker's lanes fit into `files` open files."""
    if files == resource.RLIM_INFINITY:
        return parallel
    return min(parallel, max((files - _OWN_FILES) // _LANE_FILES, 1) * workers)


def share(total: int, parts: int) -> list[int]:
    """Return whole shares that add up to `total`, as equal as they can be."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def cores() -> int:
    """Return how many processors we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_files() -> int:
    """Return how many files a worker may have open at most."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
