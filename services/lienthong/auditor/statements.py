"""What receipts, acknowledgements, commands and notices say, held against the ledger they stand in."""

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from lienthong.auditor.claims import Claims, counted
from lienthong.auditor.facts import Places
from lienthong.auditor.lane import Lane, Missing, Rules, text_of
from lienthong.auditor.notices import NoticeCheck, Released
from lienthong.kernel.command import RELEASABLE, RELEASE, Command, read_command, routes_released
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.fold import LedgerFold
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, decode_statement

__all__ = ["StatementCheck"]

_ASKED_BY_SENDER = "13"


class StatementCheck:
    """Checks the statements of one lane; those given were judged and are genuine.

    Args:
        lane: receives what is found out.
        fold: the fold over the lane, as far as the statements given.
        rules: what is held against what.
    """

    def __init__(self, lane: Lane, fold: LedgerFold, rules: Rules) -> None:
        self._lane = lane
        self._fold = fold
        self._rules = rules
        self._claims = Claims()
        self._released: dict[bytes, Released] = {}
        self._commands: list[tuple[int, str]] = []
        self._notices = NoticeCheck(lane, rules, self._released)

    def receipt(self, said_at: int, value: bytes, *, known_only: bool = False) -> None:
        """Take a receipt.

        Args:
            said_at: its own ledger offset.
            value: the envelope.
            known_only: pass over lines about entries that are not judged.
        """
        statement = decode_statement(decode_envelope(value).statement)
        recipient, body = statement.recipients[0], statement.body
        wrong = [f"it speaks of lane {body['lane']}"] if body["lane"] != self._lane.number else []
        lines = body["entries"] if not wrong else ()
        self._lane.counts.receipt_lines += len(lines)
        places = self._lane.places.get((recipient, self._lane.generation.get(recipient, "")))
        for line in lines:
            if places is not None and self._is_plain(places, line):
                continue
            what = self._line(recipient, line, said_at, known_only=known_only)
            if what:
                wrong.append(what)
        if wrong:
            more = f"; so for {len(wrong)} of its lines" if len(wrong) > 1 else ""
            self._lane.damage(said_at, f"this receipt for {recipient} and the ledger disagree: {wrong[0]}{more}")
            if said_at in self._lane.facts:
                self._lane.facts.doubt(said_at)

    def _is_plain(self, places: Places, line: dict[str, Any]) -> bool:
        """Take a line that says of an accepted entry what the ledger says; False, and nothing is done, for others."""
        position = places.at(line["source_offset"])
        if (
            position < 0
            or line["position"] != position
            or line["reason"]
            or not self._lane.facts.is_receipt(position, line["digest"], line["envelope_id"], line["judged_at"])
        ):
            return False
        self._lane.facts.receipt_said(position)
        return True

    def _line(self, recipient: str, line: dict[str, Any], said_at: int, *, known_only: bool) -> str:
        """What is not true about one line of a receipt; empty if nothing is, or nothing that is news."""
        lane, facts = self._lane, self._lane.facts
        source = self._source(recipient, line)
        places = lane.places.get(source)
        offset = line["source_offset"]
        if offset < 0:
            return f"there is no source offset {offset}"
        position = -1 if places is None else places.at(offset)
        if position < 0:
            before = places is None or offset < places.first
            beyond = places is None or offset >= places.end
            incomplete = not lane.complete or facts.first > 0
            if (before and incomplete) or (known_only and (before or beyond)):
                lane.counts.not_checked += 1
                return ""
            lane.missing[source, offset] = Missing(line["position"], said_at)
            lane.lost.add(line["digest"])
            if line["envelope_id"] is not None:
                lane.lost_ids.add(line["envelope_id"])
            return ""
        facts.receipt_said(position)
        if facts.is_broken(position):
            lane.counts.consequences += 1
            return ""
        duplicate = facts.is_duplicate(position)
        reason = Reason.DUPLICATE.value if duplicate else facts.reason(position) or ""
        what = ""
        if not facts.has_id(position, line["envelope_id"]):
            what = "another id"
        elif line["digest"] != facts.digest(position):
            what = "another digest"
        elif line["reason"] != reason:
            what = f"{text_of(line['reason']) or 'accepted'} instead of {reason or 'accepted'}"
        repeats_lost = line["reason"] == Reason.DUPLICATE and line["envelope_id"] in lane.lost_ids
        if what and (repeats_lost or (places is not None and offset in places.contested)):
            lane.counts.consequences += 1
            return ""
        if what:
            facts.doubt(position)
            return f"{what} for source offset {offset}, ledger offset {position}"
        stood = position
        if duplicate and line["envelope_id"] is not None:
            first = self._fold.position_of(line["envelope_id"])
            stood = position if first is None else first
        if line["position"] != stood:
            if line["position"] in facts and facts.is_broken(line["position"]):
                lane.counts.consequences += 1  # the entry that it speaks of is damaged; this one repeats it
            else:
                self._claims.add(stood, line["position"], lane.ledger, said_at)
        elif line["judged_at"] != facts.judged_at(position):
            return f"another time of judgement for source offset {offset}, ledger offset {position}"
        return ""

    def _source(self, recipient: str, line: dict[str, Any]) -> tuple[str, str]:
        """The out topic that a line speaks of: the newest, unless an earlier one has exactly this at that offset."""
        lane = self._lane
        generations = [lane.generation.get(recipient, ""), *lane.earlier.get(recipient, ())]
        if len(generations) > 1:
            for generation in generations:
                places = lane.places.get((recipient, generation))
                position = -1 if places is None else places.at(line["source_offset"])
                if position >= 0 and (lane.facts.digest(position), lane.facts.judged_at(position)) == (
                    line["digest"],
                    line["judged_at"],
                ):
                    return recipient, generation
        return recipient, generations[0]

    def acknowledgement(self, said_at: int, value: bytes) -> None:
        """Take an acknowledgement; what it says wrongly is a note: the backbone cannot forbid it.

        Args:
            said_at: its own ledger offset.
            value: the envelope.
        """
        statement = decode_statement(decode_envelope(value).statement)
        lane = self._lane
        documents = statement.body["documents"]
        lane.counts.acknowledged += len(documents)
        recipient, sender = statement.sender, statement.recipients[0]
        asks_back = statement.body["status"] == _ASKED_BY_SENDER
        if asks_back:
            recipient, sender = sender, recipient
        answered = None if asks_back else said_at
        strange = [one for one in documents if self._is_strange(one, recipient, sender, answered)]
        if strange:
            lane.findings.note(
                lane.ledger,
                said_at,
                f"{statement.sender} acknowledges {counted(len(strange), 'document')} not delivered to it"
                f" or not sent by {statement.recipients[0]}, the first is {strange[0].hex()}",
            )

    def _is_strange(self, document: bytes, recipient: str, sender: str, answered: int | None) -> bool:
        """Whether no such document went from one to the other; at `answered`, if anywhere, the recipient answers."""
        lane = self._lane
        goes_there = self._release_answered(document, recipient, sender, answered)
        position = self._fold.position_of(document)
        if position is None and goes_there is not None:
            return not goes_there
        if position is None or position not in lane.facts:
            lane.counts.not_checked += 1
            if answered is not None:
                self._notices.answered_late(document, recipient, answered)
            return False
        if not lane.facts.is_document(position, sender):
            return not lane.facts.is_broken(position)
        number = _number(lane.deliveries.get(recipient, ()), position)
        if number is not None and answered is not None:
            lane.answer(recipient, number, answered)
        return number is None

    def _release_answered(self, document: bytes, recipient: str, sender: str, answered: int | None) -> bool | None:
        """Whether a release of it went from one to the other; None if it was not released."""
        released = self._released.get(document)
        if released is None:
            return None
        if released.sender != sender or recipient not in released.routes:
            return False
        number = _number(self._lane.deliveries.get(recipient, ()), released.position)
        if number is not None and answered is not None:
            self._lane.answer(recipient, number, answered)
        return number is not None

    def command(self, said_at: int, value: bytes, routes: Sequence[str]) -> None:
        """Take a command of the operator: it must be about the entry that it names, and that must be one of its kind.

        Args:
            said_at: its own ledger offset.
            value: the envelope.
            routes: the agencies whose inboxes it goes to, in ledger order.
        """
        sealed = decode_envelope(value)
        command = read_command(decode_statement(sealed.statement), sealed.contents)
        digest = sha256(command.value).digest()
        what = self._command(said_at, command, digest)
        if what:
            # Where entries were taken out or put in, positions are not what they were: that shows in the end.
            self._commands.append((said_at, what))
        if command.action == RELEASE:
            document = command.statement
            released = Released(said_at, document.sender, routes_released(document, routes), digest)
            self._released.setdefault(command.document, released)

    def _command(self, said_at: int, command: Command, digest: bytes) -> str:
        """What is not true about a command; empty if nothing is."""
        lane, facts, position = self._lane, self._lane.facts, command.position
        if position >= said_at:
            return f"it is about ledger offset {position}, which does not stand before it"
        if position not in facts:
            lane.counts.not_checked += 1
            return ""
        if facts.is_broken(position):
            lane.counts.consequences += 1
            return ""
        stands = f"ledger offset {position}"
        released = self._released.get(command.document)
        if released is not None and released.position == position:
            if released.digest != digest:
                return f"it carries another envelope than {stands}"
        elif not facts.has_id(position, command.document) or facts.kind(position) != Kind.DOCUMENT:
            return f"{stands} is not the document that it names"
        elif facts.digest(position) != digest:
            return f"it carries another envelope than {stands}"
        if (command.judged_at, command.known_at) != (facts.judged_at(position), facts.known_at(position)):
            return f"it names other times of judgement than {stands} has"
        if command.action == RELEASE:
            if facts.reason(position) not in RELEASABLE:
                return f"it releases {stands}, which is {facts.outcome(position)}"
            accepted = self._fold.position_of(command.document)
            if accepted is not None and accepted < said_at:
                lane.findings.note(lane.ledger, said_at, f"it releases what had been accepted at offset {accepted}")
        elif not facts.is_accepted(position) or facts.is_duplicate(position):
            void = "a duplicate" if facts.is_duplicate(position) else facts.outcome(position)
            return f"it sends {stands} again, which is {void}"
        return ""

    def notice(self, said_at: int, value: bytes) -> None:
        """Take a notice that a document is unread.

        Args:
            said_at: its own ledger offset.
            value: the envelope.
        """
        self._notices.take(said_at, decode_statement(decode_envelope(value).statement))

    def finish(self) -> None:
        """Name where receipts and ledger disagree about positions, and what nobody was told of."""
        self._finish_claims()
        self._name_commands()
        self._name_unsaid()
        self._notices.finish()

    def _finish_claims(self) -> None:
        lane = self._lane
        if lane.disordered:
            lane.counts.consequences += len(self._claims)
        elif len(self._claims):
            lane.disordered = True
            lane.name_shifts(self._claims)

    def _name_commands(self) -> None:
        lane = self._lane
        for said_at, what in self._commands:
            if lane.disordered:
                lane.counts.consequences += 1
                continue
            lane.damage(said_at, f"this command of the operator and the ledger disagree: {what}")
            lane.facts.doubt(said_at)

    def _name_unsaid(self) -> None:
        lane, facts, rules = self._lane, self._lane.facts, self._rules
        late: dict[str, list[int]] = {}
        for position in facts.receipts_due():
            if facts.judged_at(position) + rules.grace_ms < rules.now:
                late.setdefault(facts.agency(position), []).append(position)
            else:
                lane.counts.receipts_not_said_yet += 1
        for agency, positions in late.items():
            if lane.disordered:
                # The receipt itself may be what is missing.
                lane.counts.consequences += len(positions)
                continue
            what = counted(len(positions), "entry", "entries")
            lane.damage(positions[0], f"{what} of {agency} from here on have no receipt")


def _number(delivered: Sequence[int], position: int) -> int | None:
    """Which delivery of an inbox must be the entry of a position, counted from 0; None if none must."""
    at = bisect_left(delivered, position)
    return at if at < len(delivered) and delivered[at] == position else None
