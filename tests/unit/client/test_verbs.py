"""Asking back a document after agencies were merged and divided: all who got it are asked, and nobody for nothing."""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from lienthong.client.documents import Document
from lienthong.client.drafts import Drafts
from lienthong.client.history import History
from lienthong.client.rows import Heard, Outgoing, ReceiptLine, Round, place_of
from lienthong.client.sending import Sender
from lienthong.client.store import Store
from lienthong.client.verbs import Verbs
from lienthong.kernel.directory import Agency
from lienthong.kernel.judge import Judge
from lienthong.kernel.lifecycle import Request, Stage
from lienthong.kernel.statement import Kind, decode_statement
from unit.kernel.world import EPOCH, NOW, SENDER, agency, directory_of, record

OLD, NORTH, SOUTH, OTHER = "H29", "H30", "H31", "H26"
HOUR_MS = 3_600_000


class Office(Verbs):
    """An agency that sends, its store, and a backbone that accepts everything."""

    def __init__(self, folder: Path, *facts: Agency) -> None:
        self.now = NOW
        self.directory = directory_of(agency(SENDER), *facts)
        self.store = Store(folder / "store.sqlite")
        self._position = self._sequence = 0
        super().__init__(
            SENDER, Drafts(SENDER, Judge(self.directory, 2), lambda: self.now), cast("Sender", self), self.store,
            ThreadPoolExecutor(1), lambda: self.now,
        )  # fmt: skip

    async def hand_over(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        """What a sender does, and the receipt comes at once."""
        ids = self.store.add(outgoing)
        for one in ids:
            self._position += 1
            self._take(receipts=[ReceiptLine(one, "", self._position)])
        return ids

    def _take(self, receipts: list[ReceiptLine] = [], answers: list[Heard] = []) -> None:  # noqa: B006 - only read
        self._sequence += 1
        self.store.take(
            Round({1: self._sequence}, {1: (self._sequence, self._sequence)}, [], answers, receipts, [], [])
        )

    async def send(self, *recipients: str) -> bytes:
        """A document."""
        document = Document(recipients=recipients, subject="V/v")
        (identity,) = await self.hand_over([self._drafts.new(document, (), "")])
        return identity

    def say(self, code: str, status: str, document: bytes) -> None:
        """An acknowledgement of somebody else."""
        self._position += 1
        place = place_of(1, self._position)
        said = sha256(b"%d" % place).digest()
        self._take(answers=[Heard(place, said, code, status, "lý do", self.now, self.now, [document])])

    def record(self, fact: Agency) -> None:
        """An hour later the operator says something, and another hour passes."""
        self.now += HOUR_MS
        self.directory.apply(record(fact, created=self.now))
        self.now += HOUR_MS

    async def life(self, document: bytes) -> History:
        """What became of it."""
        found = await self.history(document)
        assert found is not None
        return found

    def said(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Of what was said after the first document: recipients on the wire, and inboxes it counts for."""
        rows = self.store._sql.execute("SELECT statement, routes FROM outbox WHERE number > 1 ORDER BY number")
        found = []
        for statement, routes in rows:
            if statement is not None:
                found.append((tuple(decode_statement(statement).recipients), tuple(routes.strip(",").split(","))))
        return found


DIVIDED = (
    agency(NORTH), agency(SOUTH), agency(OTHER),
    agency(OLD, valid_until=EPOCH + 1, successors=[NORTH, SOUTH]),
)  # fmt: skip
"""H29 was divided into two before anything was sent."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """One that writes to an agency that was divided."""
    found = Office(tmp_path, *DIVIDED)
    yield found
    found._thread.shutdown()
    found.store.close()


async def test_all_parts_of_a_divided_agency_are_asked(office: Office) -> None:
    """By its own code, which leads to all of them; each answers for itself."""
    it = await office.send(OLD, OTHER)
    for code in (NORTH, SOUTH, OTHER):
        office.say(code, "03", it)
    await office.recall(it, "gửi nhầm")
    assert [((OLD, OTHER), (NORTH, SOUTH, OTHER))] == office.said()
    lives = (await office.life(it)).lives
    assert dict.fromkeys((NORTH, SOUTH, OTHER), Request.TAKE_BACK) == {code: one.request for code, one in lives.items()}


async def test_status_13_asks_all_parts_as_well(office: Office) -> None:
    """One statement to the code, and it counts for each of them."""
    it = await office.send(OLD)
    for code in (NORTH, SOUTH):
        office.say(code, "03", it)
    (asked,) = await office.ask_back(it, "gửi nhầm")
    lives = (await office.life(it)).lives
    assert {NORTH: Request.TAKE_BACK, SOUTH: Request.TAKE_BACK} == {code: one.request for code, one in lives.items()}
    row = office.store._sql.execute("SELECT kind, routes FROM outbox WHERE id = ?", (asked,)).fetchone()
    assert (Kind.ACKNOWLEDGEMENT, f",{NORTH},{SOUTH},") == row


@pytest.mark.parametrize("refusing", [NORTH, SOUTH])
@pytest.mark.parametrize("named", [None, [OLD]])
async def test_a_part_that_returned_it_does_not_keep_it_from_the_other(
    office: Office, refusing: str, named: list[str] | None
) -> None:
    """Whichever of them it was: the one that has the document is asked, and only that one."""
    keeping = SOUTH if refusing == NORTH else NORTH
    it = await office.send(OLD)
    office.say(refusing, "02", it)
    office.say(keeping, "03", it)
    await office.recall(it, "gửi nhầm", named)
    (asked,) = await office.ask_back(it, "gửi nhầm", named)
    assert [((keeping,), (keeping,))] == office.said()
    found = await office.life(it)
    assert {refusing: Stage.REFUSED, keeping: Stage.ACCEPTED} == {code: one.stage for code, one in found.lives.items()}
    assert Request.TAKE_BACK is found.lives[keeping].request
    assert [] == [one for one in found.sayings if one.flags]
    assert asked in {one.id for one in found.sayings}


async def test_when_all_parts_returned_it_that_is_said(office: Office) -> None:
    """There is nothing to take back."""
    it = await office.send(OLD)
    for code in (NORTH, SOUTH):
        office.say(code, "02", it)
    for named in (None, [OLD]):
        with pytest.raises(ValueError, match=r"recall is impossible at H29: it was refused and returned"):
            await office.recall(it, "gửi nhầm", named)


async def test_a_part_that_has_given_it_back_is_not_asked_again(office: Office) -> None:
    """The other one refused, and may be asked once more."""
    it = await office.send(OLD)
    for code in (NORTH, SOUTH):
        office.say(code, "03", it)
    first = await office.recall(it, "gửi nhầm")
    office.say(NORTH, "15", first)
    office.say(SOUTH, "16", first)
    await office.recall(it, "gửi nhầm")
    assert [((OLD,), (NORTH, SOUTH)), ((SOUTH,), (SOUTH,))] == office.said()


async def test_who_got_it_is_asked_though_mail_goes_elsewhere_now(office: Office) -> None:
    """The parts of the agency were changed since: those that have the document are named by their own codes."""
    it = await office.send(OLD)
    for code in (NORTH, SOUTH):
        office.say(code, "03", it)
    office.record(agency(OLD, version=2, valid_until=EPOCH + 1, successors=[OTHER, SOUTH]))
    await office.recall(it, "gửi nhầm")
    assert [((NORTH, SOUTH), (NORTH, SOUTH))] == office.said()


async def test_a_unit_that_was_connected_since_does_not_hide_who_got_it(tmp_path: Path) -> None:
    """What went to the agency above it is asked back there."""
    unit = agency("H26.01", parent=OTHER, connected_from=None)
    office = Office(tmp_path, agency(OTHER), unit)
    it = await office.send("H26.01")
    office.say(OTHER, "03", it)
    office.record(unit._replace(version=2, connected_from=NOW + HOUR_MS))
    await office.recall(it, "gửi nhầm")
    assert [((OTHER,), (OTHER,))] == office.said()
    assert Request.TAKE_BACK is (await office.life(it)).lives[OTHER].request


async def test_what_an_agency_got_before_it_was_divided_is_asked_of_all_parts(tmp_path: Path) -> None:
    """They have taken over its papers; what is noted is noted of the agency that got it."""
    office = Office(tmp_path, agency(OLD), agency(NORTH), agency(SOUTH))
    it = await office.send(OLD)
    office.say(OLD, "03", it)
    office.record(agency(OLD, version=2, valid_until=NOW + HOUR_MS, successors=[NORTH, SOUTH]))
    await office.recall(it, "gửi nhầm")
    assert [((OLD,), (NORTH, SOUTH))] == office.said()
    assert Request.TAKE_BACK is (await office.life(it)).lives[OLD].request


async def test_who_is_gone_keeps_nobody_else_from_being_asked(office: Office) -> None:
    """A part that has retired with nobody after it cannot be told any more."""
    it = await office.send(OLD, OTHER)
    for code in (NORTH, SOUTH, OTHER):
        office.say(code, "03", it)
    office.record(agency(OTHER, version=2, valid_until=NOW + HOUR_MS))
    await office.recall(it, "gửi nhầm")
    assert [((OLD,), (NORTH, SOUTH))] == office.said()


async def test_an_update_goes_to_a_divided_agency_while_one_part_has_the_document(office: Office) -> None:
    """And not when all have returned it."""
    it = await office.send(OLD)
    office.say(NORTH, "02", it)
    changed = Document(recipients=(OLD,), subject="V/v khác", reason="sai")
    await office.update(it, changed)
    assert [((OLD,), (NORTH, SOUTH))] == office.said()
    office.say(SOUTH, "02", it)
    with pytest.raises(ValueError, match=r"update is impossible at H29: it was refused and returned"):
        await office.update(it, changed.model_copy(update={"subject": "V/v khác nữa"}))
