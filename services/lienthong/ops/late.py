"""What presses, worst first."""

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from lienthong.kernel.deadlines import Due, Rule, Verdict, worst
from lienthong.tracker.lateness import Judged

__all__ = ["Late", "Pressing", "pressing"]

_PRESSES = (Due.OVERDUE, Due.WARNING)


class Late(NamedTuple):
    """A document at one recipient of which something is overdue, or soon will be."""

    judged: Judged
    verdict: Verdict
    """The worst one."""
    others: tuple[Verdict, ...]
    """What presses beside it."""


class Pressing(NamedTuple):
    """The worst of them, and how many there are."""

    worst: list[Late]
    overdue: int
    """Documents at recipients, each once however much of it is overdue."""
    near: int
    """Likewise where nothing is overdue, and something soon will be."""
    by_rule: dict[Rule, tuple[int, int]]
    """Overdue and near due by each rule."""


def pressing(found: Iterable[Judged], limit: int, *, near: bool = True) -> Pressing:
    """Choose and count.

    Args:
        found: in any order; only `limit` of them are kept in memory.
        limit: most that are wanted.
        near: also what is not overdue yet.
    """
    counts: Counter[tuple[Rule, Due]] = Counter()
    states: Counter[Due] = Counter()

    def all_that_presses() -> Iterable[Late]:
        for one in found:
            some = [verdict for verdict in one.verdicts if verdict.state in _PRESSES]
            first = worst(some)
            if first is None:
                continue
            counts.update((verdict.rule, verdict.state) for verdict in some)
            states[first.state] += 1
            if near or first.state is Due.OVERDUE:
                yield Late(one, first, tuple(verdict for verdict in some if verdict is not first))

    chosen = heapq.nsmallest(limit, all_that_presses(), key=_order)
    rules = {rule: (counts[rule, Due.OVERDUE], counts[rule, Due.WARNING]) for rule in Rule}
    told = {rule: both for rule, both in rules.items() if any(both)}
    return Pressing(chosen, states[Due.OVERDUE], states[Due.WARNING], told)


def _order(late: Late) -> tuple[bool, int, int, bytes, str, str]:
    verdict, judged = late.verdict, late.judged
    overdue = verdict.state is Due.OVERDUE
    return not overdue, -verdict.level, verdict.due_at, judged.id, judged.route, judged.recipient
