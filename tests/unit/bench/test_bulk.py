"""Documents written with the kernel alone."""

import pytest

from bench.bulk import BATCH, Author, ring, shares
from unit.kernel import world


def test_in_a_ring_everybody_writes_and_is_written_to_once() -> None:
    """Each to the next one, the last to the first."""
    assert [("A", "B"), ("B", "C"), ("C", "A")] == ring(["A", "B", "C"])
    with pytest.raises(ValueError, match="two agencies"):
        ring(["A"])


@pytest.mark.parametrize("documents", [0, 1, 3, 7, 250, 750, 751, 2_000])
def test_shares_are_all_documents_divided_evenly(documents: int) -> None:
    """Nothing is left over, no two senders differ by more than one, numbers of a sender are dense."""
    written: dict[str, list[int]] = {"A": [], "B": [], "C": []}
    for share in shares(ring(["A", "B", "C"]), documents):
        assert 1 <= share.documents <= BATCH
        written[share.sender] += range(share.first, share.first + share.documents)
    counts = [len(numbers) for numbers in written.values()]
    assert documents == sum(counts)
    assert max(counts) - min(counts) <= 1
    assert all(numbers == [*range(len(numbers))] for numbers in written.values())


def test_what_an_author_writes_is_accepted() -> None:
    """Intake would accept every document, in the lane it is written to, with its recipient as route."""
    author = Author(world.SENDER, world.SENDER_KEY, world.ORIGIN, world.LANES)
    rows = author.write(world.RECIPIENT, range(20), "A", world.NOW)
    judge = world.judge_of()
    verdicts = [
        judge.verdict(row.value, agency=world.SENDER, lane=partition.number, at=world.NOW)
        for partition, some in rows.items()
        for row in some
    ]
    assert [(None, (world.RECIPIENT,))] * 20 == [(one.reason, one.routes) for one in verdicts]
    assert 20 == len({one.id for one in verdicts})
