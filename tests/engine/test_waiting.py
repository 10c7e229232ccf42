"""The queue hands every job out once, in order, within its wave, and those of one word one at a time."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.engine.waiting import Waiting
from pssh.model.work import Job
from tests.engine.support.toy import jobs


def worded(*words: str) -> list[Job]:
    return [replace(job, only_one=word) for job, word in zip(jobs(*["x"] * len(words)), words, strict=True)]


def take(queue: Waiting) -> int | None:
    return queue.take()[0].id if queue.first() else None


def test_a_job_goes_when_its_wave_is_open() -> None:
    queue = Waiting(worded("", "", ""))
    assert take(queue) is None
    assert queue.open(2) == 2
    assert [take(queue), take(queue), take(queue)] == [0, 1, None]
    assert (queue.count, queue.here) == (1, 0)


def test_of_one_word_one_job_goes_and_the_others_keep_their_order() -> None:
    work = worded("a", "a", "b", "a", "", "b")
    queue = Waiting(work)
    queue.open(6)
    assert [take(queue), take(queue), take(queue), take(queue)] == [0, 2, 4, None]
    queue.ended(work[0])
    assert [take(queue), take(queue)] == [1, None]
    queue.ended(work[2])
    queue.ended(work[1])
    assert sorted([take(queue) or 0, take(queue) or 0]) == [3, 5]
    assert queue.count == 0


def test_a_job_given_back_keeps_its_word_and_goes_before_all_others() -> None:
    work = worded("a", "a", "")
    queue = Waiting(work)
    queue.open(3)
    assert take(queue) == 0
    queue.give_back(work[0], 2)
    assert queue.first() == (work[0], 2)
    assert [take(queue), take(queue), take(queue)] == [0, 2, None]


def test_a_dropped_job_is_passed_over_wherever_it_stands() -> None:
    work = worded("a", "a", "a", "", "")
    queue = Waiting(work)
    queue.open(4)
    assert queue.first() == (work[0], 1)
    assert queue.drop(0) == (work[0], 1)  # it was next, and its word is free
    assert take(queue) == 1
    assert take(queue) == 3  # which looks at the third and puts it aside
    assert queue.drop(2) == (work[2], 1)
    assert queue.drop(4) == (work[4], 1)  # of a wave that is not open
    assert queue.drop(4) is None and queue.drop(1) is None
    assert (queue.count, queue.here, queue.open(1)) == (0, 0, 0)


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=15), st.lists(st.integers(1, 6), max_size=5), st.data())
def test_whatever_happens_every_job_leaves_once_and_no_word_is_twice_in_hand(
    words: list[str], waves: list[int], data: st.DataObject
) -> None:
    work = worded(*words)
    queue, opened = Waiting(work), 0
    hand: dict[int, Job] = {}
    left: list[int] = []
    for _ in range(60):
        act = data.draw(st.sampled_from(["take", "take", "end", "back", "drop", "open"]))
        one = data.draw(st.sampled_from(sorted(hand))) if hand else None
        if act == "take" and queue.first():
            job, _ = queue.take()
            assert job.id not in hand and job.id not in left and job.id < opened
            hand[job.id] = job
        elif act == "end" and one is not None:
            queue.ended(hand.pop(one))
            left.append(one)
        elif act == "back" and one is not None:
            queue.give_back(hand.pop(one), 2)
        elif act == "drop" and words:
            found = queue.drop(data.draw(st.integers(0, len(words) - 1)))
            left.extend([found[0].id] if found else [])
        elif act == "open" and waves:
            size = min(waves.pop(), len(words) - opened)
            queue.open(size)
            opened += size
        in_use = [job.only_one for job in hand.values() if job.only_one]
        assert len(in_use) == len(set(in_use))
        assert queue.count == len(words) - len(hand) - len(left)
        assert queue.here == sum(number not in hand and number not in left for number in range(opened))
    while queue.count:
        left.append(queue.any()[0].id)
    assert sorted([*left, *hand]) == list(range(len(words)))
