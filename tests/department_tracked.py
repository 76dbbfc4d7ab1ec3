"""The department's year in a tracker's database, through the tracker's own projection and store."""

from collections import Counter
from collections.abc import Iterable, Iterator

from department_year import Said
from lienthong.kernel.fold import Count
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.tracker.database import Database
from lienthong.tracker.item import Item
from lienthong.tracker.migration import migrate
from lienthong.tracker.store import Step, Store

__all__ = ["fill", "items"]

_LANES = 4
_ROUND = 2_000


def items(said: Iterable[Said]) -> Iterator[Item]:
    """What the tracker would read: an accepted entry for each statement, each lane in order of time.

    Positions begin at 1, after the genesis of each lane.
    """
    ends: Counter[int] = Counter()
    for one in said:
        lane = lane_of(one.statement.thread, _LANES)
        ends[lane] += 1
        entry = Entry(
            position=ends[lane], appended_at=one.at, outcome=Outcome.ACCEPTED,
            source=Source(one.statement.sender, ends[lane], "generation"), judged_at=one.at, known_at=one.at,
            id=one.id, kind=one.statement.kind, routes=tuple(one.statement.recipients), reason="", detail="",
            digest=b"",
        )  # fmt: skip
        yield Item(lane, entry, Count.COUNTS, one.statement)


def fill(database: Database, said: Iterable[Said]) -> None:
    """Make the tables and store the year in rounds, as `lienthong run tracker` does."""
    migrate(database)
    store = Store(database)
    store.begin(dict.fromkeys(range(_LANES), 1))
    everything = list(items(said))
    for first in range(0, len(everything), _ROUND):
        some = everything[first : first + _ROUND]
        steps: dict[int, Step] = {}
        for item in some:
            position = item.entry.position
            begun = steps[item.lane].first if item.lane in steps else position
            steps[item.lane] = Step(begun, position + 1)
        store.apply(steps, some)
