"""What the engine itself costs for each job, in CPU time, with a transport that does nothing."""

import resource
import time
from collections import Counter

from pssh.engine.pool import Pool
from tests.engine.support.toy import jobs, options, run

MOST = 0.15e-3  # seconds for each job, in the parent and in the worker; measured: 0.03e-3 in each


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def cost(count: int) -> tuple[float, float]:
    """Return the CPU seconds of the parent and of its worker."""
    parent, worker = time.process_time(), cpu_of_children()
    ended = await run(Pool(options(parallel=64, workers=1)), jobs(*["true"] * count, transport="nothing"))
    assert Counter(result.status for result in ended) == {"ok": count}
    return time.process_time() - parent, cpu_of_children() - worker


async def test_a_job_costs_at_most_150_microseconds_in_the_parent_and_in_the_worker() -> None:
    small, large = await cost(100), await cost(4100)
    parent, worker = ((after - before) / 4000 for before, after in zip(small, large, strict=True))
    assert parent < MOST
    assert worker < MOST
