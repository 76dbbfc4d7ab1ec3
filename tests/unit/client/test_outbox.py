"""The outbox: what was handed over is there until its receipt, once, and says what became of it."""

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.client import State
from lienthong.client.rows import ReceiptLine, Summary
from lienthong.client.store import Store
from unit.client.stored import NOW, Answer, heard, identity, outgoing, pending
from unit.kernel.world import quick


def test_what_is_handed_over_is_pending_in_order_until_its_receipt(store: Store, path: Path) -> None:
    """Whole, with its contents, in this process and in the next."""
    three = [outgoing(1), outgoing(2, contents=[]), outgoing(3, contents=[bytes(range(256)) * 300])]
    assert [one.id for one in three] == store.add(three)
    assert three == pending(store)
    assert store.take(heard(1, ReceiptLine(identity(2), "", 40)))

    again = Store(path)
    assert [three[0], three[2]] == pending(again)
    again.close()


def test_the_same_content_is_known_under_its_first_id(store: Store) -> None:
    """Even when it was accepted long ago, and within one hand-over; without a content key never."""
    same = outgoing(2, content_key=outgoing(1).content_key)
    assert [identity(1), identity(1)] == store.add([outgoing(1), same])
    assert store.take(heard(1, ReceiptLine(identity(1), "", 40)))
    assert [identity(1)] == store.add([same])
    assert [] == pending(store)
    keyless = [outgoing(number, content_key=None) for number in (5, 6)]
    assert [identity(5), identity(6)] == store.add(keyless)
    assert [identity(5)] == store.add(keyless[:1])
    assert keyless == pending(store)


def test_a_number_that_was_used_before_is_told_of_the_later_one(store: Store) -> None:
    """Unless the earlier one went nowhere, or the later one is what it was signed anew as."""
    key, other = "2026/07/BC-VPCP", "2027/07/BC-VPCP"
    store.add([outgoing(number, natural_key=key) for number in (1, 2)])
    store.add([outgoing(3, natural_key=other), outgoing(4, natural_key=key), outgoing(5)])
    told = {number: progress.repeats for number in range(1, 6) if (progress := store.progress(identity(number)))}
    assert {1: (), 2: (identity(1),), 3: (), 4: (identity(1), identity(2)), 5: ()} == told
    assert key == pending(store)[0].natural_key
    store.renew(identity(1), pending(store)[0]._replace(id=identity(6)))
    renewed = store.progress(identity(6))
    assert renewed is not None
    assert (identity(2), identity(4)) == renewed.repeats
    store.take(heard(1, ReceiptLine(identity(2), "unknown_recipient", 40)))
    later = store.progress(identity(4))
    assert later is not None
    assert () == later.repeats


def test_content_that_was_rejected_is_sent_when_it_is_handed_over_again(store: Store) -> None:
    """Its cause may be mended: a known id would promise what nobody does. The first one stays what it was."""
    refers = [identity(9)]
    store.add([outgoing(1)._replace(refers=refers), outgoing(2)])
    store.take(heard(1, ReceiptLine(identity(1), "unknown_key", 40), ReceiptLine(identity(2), "", 41)))
    again = outgoing(3, content_key=outgoing(1).content_key)._replace(refers=refers)
    same = outgoing(4, content_key=outgoing(2).content_key)
    assert [identity(3), identity(2)] == store.add([again, same])
    assert [identity(3)] == [one.id for one in pending(store)]
    assert [identity(3)] == store.add([outgoing(5, content_key=again.content_key)])
    first = store.progress(identity(1))
    assert first is not None
    assert (State.REJECTED, "unknown_key") == (first.state, first.reason)


def test_what_is_pending_can_be_taken_in_pages(store: Store) -> None:
    """So many bytes at a time, at least one statement, none twice."""
    store.add([outgoing(number, contents=[bytes(1_000)]) for number in range(1, 8)])
    store.take(heard(1, ReceiptLine(identity(2), "", 40)))
    pages: list[list[int]] = []
    after = 0
    while page := store.pending(after, until=6, most_bytes=2_500 if pages else 10):
        pages.append([number for number, _ in page])
        after = pages[-1][-1]
    assert [[1], [3, 4], [5, 6]] == pages


def test_hand_over_is_all_or_nothing(store: Store, path: Path) -> None:
    """When one cannot be stored, none is."""
    with pytest.raises(sqlite3.IntegrityError):
        store.add([outgoing(1), outgoing(2, kind=None)])
    assert [] == pending(store)
    assert [identity(1)] == store.add([outgoing(1)])


def test_a_renewed_statement_takes_the_place_of_the_old_one(store: Store) -> None:
    """The old one says what it became; the content is known under the new id, and only that is pending."""
    store.add([outgoing(1)])
    new = outgoing(9, content_key=outgoing(1).content_key)
    store.renew(identity(1), new)

    assert [new] == pending(store)
    old = store.progress(identity(1))
    assert old is not None
    assert (State.RENEWED, identity(9)) == (old.state, old.renewed_as)
    assert [identity(9)] == store.add([outgoing(1, id=identity(77))])


def test_a_statement_with_a_receipt_is_not_renewed(store: Store) -> None:
    """It may have been accepted: said anew it would be delivered twice. Nor is one that another process renewed."""
    store.add([outgoing(1), outgoing(2)])
    store.take(heard(1, ReceiptLine(identity(1), "", 40)))
    new = [outgoing(number, content_key=outgoing(number - 10).content_key) for number in (11, 12)]
    assert [False, True] == [store.renew(identity(number), one) for number, one in zip((1, 2), new, strict=True)]
    assert not store.renew(identity(2), outgoing(22, content_key=outgoing(2).content_key))
    assert [new[1]] == pending(store)
    accepted, renewed = store.progress(identity(1)), store.progress(identity(2))
    assert accepted is not None
    assert renewed is not None
    assert (State.ACCEPTED, identity(12)) == (accepted.state, renewed.renewed_as)


@pytest.mark.parametrize(
    ("reason", "state", "said"),
    [("", State.ACCEPTED, ""), ("duplicate", State.ACCEPTED, ""), ("expired", State.REJECTED, "expired")],
)
def test_a_receipt_decides_what_became_of_it(store: Store, reason: str, state: State, said: str) -> None:
    """A duplicate was accepted before; the first receipt counts."""
    store.add([outgoing(1)])
    store.take(heard(1, ReceiptLine(identity(1), reason, 40)))
    store.take(heard(2, ReceiptLine(identity(1), "malformed", 99)))
    progress = store.progress(identity(1))
    assert progress is not None
    assert (state, said, 40, 1, NOW + 1) == (
        progress.state, progress.reason, progress.position, progress.lane, progress.handed_over_at,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["key_revoked", "key_not_valid", "unknown_key", "expired", "future"])
def test_an_acknowledgement_that_was_rejected_for_its_time_or_key_is_said_again(store: Store, reason: str) -> None:
    """Nobody else would say it: it stays to be sent at the next start. One that was wrong in itself does not."""
    store.add([outgoing(1, kind="acknowledgement"), outgoing(2, kind="acknowledgement"), outgoing(3)])
    store.take(heard(1, *(ReceiptLine(identity(number), reason, number) for number in (1, 3))))
    store.take(heard(2, ReceiptLine(identity(2), "malformed", 2)))
    assert [identity(1)] == [one.id for one in pending(store)]
    store.take(heard(3, ReceiptLine(identity(1), "", 9)))
    assert [] == pending(store)


def test_progress_follows_the_acknowledgements_of_all_recipients(store: Store) -> None:
    """Arrived when every recipient has it, acknowledged when every one said more; the newest status is told."""
    store.add([outgoing(1)])

    def progress() -> tuple[State, dict[str, str]]:
        found = store.progress(identity(1))
        assert found is not None
        return found.state, dict(found.recipients)

    assert (State.HANDED_OVER, {}) == progress()
    store.take(heard(1, ReceiptLine(identity(1), "", 40), Answer(identity(1), "H26", "01")))
    assert (State.ACCEPTED, {"H26": "01"}) == progress()
    store.take(heard(2, Answer(identity(1), "H37", "03")))
    assert (State.ARRIVED, {"H26": "01", "H37": "03"}) == progress()
    store.take(heard(3, Answer(identity(1), "H26", "02", "sai nơi nhận"), Answer(identity(1), "H26", "01")))
    assert (State.ACKNOWLEDGED, {"H26": "02", "H37": "03"}) == progress()
    assert Summary(documents=1, accepted=1, rejected=0, acknowledged=1) == store.summary()
    assert store.progress(identity(2)) is None


def test_what_others_say_of_a_document_counts_for_nothing(store: Store) -> None:
    """Only agencies it was delivered to can say that it arrived or was dealt with."""
    store.add([outgoing(1)])
    strangers = [Answer(identity(1), agency, "03") for agency in ("H2", "H266", "G22")]
    store.take(heard(1, ReceiptLine(identity(1), "", 40), *strangers, Answer(identity(1), "H26", "03")))
    progress = store.progress(identity(1))
    assert progress is not None
    assert (State.ACCEPTED, {"H26": "03"}) == (progress.state, progress.recipients)
    assert 0 == store.summary().acknowledged
    store.take(heard(2, Answer(identity(1), "H37", "02")))
    assert 1 == store.summary().acknowledged


def test_what_is_said_of_a_document_that_is_not_ours_is_kept_apart(store: Store) -> None:
    """It makes no document and disturbs nothing of the same round."""
    store.add([outgoing(1)])
    store.take(heard(1, Answer(identity(9), "H26", "03"), Answer(identity(1), "H26", "03")))
    progress = store.progress(identity(1))
    assert progress is not None
    assert {"H26": "03"} == progress.recipients
    assert store.progress(identity(9)) is None


def test_the_summary_counts_documents_only(store: Store) -> None:
    """Acknowledgements in the outbox are not counted; an empty outbox is all zeros."""
    assert Summary(0, 0, 0, 0) == store.summary()
    store.add([outgoing(1), outgoing(2), outgoing(3, kind="acknowledgement", content_key=None, routes=[])])
    store.take(heard(1, ReceiptLine(identity(1), "", 1), ReceiptLine(identity(2), "expired", 2)))
    assert Summary(documents=2, accepted=1, rejected=1, acknowledged=0) == store.summary()


@quick
@given(st.data())
def test_the_summary_counts_what_there_is(draw: st.DataObject) -> None:
    """Whatever happened since it was asked for last, it says what a store that was just opened says."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite")
        number = sequence = 0
        for step in draw.draw(st.lists(st.sampled_from(["add", "receipt", "answer", "renew", "ask"]), max_size=25)):
            if step == "add" or number == 0:
                number += 1
                store.add([outgoing(number, routes=draw.draw(st.sampled_from([["H26"], ["H26", "H37"]])))])
                continue
            one = identity(draw.draw(st.integers(1, number)))
            sequence += 1
            if step == "receipt":
                store.take(heard(sequence, ReceiptLine(one, draw.draw(st.sampled_from(["", "expired"])), 1)))
            elif step == "answer":
                agency, status = draw.draw(st.sampled_from(["H26", "H37"])), draw.draw(st.sampled_from(["01", "03"]))
                store.take(heard(sequence, Answer(one, agency, status)))
            else:
                sequence -= 1
                if step == "renew" and one in {waiting.id for waiting in pending(store)}:
                    number += 1
                    store.renew(one, outgoing(number, content_key=None))
                else:
                    store.summary()
        fresh = Store(Path(folder) / "store.sqlite")
        assert fresh.summary() == store.summary() == store.summary()
        fresh.close()
        store.close()


@pytest.mark.parametrize("together", [True, False])
def test_of_several_lines_about_one_envelope_an_acceptance_counts_and_else_the_first(
    store: Store, *, together: bool
) -> None:
    """A rejection may be followed by an acceptance of the same bytes, in one round or later; it is what happened."""
    store.add([outgoing(number) for number in (1, 2, 3)])
    said = (("", "expired", "future"), ("expired", "", "malformed"))
    rounds = [
        [ReceiptLine(identity(number), reason, place) for number, reason in enumerate(reasons, start=1)]
        for place, reasons in enumerate(said, start=40)
    ]
    for place, lines in enumerate([[*rounds[0], *rounds[1]]] if together else rounds, start=1):
        store.take(heard(place, *lines))
    progress = [store.progress(identity(number)) for number in (1, 2, 3)]
    assert [(State.ACCEPTED, "", 40), (State.ACCEPTED, "", 41), (State.REJECTED, "future", 40)] == [
        (one.state, one.reason, one.position) for one in progress if one is not None
    ]


def test_two_processes_that_hand_over_the_same_content_send_it_once(path: Path, store: Store) -> None:
    """The second is told the first one's id."""
    other = Store(path)
    assert [identity(1)] == store.add([outgoing(1)])
    assert [identity(1)] == other.add([outgoing(2, content_key=outgoing(1).content_key)])
    assert [outgoing(1)] == pending(other)
    other.close()
