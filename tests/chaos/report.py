"""What a run is told as: a row for each fault, and totals. ``python -m chaos.report FILE…`` puts runs together."""

import argparse
import json
import re
import statistics
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chaos.checker import Violation
from chaos.history import Acknowledged, Event, Outcome, Sending, Sent
from chaos.schedule import Injection

__all__ = ["Injected", "Journeys", "blamed", "summary"]

_SUBJECT = re.compile(r"[A-Z0-9.]+-\d+-[0-9a-f]{8}/\d+")
_NO_DOCUMENT = "no one document"


class Injected(NamedTuple):
    """A fault that was injected, from when to when (milliseconds since 1970 UTC); `failed` says why it could not be."""

    injection: Injection
    at: int
    until: int
    failed: str


class Journeys(NamedTuple):
    """When documents were on their way: handed over, and not yet acknowledged by all their recipients."""

    spans: Mapping[str, tuple[int, int | None]]
    """By the document's subject: milliseconds since 1970 UTC; no end: it never came to one."""
    begins: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Journeys":
        """From all journals."""
        said: dict[tuple[str, int], tuple[str, int]] = {}
        recipients: dict[tuple[str, int], int] = {}
        answers: dict[str, dict[str, int]] = defaultdict(dict)
        for event in events:
            if isinstance(event, Sending):
                recipients[event.run, event.number] = len(event.recipients)
            elif isinstance(event, Sent) and event.outcome is Outcome.OK:
                said[event.run, event.number] = (event.id, event.at)
            elif isinstance(event, Acknowledged):
                answers[event.id].setdefault(event.agency, event.at)
        spans: dict[str, tuple[int, int | None]] = {}
        for (run, number), (identity, at) in said.items():
            found = answers.get(identity, {})
            whole = len(found) >= recipients.get((run, number), 1)
            # One may be acknowledged before the batch it was handed over with is.
            spans[f"{run}/{number}"] = (at, max(at, *found.values()) if whole and found else None)
        ends = sorted(end for _, end in spans.values() if end is not None)
        return cls(spans, sorted(begin for begin, _ in spans.values()), ends)

    @property
    def seconds(self) -> int:
        """From the first document that was handed over to the last."""
        return (self.begins[-1] - self.begins[0]) // 1_000 if self.begins else 0

    def in_flight(self, moment: int) -> int:
        """How many documents were on their way at a moment."""
        return bisect_right(self.begins, moment) - bisect_right(self.ends, moment)


def blamed(violations: Sequence[Violation], injected: Sequence[Injected], journeys: Journeys) -> dict[str, int]:
    """Violations by the faults at work while the document that they name was on its way; one may count for several."""
    found: Counter[str] = Counter()
    for violation in violations:
        subject = _SUBJECT.search(violation.what)
        span = journeys.spans.get(subject[0]) if subject else None
        kinds = {
            str(one.injection.kind)
            for one in injected
            if span and one.until >= span[0] and (span[1] is None or one.at <= span[1])
        }
        found.update(kinds or {_NO_DOCUMENT})
    return dict(found)


def summary(results: Sequence[Mapping[str, Any]]) -> str:
    """One run or several as Markdown."""
    flights: dict[str, list[int]] = defaultdict(list)
    failed: Counter[str] = Counter()
    blame: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for result in results:
        blame.update(result["violations_by_fault"])
        counts.update(result["counts"])
        for one in result["faults"]:
            if one["failed"]:
                failed[one["kind"]] += 1
            flights[one["kind"]].append(one["in_flight"])
    lines = [
        "| fault | times injected | documents in flight | violations |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {len(some)}{f' ({failed[kind]} not in full)' if failed[kind] else ''} |"
            f" {sum(some):,}, median {statistics.median(some):,.0f} | {blame[kind]} |"
            for kind, some in sorted(flights.items())
        ),
    ]
    if blame[_NO_DOCUMENT]:
        lines.append(f"| {_NO_DOCUMENT} | | | {blame[_NO_DOCUMENT]} |")
    lines += [
        "",
        "Documents in flight: handed over and not yet acknowledged by all recipients when the fault was injected,"
        " the sum of all times and the median. Violations: those of documents on their way while such a fault was"
        " at work.",
        "",
        *map(_totals, results),
    ]
    if len(results) > 1:
        lines.append(
            f"- in all: {sum(one['minutes'] for one in results):g} minutes, {counts['sends']:,} documents,"
            f" {counts['deliveries']:,} deliveries, {counts['acknowledgements']:,} acknowledgements,"
            f" {sum(map(len, flights.values()))} faults,"
            f" {sum(len(one['violations']) for one in results)} violations"
        )
    return "\n".join(lines)


def _totals(result: Mapping[str, Any]) -> str:
    counts = result["counts"]
    kinds = Counter(kind for kind, _ in result["violations"])
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    return (
        f"- seed {result['seed']}, {result['minutes']:g} minutes, {result['rate']:g} documents a second of each agency:"
        f" {counts['sends']:,} documents handed over in {result['seconds_of_load']} s,"
        f" {counts['sends'] / max(1, result['seconds_of_load']):.0f} a second"
        f" ({counts['ok']:,} ok, {counts['unknown']:,} unknown, {counts['failed']:,} failed),"
        f" {counts['deliveries']:,} deliveries ({counts['redelivered']:,} marked as repeated),"
        f" {counts['acknowledgements']:,} acknowledgements, {counts['ledger_entries']:,} ledger entries"
        f" ({counts['void']:,} void), {len(result['faults'])} faults, {result['lost_answers']:,} answers lost on"
        f" purpose, the last document {result['seconds_to_drain']} s after healing, {result['seconds_in_all']} s in"
        f" all; violations: {len(result['violations'])}{f' ({told})' if told else ''}"
    )


def _main() -> None:
    parser = argparse.ArgumentParser(prog="chaos.report", description="Put the results of several runs together.")
    parser.add_argument("results", nargs="+", type=Path, help="result.json of each run")
    options = parser.parse_args()
    print(summary([json.loads(file.read_text("utf-8")) for file in options.results]))


if __name__ == "__main__":
    _main()
