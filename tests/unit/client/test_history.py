"""The history of a document: who knows what of it, from the store's rows alone."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lienthong.client.delivery import acknowledgement
from lienthong.client.documents import Document, Replacement, Status
from lienthong.client.history import History, Saying, Unread, describe, live, vietnam_time
from lienthong.client.rows import (
    Arrival,
    Heard,
    NoticeLine,
    Outgoing,
    ReceiptLine,
    Remark,
    Round,
    place_of,
    split_place,
)
from lienthong.client.store import Store
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.lifecycle import INITIAL, Asking, Event, Flag, Request, Stage
from lienthong.kernel.statement import Kind, encode_statement, make_statement

NOW = 1_790_000_000_000
LANE = 1
THREAD = bytes(16)
SENDER, RECIPIENT, OTHER = "G22", "H37", "H26"


def identity(name: str) -> bytes:
    """An envelope id."""
    return sha256(name.encode()).digest()


def saying(event: Event, agency: str = RECIPIENT, position: int | None = 1, **fields: Any) -> Saying:
    """Something said in the document's lane."""
    return Saying(identity(f"{event} {position}"), agency, event, "", NOW, NOW, LANE, position, False, **fields)


def history(*sayings: Saying, recipients: tuple[str, ...] = (RECIPIENT, OTHER)) -> History:
    """What became of a document of which this was said."""
    bare = History(identity("it"), True, SENDER, "V/v", THREAD, 0, recipients, LANE, 0, NOW, {}, {}, ())
    return live(bare, recipients, sayings)


def test_what_is_said_counts_in_the_order_of_the_ledger() -> None:
    """Not in that of clocks, or of the rows: refused before it was accepted."""
    found = history(saying(Event.ACCEPTED, position=9), saying(Event.REFUSED, position=8))
    assert [Event.REFUSED, Event.ACCEPTED] == [one.event for one in found.sayings]
    assert {RECIPIENT: Stage.REFUSED, OTHER: Stage.SENT} == {code: life.stage for code, life in found.lives.items()}
    assert [{}, {RECIPIENT: Flag.AFTER_REFUSAL}] == [one.flags for one in found.sayings]


def test_what_has_no_place_in_the_ledger_is_awaited() -> None:
    """It counts for what will be, not for what is; what was rejected counts for neither."""
    found = history(
        saying(Event.DONE, position=None, rejected="expired"),
        saying(Event.PROCESSING, position=None),
        saying(Event.ACCEPTED),
    )
    assert (Stage.ACCEPTED, Stage.PROCESSING) == (found.lives[RECIPIENT].stage, found.awaited[RECIPIENT].stage)


def test_one_statement_counts_once() -> None:
    """However many rows of the store lead to it."""
    one = saying(Event.AGREED, position=2)
    found = history(saying(Event.UPDATE, SENDER, 1, asking=Asking(Request.UPDATE, b"u")), one, one)
    assert [Event.UPDATE, Event.AGREED] == [one.event for one in found.sayings]


def test_a_recall_is_said_to_those_it_was_delivered_to() -> None:
    """The others keep the document."""
    found = history(saying(Event.RECALL, SENDER, to=[OTHER]))
    assert (Stage.SENT, Stage.TAKEN_BACK) == (found.lives[RECIPIENT].stage, found.lives[OTHER].stage)


def test_a_replacement_names_agencies_by_the_code_they_were_written_to() -> None:
    """What is for a unit below is noted of the agency that gets its documents; its lane is of no matter."""
    found = history(saying(Event.REPLACE, SENDER, to=["H37.DN.001"])._replace(lane=LANE + 1))
    assert {RECIPIENT: True, OTHER: False} == {code: life.replaced for code, life in found.lives.items()}
    assert [{}] == [one.flags for one in found.sayings]


def test_what_is_said_in_another_lane_is_flagged() -> None:
    """Its order is not known, so it changes nothing."""
    found = history(saying(Event.ACCEPTED)._replace(lane=LANE + 1))
    assert ({RECIPIENT: INITIAL, OTHER: INITIAL}, {RECIPIENT: Flag.OTHER_LANE}) == (
        found.lives, found.sayings[0].flags,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("agency", "event", "flags"),
    [
        (SENDER, Event.DONE, {RECIPIENT: Flag.NOT_HIS_TO_SAY, OTHER: Flag.NOT_HIS_TO_SAY}),
        (RECIPIENT, Event.RECALL, {RECIPIENT: Flag.NOT_HIS_TO_SAY}),
        ("H99", Event.ACCEPTED, {"H99": Flag.NOT_HIS_TO_SAY}),
        ("H99", Event.RECALL, {"H99": Flag.NOT_HIS_TO_SAY}),
    ],
)
def test_who_has_nothing_to_say_is_flagged(agency: str, event: Event, flags: dict[str, Flag]) -> None:
    """Sender, recipient or somebody else: nothing changes."""
    found = history(saying(event, agency))
    assert ({RECIPIENT: INITIAL, OTHER: INITIAL}, flags) == (found.lives, found.sayings[0].flags)


def test_an_agency_may_write_to_itself() -> None:
    """It is then both parties."""
    found = history(saying(Event.ACCEPTED, SENDER), saying(Event.RECALL, SENDER, 2), recipients=(SENDER,))
    assert (Stage.ACCEPTED, Request.TAKE_BACK) == found.lives[SENDER][:2]
    assert "accepted, take back asked" == describe(found.lives[SENDER])


def test_times_are_those_of_vietnam() -> None:
    """ISO 8601 with its zone (Decision 28/2018, Article 14.4)."""
    assert "1970-01-01T07:00:01+07:00" == vietnam_time(1_999)


@pytest.mark.parametrize(("lane", "position"), [(0, 0), (1, 0), (7, 123_456_789), (32_000, 2**48 - 1)])
def test_lane_and_position_are_one_number(lane: int, position: int) -> None:
    """One that SQLite can hold."""
    assert place_of(lane, position) < 2**63
    assert (lane, position) == split_place(place_of(lane, position))


# -- from the store


def document(name: str, *, routes: tuple[str, ...] = (RECIPIENT,), **fields: Any) -> Outgoing:
    """A document in the outbox of its sender."""
    values = Document(recipients=routes, subject=name, **fields)
    data = encode_statement(
        make_statement(
            sender=SENDER, recipients=list(routes), thread=THREAD, created=NOW, kind=Kind.DOCUMENT,
            body=values.to_body(),
        )
    )  # fmt: skip
    return Outgoing(
        envelope_id(data), identity(f"key {name}"), Kind.DOCUMENT, LANE, data, [b"file"], NOW, routes,
        refers=values.refers_to or [one.document for one in values.replaces],
    )  # fmt: skip


class Agencys:
    """An agency's store, and what comes to it in one lane."""

    def __init__(self, folder: Path, agency: str) -> None:
        self.agency = agency
        self.store = Store(folder / f"{agency}.sqlite")
        self.position = 0
        self.sequence = 0

    def take(self, **parts: Any) -> None:
        """Store one round."""
        self.sequence += 1
        empty: dict[str, Any] = {"arrivals": [], "answers": [], "receipts": [], "remarks": [], "notices": []}
        cursors = {LANE: (self.sequence, self.sequence)}
        self.store.take(Round({LANE: self.sequence}, cursors, **{**empty, **parts}))

    def accepted(self, *ids: bytes) -> None:
        """The backbone's receipts."""
        for one in ids:
            self.position += 1
            self.take(receipts=[ReceiptLine(one, "", self.position)])

    def hear(self, agency: str, status: str, *documents: bytes, reason: str = "") -> bytes:
        """An acknowledgement of somebody else."""
        self.position += 1
        said = identity(f"heard {self.position}")
        heard = Heard(place_of(LANE, self.position), said, agency, status, reason, NOW, NOW + 5, documents)
        self.take(answers=[heard])
        return said

    def receive(self, name: str, event: Event | None = None, about: bytes = b"") -> bytes:
        """A document of the sender, which may speak of another."""
        self.position += 1
        one = identity(name)
        arrival = Arrival(
            LANE, self.sequence + 1, one, SENDER, THREAD, 0, name, self.position, NOW, True, b"value"
        )  # fmt: skip
        place = place_of(LANE, self.position)
        remarks = [Remark(about, place, event.value, SENDER, one, "lý do", NOW, NOW, ())] if event else []
        self.take(arrivals=[arrival], remarks=remarks)
        return one

    def say(self, status: Status, *documents: bytes, settles: int = 0, reason: str = "") -> bytes:
        """An acknowledgement of its own, which settles a document of the inbox or is said of one again."""
        refers = () if settles else documents
        outgoing = acknowledgement(
            self.agency, SENDER, THREAD, LANE, 0, documents, status, reason, NOW, refers=refers
        )  # fmt: skip
        self.store.settle([(1, LANE, settles)] if settles else [], [outgoing])
        return outgoing.id

    def history(self, one: bytes) -> History:
        """What is known of a document."""
        found = self.store.history(one, self.agency)
        assert found is not None
        return found


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Agencys]:
    """Who sends."""
    agency = Agencys(tmp_path, SENDER)
    yield agency
    agency.store.close()


@pytest.fixture
def recipient(tmp_path: Path) -> Iterator[Agencys]:
    """Who receives."""
    agency = Agencys(tmp_path, RECIPIENT)
    yield agency
    agency.store.close()


def events(found: History) -> list[tuple[str, str, int | None]]:
    """Who said what where."""
    return [(one.agency, one.event.value, one.position) for one in found.sayings]


def test_a_sender_finds_all_that_was_said(sender: Agencys) -> None:
    """Of the document and, as answers, of what it asked; its statement stays when the receipt comes, its files go."""
    it = document("it")
    update = document("update", business_type=2, refers_to=(it.id,), reason="sai")
    sender.store.add([it])
    sender.accepted(it.id)
    sender.hear(RECIPIENT, "03", it.id)
    sender.store.add([update])
    assert [None] == [one.position for one in sender.history(it.id).sayings if one.own]
    assert Request.NONE is sender.history(it.id).lives[RECIPIENT].request
    assert Request.UPDATE is sender.history(it.id).awaited[RECIPIENT].request
    sender.accepted(update.id)
    sender.hear(RECIPIENT, "01", update.id)
    sender.hear(RECIPIENT, "16", update.id, reason="đã làm")
    found = sender.history(it.id)
    assert [(RECIPIENT, "03", 2), (SENDER, "update", 3), (RECIPIENT, "16", 5)] == events(found)
    assert Asking(Request.UPDATE, update.id) == found.sayings[2].asking == found.sayings[1].asking
    assert ("accepted, last request refused", []) == (
        describe(found.lives[RECIPIENT]), [one for one in found.sayings if one.flags],
    )  # fmt: skip
    # What was said of the update itself: that it arrived. The answer is the document's.
    assert [(RECIPIENT, "01", 4)] == events(sender.history(update.id))
    assert [(RECIPIENT, "16", 5, "đã làm")] == [
        (one["by"], one["event"], one["position"], one["reason"]) for one in found.as_json()["said"][2:]
    ]
    assert "it" == sender.store.document(it.id).subject
    rows = sender.store._sql.execute("SELECT statement IS NULL, contents IS NULL FROM outbox").fetchall()
    assert [(0, 1), (0, 1)] == rows


def test_a_recall_by_status_13_goes_to_one(sender: Agencys) -> None:
    """Each recipient is asked by a statement of its own."""
    it = document("it", routes=(RECIPIENT, OTHER))
    asked = acknowledgement(
        SENDER, OTHER, THREAD, LANE, 0, [it.id], Status.TAKE_BACK_ASKED, "nhầm", NOW, routes=[OTHER], refers=[it.id]
    )  # fmt: skip
    sender.store.add([it, asked])
    sender.accepted(it.id, asked.id)
    found = sender.history(it.id)
    assert {RECIPIENT: Stage.SENT, OTHER: Stage.TAKEN_BACK} == {code: life.stage for code, life in found.lives.items()}
    assert [("13", "nhầm")] == [(one.event.value, one.reason) for one in found.sayings]


def test_a_replacement_is_found_from_what_it_replaces(sender: Agencys) -> None:
    """For those it names."""
    it = document("it", routes=(RECIPIENT, OTHER))
    replacing = document("new", business_type=3, replaces=(Replacement(document=it.id, agencies=(OTHER,)),))
    sender.store.add([it, replacing])
    sender.accepted(it.id, replacing.id)
    assert {RECIPIENT: False, OTHER: True} == {
        code: life.replaced for code, life in sender.history(it.id).lives.items()
    }


def test_what_was_signed_anew_keeps_its_place_in_a_history(sender: Agencys) -> None:
    """A recall that expired unsent and went out under another id is the same recall."""
    it = document("it")
    recall = document("recall", business_type=1, reason="nhầm")._replace(refers=[it.id])
    sender.store.add([it, recall])
    renewed = document("recall again", business_type=1, reason="nhầm")
    sender.store.renew(recall.id, renewed)
    sender.accepted(it.id, renewed.id)
    assert [(SENDER, "recall", 2)] == events(sender.history(it.id))


def test_a_rejected_document_says_why(sender: Agencys) -> None:
    """It was delivered to nobody."""
    it = document("it")
    sender.store.add([it])
    sender.take(receipts=[ReceiptLine(it.id, "unknown_recipient", 4)])
    assert "unknown_recipient" == sender.history(it.id).rejected
    assert sender.store.history(identity("none"), SENDER) is None


def test_a_recipient_finds_what_its_sender_and_itself_have_said(recipient: Agencys) -> None:
    """What settled the document, what was said later, what the sender asked and what was answered."""
    it = recipient.receive("it")
    first = recipient.say(Status.ACCEPTED, it, settles=recipient.sequence)
    recipient.accepted(first)
    update = recipient.receive("update", Event.UPDATE, it)
    later = recipient.say(Status.PROCESSING, it)
    answer = recipient.say(Status.AGREED, update, settles=recipient.sequence)
    recipient.accepted(later, answer)
    found = recipient.history(it)
    assert [(RECIPIENT, "03", 2), (SENDER, "update", 3), (RECIPIENT, "05", 4), (RECIPIENT, "15", 5)] == events(found)
    assert ("processing, last request agreed", []) == (
        describe(found.lives[RECIPIENT]), [one for one in found.sayings if one.flags],
    )  # fmt: skip
    assert [] == events(recipient.history(update))
    assert {"it": "05", "update": "15"} == {one.subject: status for one, status in recipient.store.listing(9)}


def test_a_recipient_is_asked_by_status_13(recipient: Agencys) -> None:
    """That is an acknowledgement of a document that is not ours, and belongs to its history all the same."""
    it = recipient.receive("it")
    asked = identity(f"heard {recipient.position + 1}")
    assert asked == recipient.hear(SENDER, "13", it, reason="nhầm")
    found = recipient.history(it)
    assert ([(SENDER, "13", 2)], Stage.TAKEN_BACK) == (events(found), found.lives[RECIPIENT].stage)
    received = recipient.store.received(it, RECIPIENT)
    assert received is not None
    assert (False, [], (LANE, 1)) == (received.by_status, received.asked, received.waits_at)


def test_what_a_stranger_says_of_a_received_document_is_kept_and_flagged(recipient: Agencys) -> None:
    """It is about no document of ours, and yet in our inbox."""
    it = recipient.receive("it")
    recipient.hear(OTHER, "06", it)
    assert [{OTHER: Flag.NOT_HIS_TO_SAY}] == [one.flags for one in recipient.history(it).sayings]


def sent(agency: Agencys) -> bytes:
    """A document for two, which the backbone has taken."""
    it = document("it", routes=(RECIPIENT, OTHER))
    agency.store.add([it])
    agency.accepted(it.id)
    return it.id


def noticed(agency: Agencys, document: bytes, *codes: str) -> bytes:
    """A notice comes that these have left a document unread."""
    agency.position += 1
    said = identity(f"notice {agency.position}")
    place = place_of(LANE, agency.position)
    agency.take(notices=[NoticeLine(document, code, place, said, NOW - 1, NOW, NOW + 5) for code in codes])
    return said


def test_who_has_left_it_unread_is_kept_and_the_first_notice_counts(sender: Agencys) -> None:
    """What is said again changes nothing; a later acknowledgement takes the mark away, and the history stays."""
    it = sent(sender)
    first = noticed(sender, it, RECIPIENT, OTHER)
    noticed(sender, it, RECIPIENT)
    progress = sender.store.progress(it)
    assert progress is not None
    assert {RECIPIENT: NOW - 1, OTHER: NOW - 1} == progress.unread
    sender.hear(RECIPIENT, "01", it)
    progress = sender.store.progress(it)
    assert progress is not None
    assert {OTHER: NOW - 1} == progress.unread
    found = sender.history(it)
    assert [
        Unread(OTHER, NOW - 1, NOW + 5, first, LANE, 2, read=False),
        Unread(RECIPIENT, NOW - 1, NOW + 5, first, LANE, 2, read=True),
    ] == sorted(found.unread)
    told = found.as_json()["unread"]
    assert {(OTHER, False), (RECIPIENT, True)} == {(one["recipient"], one["read"]) for one in told}
    assert {first.hex()} == {one["id"] for one in told}


def test_a_notice_that_comes_after_the_acknowledgement_marks_nothing(sender: Agencys) -> None:
    """Both were on their way. A notice about what is not ours marks nothing either."""
    it = sent(sender)
    sender.hear(RECIPIENT, "03", it)
    noticed(sender, it, RECIPIENT, "H99")
    noticed(sender, identity("foreign"), RECIPIENT)
    progress = sender.store.progress(it)
    assert progress is not None
    assert {} == progress.unread
    assert sender.store.progress(identity("foreign")) is None
    assert [True, False] == [one.read for one in sorted(sender.history(it).unread)]


def test_however_much_is_asked_of_a_document_its_history_is_bounded_and_its_senders_word_counts(tmp_path: Path) -> None:
    """Anybody may name a document, as often as he likes; looking at all of it would stop the store for everybody."""
    store = Store(tmp_path / "store.sqlite")
    it = identity("it")
    arrival = Arrival(LANE, 1, it, SENDER, THREAD, 0, "V/v", 1, NOW, False, b"value", [RECIPIENT])
    asked = [
        Remark(it, place_of(LANE, 10 + number), "recall", agency, identity(f"{number}"), "nhầm", NOW, NOW, [RECIPIENT])
        for number, agency in enumerate([OTHER] * 300 + [SENDER])
    ]
    store.take(Round({LANE: 1}, {LANE: (1, 2)}, [arrival], [], [], asked, []))
    found = store.history(it, RECIPIENT)
    assert found is not None
    assert (200, Stage.TAKEN_BACK) == (len(found.sayings), found.lives[RECIPIENT].stage)
    store.close()
