"""The checker is checked: a history without faults passes, and each planted fault is caught by its name."""

from collections.abc import Callable

import pytest

from chaos.checker import Allowed, Kind, Violation, check
from chaos.history import (
    Acknowledged,
    Delivered,
    History,
    InboxLine,
    LedgerLine,
    Outbox,
    Outcome,
    Send,
)

DOCUMENTS = 4
LANE = 1


def clean() -> History:
    """A sends four documents to B and C and a fifth that times out and never arrives; D gets nothing."""
    history = History([], [], [], [], [], [], [])
    sequences = {"A": 0, "B": 0, "C": 0}
    sources = {"A": 0, "B": 0, "C": 0}

    def entry(
        source: str, identity: str, kind: str, routes: tuple[str, ...], named: tuple[str, ...] = ()
    ) -> LedgerLine:
        sources[source] += 1
        subject = identity if kind == "document" else ""
        line = LedgerLine(
            LANE, len(history.ledger) + 1, source, sources[source], "accepted", "counts", identity, kind, routes, "",
            subject, named,
        )  # fmt: skip
        history.ledger.append(line)
        return line

    def deliver(line: LedgerLine, told: tuple[tuple[int, str], ...] = ()) -> None:
        for agency in line.routes:
            sequences[agency] += 1
            history.inboxes.append(
                InboxLine(agency, LANE, sequences[agency], sequences[agency], line.position, line.id, line.kind, told)
            )

    for number in range(DOCUMENTS):
        name = f"run/{number}"
        history.sends.append(Send("A", "run", number, ("B", "C"), Outcome.OK, name))
        document = entry("A", name, "document", ("B", "C"))
        deliver(document)
        for agency in ("B", "C"):
            history.deliveries.append(
                Delivered(agency, f"{agency}-run", name, "A", LANE, sequences[agency], False, name)
            )
            history.acknowledgements.append(Acknowledged(agency, f"{agency}-run", name, "03"))
            deliver(entry(agency, f"{agency} on {name}", "acknowledgement", ("A",), (name,)))
    history.sends.append(Send("A", "run", DOCUMENTS, ("B",), Outcome.UNKNOWN, ""))
    for agency, count in dict(sources).items():
        sequences[agency] += 1
        told = tuple((offset, "") for offset in range(1, count + 1))
        position = len(history.ledger) + 1
        history.ledger.append(
            LedgerLine(
                LANE, position, "LT", position, "accepted", "counts", f"to {agency}", "receipt", (agency,), "", "", ()
            )
        )
        history.inboxes.append(
            InboxLine(agency, LANE, sequences[agency], sequences[agency], position, f"to {agency}", "receipt", told)
        )
    for number in range(DOCUMENTS):
        history.outboxes.append(Outbox("A", f"run/{number}", "acknowledged", "", ("B", "C")))
    return history


def kinds(found: list[Violation]) -> set[Kind]:
    """The promises that were broken."""
    return {violation.kind for violation in found}


def test_a_clean_history_passes() -> None:
    """Nothing is found where nothing is wrong; a send with an unknown end may be there or not."""
    assert [] == check(clean())
    assert DOCUMENTS + 1 == len(clean().sends)


def test_a_send_with_an_unknown_end_may_have_arrived() -> None:
    """The journal does not know its id; the document that came of it is held against nobody."""
    history = clean()
    history.sends[0] = history.sends[0]._replace(outcome=Outcome.UNKNOWN, id="")
    assert [] == check(history)


def test_a_redelivery_that_says_so_is_right() -> None:
    """After a crash a document comes again, in another run, with the flag."""
    history = clean()
    history.deliveries.append(history.deliveries[0]._replace(run="B-later", redelivered=True))
    assert [] == check(history)


def test_repeats_of_a_number_are_right() -> None:
    """Two dispatchers at once write the same numbers for the same entries; intake appends twice after a crash."""
    history = clean()
    history.inboxes.append(history.inboxes[0]._replace(offset=999))
    history.ledger.append(history.ledger[0]._replace(position=999, fold="repeat"))
    assert [] == check(history)


def test_a_rejection_is_right_only_where_a_fault_explains_it() -> None:
    """A key that was revoked while documents were on their way: with that fault allowed, without it a loss."""
    history = rejected(clean())
    assert {Kind.LOST} == kinds(check(history))
    assert [] == check(history, Allowed(rejections=["key_revoked"]))


def test_what_readers_refuse_may_stay_where_it_is() -> None:
    """Accepted in the moments before the backbone knew of a revocation: no reader believes it, and none must get it."""
    history = clean()
    name = history.ledger[0].id
    history.ledger[0] = history.ledger[0]._replace(refused="key_revoked")
    history.deliveries[:] = [one for one in history.deliveries if one.id != name]
    history.acknowledgements[:] = [one for one in history.acknowledgements if one.id != name]
    assert Kind.UNDELIVERED in kinds(check(history))
    found = check(history, Allowed(rejections=["key_revoked"]))
    assert Kind.UNDELIVERED not in kinds(found)


def rejected(history: History) -> History:
    """The last document was rejected, and its sender told so."""
    name = f"run/{DOCUMENTS - 1}"
    victim = next(one for one in history.ledger if one.id == name)
    place = history.ledger.index(victim)
    history.ledger[place] = victim._replace(outcome="rejected", routes=(), reason="key_revoked")
    history.ledger[:] = [one for one in history.ledger if name not in one.named]
    gone = {one.position for one in history.ledger}
    history.inboxes[:] = renumbered([one for one in history.inboxes if one.position in gone and one.id != name])
    history.deliveries[:] = [one for one in history.deliveries if one.id != name]
    history.acknowledgements[:] = [one for one in history.acknowledgements if one.id != name]
    for at, line in enumerate(history.inboxes):
        if line.kind == "receipt" and line.agency == "A":
            told = tuple((offset, "key_revoked" if offset == victim.offset else reason) for offset, reason in line.told)
            history.inboxes[at] = line._replace(told=told)
    return history


def renumbered(lines: list[InboxLine]) -> list[InboxLine]:
    """The same records with numbers without gaps."""
    numbers: dict[tuple[str, int], int] = {}
    found = []
    for line in lines:
        numbers[line.agency, line.lane] = numbers.get((line.agency, line.lane), 0) + 1
        found.append(line._replace(sequence=numbers[line.agency, line.lane]))
    return found


def commit_before_append(history: History) -> None:
    """Intake committed an offset and died before it appended: the ledger never had the document."""
    lost = history.ledger[0]
    history.ledger.remove(lost)
    history.ledger[:] = [one for one in history.ledger if lost.id not in one.named]
    left = {one.position for one in history.ledger}
    history.inboxes[:] = renumbered([one for one in history.inboxes if one.position in left])
    history.deliveries[:] = [one for one in history.deliveries if one.id != lost.id]
    history.acknowledgements[:] = [one for one in history.acknowledgements if one.id != lost.id]


def skip_after_error(history: History) -> None:
    """Dispatch skipped an entry after an error and numbered on: one inbox does not have it."""
    victim = next(one for one in history.inboxes if one.agency == "B" and one.kind == "document")
    history.inboxes[:] = renumbered([one for one in history.inboxes if one is not victim])
    history.deliveries[:] = [one for one in history.deliveries if (one.agency, one.id) != ("B", victim.id)]
    history.acknowledgements[:] = [one for one in history.acknowledgements if (one.agency, one.id) != ("B", victim.id)]
    history.ledger[:] = [one for one in history.ledger if not (one.source == "B" and victim.id in one.named)]
    left = {one.position for one in history.ledger}
    history.inboxes[:] = renumbered([one for one in history.inboxes if one.position in left])


def caller_skipped(history: History) -> None:
    """The client moved its cursor past a document that its caller never got."""
    history.deliveries.remove(history.deliveries[0])
    history.acknowledgements.remove(history.acknowledgements[0])


def number_used_twice(history: History) -> None:
    """Dispatch forgot where an inbox stood and used a number again."""
    at = next(at for at, one in enumerate(history.inboxes) if one.agency == "B" and one.sequence == 2)
    history.inboxes[at] = history.inboxes[at]._replace(sequence=1)


def numbered_twice(history: History) -> None:
    """A document got a second number, as when an id is forgotten."""
    first = next(one for one in history.inboxes if one.agency == "B")
    last = max(one.sequence for one in history.inboxes if one.agency == "B")
    history.inboxes.append(first._replace(sequence=last + 1, offset=last + 1))


def number_left_out(history: History) -> None:
    """A record vanished from an inbox."""
    victim = next(one for one in history.inboxes if one.agency == "A" and one.sequence == 2)
    history.inboxes.remove(victim)


def handed_twice(history: History) -> None:
    """A settled document was handed over again as if it were new."""
    history.deliveries.append(history.deliveries[0]._replace(run="B-later"))


def handed_twice_in_one_run(history: History) -> None:
    """The same process got it twice, flagged or not."""
    history.deliveries.insert(1, history.deliveries[0]._replace(redelivered=True))


def misrouted_copy(history: History) -> None:
    """D was given a copy of what was for B and C."""
    copy = next(one for one in history.inboxes if one.agency == "B")
    history.inboxes.append(copy._replace(agency="D", sequence=1, offset=1))


def caller_saw_what_was_not_for_it(history: History) -> None:
    """A caller of D got a document that was for B and C."""
    history.deliveries.append(history.deliveries[0]._replace(agency="D"))


def swapped_in_the_inbox(history: History) -> None:
    """Two entries changed places on their way to an inbox."""
    first, second = [at for at, one in enumerate(history.inboxes) if one.agency == "B" and one.kind == "document"][:2]
    one, other = history.inboxes[first], history.inboxes[second]
    history.inboxes[first] = other._replace(sequence=one.sequence)
    history.inboxes[second] = one._replace(sequence=other.sequence)


def swapped_before_the_caller(history: History) -> None:
    """The client handed a later document over first."""
    one, other = [at for at, found in enumerate(history.deliveries) if found.agency == "B"][:2]
    history.deliveries[one], history.deliveries[other] = history.deliveries[other], history.deliveries[one]


def swapped_by_the_sender(history: History) -> None:
    """What was handed over second stands first in the ledger."""
    one, other = history.sends[0], history.sends[1]
    history.sends[0], history.sends[1] = one._replace(number=1), other._replace(number=0)
    for at, entry in enumerate(history.ledger):
        if entry.kind == "document" and entry.id in (one.id, other.id):
            history.ledger[at] = entry._replace(subject=other.subject if entry.id == one.id else one.subject)


def invented_entry(history: History) -> None:
    """The ledger accepted something in A's name that A never said."""
    history.ledger.append(
        history.ledger[0]._replace(position=900, offset=900, id="forged", subject="run/77", routes=())
    )


def invented_delivery(history: History) -> None:
    """A caller got something that the ledger does not have."""
    history.deliveries.append(history.deliveries[0]._replace(id="forged"))


def acknowledged_without_delivery(history: History) -> None:
    """The ledger has a word of D on a document that D never got."""
    word = next(one for one in history.ledger if one.kind == "acknowledgement")
    history.ledger.append(word._replace(position=900, source="LT", id="word of the backbone"))


def acknowledged_by_mistake(history: History) -> None:
    """A caller acknowledged what it was not given."""
    history.acknowledgements.append(Acknowledged("B", "B-run", "nothing", "03"))


def dropped_receipt(history: History) -> None:
    """One verdict is in no receipt."""
    at, line = next((at, one) for at, one in enumerate(history.inboxes) if one.kind == "receipt")
    history.inboxes[at] = line._replace(told=line.told[1:])


def lying_receipt(history: History) -> None:
    """A receipt says rejected of what was accepted."""
    at, line = next((at, one) for at, one in enumerate(history.inboxes) if one.kind == "receipt")
    history.inboxes[at] = line._replace(told=((line.told[0][0], "expired"), *line.told[1:]))


def acknowledgement_lost(history: History) -> None:
    """The sender's client does not know what a recipient said."""
    history.outboxes[0] = history.outboxes[0]._replace(acknowledged_by=("B",))


def audit_damage(history: History) -> None:
    """The auditor found something."""
    history.damage.append("lt.ledger lane 0 offset 7: a hash does not fit")


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (commit_before_append, Kind.LOST),
        (skip_after_error, Kind.LOST),
        (caller_skipped, Kind.UNDELIVERED),
        (acknowledgement_lost, Kind.UNDELIVERED),
        (number_used_twice, Kind.TWICE),
        (numbered_twice, Kind.TWICE),
        (handed_twice, Kind.TWICE),
        (handed_twice_in_one_run, Kind.TWICE),
        (number_left_out, Kind.GAP),
        (swapped_in_the_inbox, Kind.ORDER),
        (swapped_before_the_caller, Kind.ORDER),
        (swapped_by_the_sender, Kind.ORDER),
        (misrouted_copy, Kind.MISROUTED),
        (caller_saw_what_was_not_for_it, Kind.MISROUTED),
        (invented_entry, Kind.INVENTED),
        (invented_delivery, Kind.INVENTED),
        (acknowledged_without_delivery, Kind.ACKNOWLEDGEMENT),
        (acknowledged_by_mistake, Kind.ACKNOWLEDGEMENT),
        (dropped_receipt, Kind.RECEIPT),
        (lying_receipt, Kind.RECEIPT),
        (audit_damage, Kind.AUDIT),
    ],
)
def test_each_planted_fault_is_caught(plant: Callable[[History], None], kind: Kind) -> None:
    """A checker that catches nothing proves nothing."""
    history = clean()
    plant(history)
    assert kind in kinds(check(history))


def test_every_kind_of_violation_is_planted_somewhere() -> None:
    """No check is left untested."""
    table = test_each_planted_fault_is_caught.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert set(Kind) == {kind for _, kind in table}


def test_what_a_topic_made_again_brings_about_is_right_only_there() -> None:
    """Order across the two topics and a receipt about either are let pass for that agency, and for no other."""
    history = clean()
    first, second = (history.ledger.index(one) for one in history.ledger[:5] if one.kind == "document")
    one, other = history.ledger[first], history.ledger[second]
    history.ledger[first] = one._replace(id=other.id, subject=other.subject)
    history.ledger[second] = other._replace(id=one.id, subject=one.subject)
    assert Kind.ORDER in kinds(check(history))
    assert Kind.ORDER in kinds(check(history, Allowed(remade=["B"])))
    assert not any("said" in what for kind, what in check(history, Allowed(remade=["A"])) if kind is Kind.ORDER)

    history = clean()
    place = next(at for at, line in enumerate(history.inboxes) if line.kind == "receipt" and line.agency == "A")
    receipt = history.inboxes[place]
    history.inboxes[place] = receipt._replace(told=(*receipt.told, (1, "duplicate")))
    assert {Kind.RECEIPT} == kinds(check(history))
    assert [] == check(history, Allowed(remade=["A"]))
    history.inboxes[place] = receipt._replace(told=((1, "duplicate"), *receipt.told[1:]))
    assert {Kind.RECEIPT} == kinds(check(history, Allowed(remade=["A"])))


def test_damage_that_a_fault_explains_is_right_only_with_it() -> None:
    """The auditor has to name an out topic that was made again; anything else that it names is a broken promise."""
    history = clean()
    history.damage.append("lane 1: the topic was made anew and is now 1234")
    assert {Kind.AUDIT} == kinds(check(history))
    assert [] == check(history, Allowed(damage=("the topic was made anew",)))
    history.damage.append("lane 1: a hole")
    assert {Kind.AUDIT} == kinds(check(history, Allowed(damage=("the topic was made anew",))))


def test_what_was_signed_anew_is_looked_for_under_its_new_id() -> None:
    """A client with a wrong clock, or off for a week, says the same under another id; that one must be there."""
    history = clean()
    at, send = next((at, one) for at, one in enumerate(history.sends) if one.outcome is Outcome.OK)
    history.sends[at] = send._replace(id="the id before")
    assert {Kind.LOST} == kinds(check(history))
    history.outboxes.append(Outbox(send.agency, "the id before", "renewed", "", (), send.id))
    assert [] == check(history)
    history.outboxes[-1] = history.outboxes[-1]._replace(renewed_as="nowhere")
    assert {Kind.LOST} == kinds(check(history))
