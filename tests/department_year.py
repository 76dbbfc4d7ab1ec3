"""A year of one department: 5,600 documents received, 1,751 of them to be handled, 1,616 handled, 1,211 issued.

The published figures of the Agriculture Department of the Government Office for 2023 are 5,600 received, 1,616
handled, which was 92.3 % of those that needed it, and 1,211 issued; 1,616 is 92.3 % of 1,751. Everything else here is
made up, from one seed: the same statements every time, in the order in which a ledger would hold them. Beside what
counts there is what must not: documents of the years before and after, of other agencies, updates and recalls.
"""

from collections.abc import Iterator
from datetime import date, time, timedelta
from random import Random
from typing import Any, NamedTuple

from lienthong.kernel.envelope import EnvelopeId, envelope_id
from lienthong.kernel.statement import Kind, Statement, encode_statement
from lienthong.kernel.vietnam_time import DAY_MS, MINUTE_MS, day_of, end_of_day, moment, start_of_day
from lienthong.runtime.vietnam_calendar import vietnam_calendar

__all__ = ["AGENCY", "HANDLED", "ISSUED", "NEEDING", "RECEIVED", "YEAR", "Said", "year_of_the_department"]

AGENCY = "G22.NN"
YEAR = 2023
RECEIVED = 5_600
NEEDING = 1_751
HANDLED = 1_616
ISSUED = 1_211
_REFUSED, _TAKEN_AT_ONCE, _TAKEN_WITH_CONSENT, _REPLACED = 18, 9, 6, 5
_OPEN = NEEDING - HANDLED
_SENT_LATE = 40
_HOUR_MS = 60 * MINUTE_MS
_OTHERS = ("G10", "G12", "G05", "H17", "H26", "H29", "H37", "H41", "H53", "H56")
_CALENDAR = vietnam_calendar()


class Said(NamedTuple):
    """A statement, its bytes and id, and when the backbone accepted it."""

    at: int
    statement: Statement
    data: bytes
    id: EnvelopeId


def year_of_the_department(seed: int = YEAR) -> list[Said]:
    """All statements, in the order of their acceptance."""
    return sorted(_Year(Random(seed)).all(), key=lambda said: said.at)


class _Year:
    """Writes the statements of a year, with all chance from one source."""

    def __init__(self, random: Random) -> None:
        self._random = random
        first = date(YEAR, 1, 1)
        days = [first + timedelta(days=number) for number in range(365)]
        self._days = [day for day in days if _CALENDAR.is_working(day)]

    def all(self) -> Iterator[Said]:
        yield from self._received()
        yield from self._issued()
        yield from self._noise()

    def _received(self) -> Iterator[Said]:
        fates = (
            ["handled"] * HANDLED + ["open"] * _OPEN + ["refused"] * _REFUSED + ["taken at once"] * _TAKEN_AT_ONCE
            + ["taken with consent"] * _TAKEN_WITH_CONSENT + ["replaced"] * _REPLACED
        )  # fmt: skip
        # Each replaced document is followed by the one that replaces it.
        fates += ["information"] * (RECEIVED - _REPLACED - len(fates))
        self._random.shuffle(fates)
        for number, fate in enumerate(fates):
            yield from self._one_received(number, fate, self._time(number, len(fates)))

    def _one_received(self, number: int, fate: str, at: int) -> Iterator[Said]:
        sender = self._random.choice(_OTHERS)
        priority = self._random.choices((0, 1, 2, 3), (90, 6, 3, 1))[0]
        information = [AGENCY] if fate == "information" else []
        due = day_of(at) + timedelta(days=self._random.randrange(5, 20))
        due_date = due.isoformat() if self._random.random() < 0.6 and fate != "information" else ""
        document = self._document(
            sender, [AGENCY], at, priority,
            code_number=str(number + 1), code_notation=f"CV-{sender}", promulgation_date=day_of(at).isoformat(),
            for_information=information, due_date=due_date,
        )  # fmt: skip
        yield document
        yield from self._life(document, fate, at)

    def _life(self, document: Said, fate: str, at: int) -> Iterator[Said]:
        sender = document.statement.sender
        if fate == "information" and self._random.random() < 0.1:
            return
        arrived = at + self._random.randrange(1, 30) * MINUTE_MS
        yield self._says(AGENCY, document, "01", arrived)
        if fate == "refused":
            yield self._says(AGENCY, document, "02", arrived + _HOUR_MS, "không đúng thẩm quyền")
        elif fate == "taken at once":
            yield self._about(document, arrived + _HOUR_MS, business_type=1, reason="gửi nhầm")
            yield self._says(AGENCY, document, "15", arrived + 2 * _HOUR_MS)
        elif fate == "taken with consent":
            yield self._says(AGENCY, document, "03", arrived + _HOUR_MS)
            yield self._says(sender, document, "13", arrived + 2 * _HOUR_MS, "sai thể thức", to=AGENCY)
            yield self._says(AGENCY, document, "15", arrived + 30 * _HOUR_MS)
        elif fate == "replaced":
            yield self._says(AGENCY, document, "03", arrived + _HOUR_MS)
            replaces = [{"document": document.id, "agencies": []}]
            yield self._document(
                sender, [AGENCY], arrived + 3 * _HOUR_MS, document.statement.priority,
                business_type=3, code_notation="TT-BNN", promulgation_date=day_of(arrived).isoformat(),
                refers_to=[document.id], replaces=replaces, for_information=[AGENCY],
            )  # fmt: skip
        else:
            yield from self._progress(document, fate, arrived)

    def _progress(self, document: Said, fate: str, arrived: int) -> Iterator[Said]:
        whole = ("03", "04", "05", "06")
        reached = {"handled": 4, "information": 1}.get(fate, self._random.randrange(4))
        at = arrived
        for status in whole[:reached]:
            at += self._random.randrange(1, 3 * 60) * MINUTE_MS
            # One in twenty is late.
            if status in {"05", "06"} or self._random.random() < 0.05:
                at += self._random.randrange(6) * DAY_MS
            yield self._says(AGENCY, document, status, at)
        if fate == "handled" and self._random.random() < 0.02:
            yield self._about(document, at + _HOUR_MS, business_type=2, changes=1, reason="đính chính")

    def _issued(self) -> Iterator[Said]:
        late = set(self._random.sample(range(ISSUED - 1), _SENT_LATE))
        for number in range(ISSUED):
            at = self._time(number, ISSUED)
            promulgated, sent = day_of(at), at
            if number in late:
                sent = moment(_CALENDAR.later(promulgated, 2), time(15)) + number
            elif number == ISSUED - 1:
                # The last one of the year goes on the first morning of the next and belongs to this year.
                promulgated = self._days[-1]
                sent = moment(_CALENDAR.later(promulgated, 1), time(9))
            recipients = sorted(self._random.sample(_OTHERS, self._random.randrange(1, 4)))
            document = self._document(
                AGENCY, recipients, sent, 0,
                code_number=f"{number + 1:02}", code_notation="TB-VPCP", promulgation_date=promulgated.isoformat(),
            )  # fmt: skip
            yield document
            for recipient in recipients:
                yield self._says(recipient, document, "01", sent + self._random.randrange(1, 90) * MINUTE_MS)

    def _noise(self) -> Iterator[Said]:
        """What belongs to other years and other agencies."""
        before, after = end_of_day(date(YEAR - 1, 12, 31)), start_of_day(date(YEAR + 1, 1, 1))
        for at in (before, after):
            yield self._document("G10", [AGENCY], at, 0, promulgation_date=day_of(at).isoformat())
        yield self._document("G10", ["H17", "H26"], before + DAY_MS, 0, promulgation_date=f"{YEAR}-01-01")
        old = self._document(
            AGENCY, ["H17"], moment(date(YEAR, 1, 3), time(9)), 0,
            code_number="999", code_notation="TB-VPCP", promulgation_date=f"{YEAR - 1}-12-30",
        )  # fmt: skip
        yield old
        yield self._says("H17", old, "01", old.at + MINUTE_MS)

    def _time(self, number: int, of: int) -> int:
        """Office hours of a working day, spread evenly over the year."""
        day = self._days[number * len(self._days) // of]
        return moment(day, time(7, 30)) + self._random.randrange(9 * 60 * MINUTE_MS)

    def _document(self, sender: str, recipients: list[str], at: int, priority: int, **fields: Any) -> Said:
        body = {
            "business_type": 0, "code_number": "", "code_notation": "", "document_type": "Công văn",
            "promulgation_date": "", "promulgation_place": "Hà Nội", "subject": "Về việc sản xuất vụ đông xuân",
            "signer": None, "steering_type": 0, "sphere": "", "page_amount": 2, "issued_amount": 0, "due_date": "",
            "paper": False, "for_information": [], "in_reply_to": [], "reason": "", "refers_to": [], "changes": 0,
            "replaces": [], **fields,
        }  # fmt: skip
        return self._said(sender, recipients, self._thread(priority), at, priority, Kind.DOCUMENT, body)

    def _about(self, document: Said, at: int, **fields: Any) -> Said:
        """An update or a recall: in the thread of the document."""
        made = self._document(
            document.statement.sender, document.statement.recipients, at, document.statement.priority,
            refers_to=[document.id], **fields,
        ).statement  # fmt: skip
        return self._said(
            made.sender, made.recipients, document.statement.thread, at, made.priority, made.kind, made.body
        )

    def _says(
        self, agency: str, document: Said, status: str, at: int, reason: str = "", *, to: str | None = None
    ) -> Said:
        body = {"documents": [document.id], "status": status, "reason": reason}
        recipient = to or document.statement.sender
        return self._said(agency, [recipient], document.statement.thread, at, 0, Kind.ACKNOWLEDGEMENT, body)

    def _said(
        self, sender: str, recipients: list[str], thread: bytes, at: int, priority: int, kind: Kind, body: Any
    ) -> Said:
        salt = self._random.randbytes(16)
        statement = Statement(sender, recipients, thread, at, priority, salt, [], kind, body)
        data = encode_statement(statement)
        return Said(at, statement, data, envelope_id(data))

    def _thread(self, priority: int) -> bytes:
        """Its first bit says whether it is express."""
        express = 0x80 if priority >= 3 else 0
        first = self._random.randrange(0x80) | express
        return bytes([first]) + self._random.randbytes(15)
