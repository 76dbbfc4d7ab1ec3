"""What a run is told as: documents on their way, violations by fault, several runs in one table."""

import json
from collections.abc import Sequence
from typing import Any

from chaos.checker import Kind, Violation
from chaos.history import Acknowledged, Event, Outcome, Sending, Sent
from chaos.report import Injected, Journeys, blamed, summary
from chaos.schedule import FaultKind, Injection

RUN = "G22-1-0a1b2c3d"


def journey(number: int, at: int, *answers: tuple[str, int], recipients: Sequence[str] = ("H26", "G09")) -> list[Event]:
    """A document that was handed over, and acknowledged by some."""
    identity = f"id {number}"
    return [
        Sending("G22", RUN, number, tuple(recipients), False),
        Sent("G22", RUN, number, Outcome.OK, identity, at),
        *(Acknowledged(agency, "run", identity, "03", moment) for agency, moment in answers),
    ]


def injected(kind: FaultKind, at: int, until: int) -> Injected:
    """A fault from when to when."""
    return Injected(Injection(0, kind, 0, 0), at, until, "")


def result(*kinds: tuple[FaultKind, int], seed: int = 7, violations: Sequence[Violation] = ()) -> dict[str, Any]:
    """A run's result, as it comes back from its file."""
    counts = {"sends": 1_200, "ok": 1_190, "unknown": 7, "failed": 3, "deliveries": 2_000, "redelivered": 5,
              "acknowledgements": 2_001, "ledger_entries": 3_000, "void": 9}  # fmt: skip
    found = {
        "seed": seed, "minutes": 2.0, "rate": 2.5, "seconds_of_load": 150, "seconds_in_all": 200,
        "seconds_to_drain": 11, "counts": counts,
        "lost_answers": 4, "violations": violations, "violations_by_fault": {"poison": len(violations)},
        "faults": [{"kind": kind, "at": 1.0, "in_flight": flight, "failed": ""} for kind, flight in kinds],
    }  # fmt: skip
    loaded: dict[str, Any] = json.loads(json.dumps(found))
    return loaded


def test_a_document_is_on_its_way_until_its_last_recipient_acknowledged() -> None:
    """The first acknowledgement ends nothing, a second one of the same agency neither; sends not ok do not count."""
    events = [
        *journey(0, 100, ("H26", 150), ("H26", 160), ("G09", 200)),
        *journey(1, 120, ("H26", 130)),
        Sending("G22", RUN, 2, ("H26",), False),
        Sent("G22", RUN, 2, Outcome.UNKNOWN, "", 100),
    ]
    journeys = Journeys.of(events)
    assert [0, 1, 2, 2, 1, 1] == [journeys.in_flight(moment) for moment in (99, 100, 120, 199, 200, 10**9)]


def test_an_acknowledgement_before_the_end_of_the_hand_over_is_no_negative_time() -> None:
    """Of a large batch the first document may be there before the last one was handed over."""
    journeys = Journeys.of(journey(0, 100, ("H26", 90), ("G09", 95)))
    assert [0, 0] == [journeys.in_flight(moment) for moment in (99, 100)]


def test_a_violation_belongs_to_the_faults_at_work_on_its_document() -> None:
    """Those before it and after it have no part in it; one without a document belongs to none."""
    journeys = Journeys.of([*journey(0, 100, ("H26", 150), ("G09", 200)), *journey(1, 100)])
    faults = [
        injected(FaultKind.POISON, 10, 99),
        injected(FaultKind.NET_CUT, 50, 101),
        injected(FaultKind.CLIENT_KILL, 200, 200),
        injected(FaultKind.BROKER_KILL, 201, 300),
    ]
    one = Violation(Kind.LOST, f"{RUN}/0 of G22 is not in the inbox of H26")
    assert {"net-cut": 1, "client-kill": 1} == blamed([one], faults, journeys)
    endless = Violation(Kind.UNDELIVERED, f"{RUN}/1 was never handed to H26")
    assert {"net-cut": 1, "client-kill": 1, "broker-kill": 1} == blamed([endless], faults, journeys)
    assert {"no one document": 1} == blamed([Violation(Kind.AUDIT, "a hole")], faults, journeys)


def test_the_rate_is_over_the_time_in_which_documents_were_sent() -> None:
    """Agencies go on sending while the last faults are mended, which may be longer than the minutes asked for."""
    assert 12 == Journeys.of([*journey(0, 1_000), *journey(1, 13_400)]).seconds
    assert 0 == Journeys.of([]).seconds
    (line,) = (line for line in summary([result()]).splitlines() if line.startswith("- seed"))
    assert "1,200 documents handed over in 150 s, 8 a second" in line


def test_several_runs_are_put_together() -> None:
    """Times and documents add up, the median is over all times, and each run keeps a line of its own."""
    lost = Violation(Kind.LOST, "a document")
    runs = [
        result((FaultKind.POISON, 10), (FaultKind.NET_CUT, 1_000)),
        result((FaultKind.POISON, 20), (FaultKind.POISON, 90), seed=8, violations=[lost]),
    ]
    lines = summary(runs).splitlines()
    assert "| net-cut | 1 | 1,000, median 1,000 | 0 |" in lines
    assert "| poison | 3 | 120, median 20 | 1 |" in lines
    assert any(line.startswith("- seed 8, 2 minutes") and "violations: 1 (lost 1)" in line for line in lines)
    assert "4 minutes, 2,400 documents, 4,000 deliveries, 4,002 acknowledgements, 4 faults, 1 violations" in lines[-1]
    assert not any(line.startswith("- in all") for line in summary(runs[:1]).splitlines())
