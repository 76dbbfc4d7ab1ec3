"""What receipts and acknowledgements say, held against the ledger they stand in."""

from bisect import bisect_left
from typing import Any

from lienthong.auditor.lane import Lane, Rules, text_of
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.fold import LedgerFold
from lienthong.kernel.ledger import Entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, decode_statement

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
        self._claims: dict[int, tuple[int, int]] = {}

    def receipt(self, entry: Entry, value: bytes, *, known_only: bool = False) -> None:
        """Take a receipt.

        Args:
            entry: its own ledger entry.
            value: the envelope.
            known_only: pass over lines about entries that are not judged.
        """
        statement = decode_statement(decode_envelope(value).statement)
        recipient, body = statement.recipients[0], statement.body
        if body["lane"] != self._lane.number:
            self._lane.damage(entry.position, f"this receipt is about lane {body['lane']}")
            return
        wrong = 0
        first_wrong = ""
        for line in body["entries"]:
            self._lane.counts.receipt_lines += 1
            what = self._line(recipient, line, entry.position, known_only=known_only)
            if what:
                wrong += 1
                first_wrong = first_wrong or what
        if wrong:
            more = f"; {wrong - 1} more of its lines are not true either" if wrong > 1 else ""
            self._lane.damage(entry.position, f"this receipt for {recipient} is not true: {first_wrong}{more}")
            if entry.position in self._lane.facts:
                self._lane.facts.doubt(entry.position)

    def _line(self, recipient: str, line: dict[str, Any], said_at: int, *, known_only: bool) -> str:
        """What is not true about one line of a receipt; empty if nothing is, or nothing that is news."""
        lane, facts = self._lane, self._lane.facts
        source = (recipient, self._rules.generations.get(recipient, ""))
        places = lane.places.get(source)
        offset = line["source_offset"]
        position = -1 if places is None else places.at(offset)
        if position < 0:
            if places is not None and places.first <= offset < places.end:
                lane.counts.consequences += 1  # the ledger lacks the entry, which is named as a gap
            elif known_only or not lane.complete or lane.facts.first > 0:
                lane.counts.not_checked += 1
            else:
                return f"the ledger holds no entry for source offset {offset} before it"
            return ""
        facts.receipt_said(position)
        if facts.is_broken(position):
            lane.counts.consequences += 1
            return ""
        duplicate = facts.is_duplicate(position)
        reason = Reason.DUPLICATE.value if duplicate else facts.reason(position) or ""
        if not facts.has_id(position, line["envelope_id"]):
            return f"another id for source offset {offset}"
        if line["digest"] != facts.digest(position):
            return f"another digest for source offset {offset}"
        if line["reason"] != reason:
            return f"source offset {offset} was {text_of(line['reason']) or 'accepted'}, but it is {reason or 'accepted'}"
        if line["judged_at"] != facts.judged_at(position):
            return f"another time of judgement for source offset {offset}"
        if duplicate and line["envelope_id"] is not None:
            first = self._fold.position_of(line["envelope_id"])
            position = position if first is None else first
        if line["position"] != position:
            self._claims.setdefault(position, (line["position"], said_at))
        return ""

    def acknowledgement(self, entry: Entry, value: bytes) -> None:
        """Take an acknowledgement; what it says wrongly is a note: the backbone cannot forbid it."""
        statement = decode_statement(decode_envelope(value).statement)
        lane = self._lane
        strange = 0
        first_strange = ""
        for document in statement.body["documents"]:
            lane.counts.acknowledged += 1
            position = self._fold.position_of(document)
            if position is None or position not in lane.facts:
                lane.counts.not_checked += 1
            elif not self._concerns(statement, position):
                strange += 1
                first_strange = first_strange or document.hex()
        if strange:
            lane.findings.note(
                lane.ledger,
                entry.position,
                f"{statement.sender} acknowledges {strange} documents that were not delivered to it"
                f" or not sent by {statement.recipients[0]}, the first is {first_strange}",
            )

    def _concerns(self, statement: Statement, position: int) -> bool:
        facts = self._lane.facts
        if facts.kind(position) != Kind.DOCUMENT or facts.is_broken(position):
            return facts.is_broken(position)
        recipient, sender = statement.sender, statement.recipients[0]
        if statement.body["status"] == _ASKED_BY_SENDER:
            recipient, sender = sender, recipient
        delivered = self._lane.deliveries.get(recipient, ())
        at = bisect_left(delivered, position)
        return at < len(delivered) and delivered[at] == position and facts.agency(position) == sender

    def finish(self) -> None:
        """Name where receipts and ledger disagree about positions, and what nobody was told of."""
        self._name_claims()
        self._name_unsaid()

    def _name_claims(self) -> None:
        """Entries that do not stand where signed receipts say, one finding for each stretch of them."""
        lane, claims = self._lane, self._claims
        if not claims:
            return
        if lane.disordered:
            lane.counts.consequences += len(claims)
            return
        lane.disordered = True
        stretch: list[int] = []
        shift = 0
        for position in [*sorted(claims), -1]:
            now = claims[position][0] - position if position >= 0 else 0
            if stretch and (position < 0 or (now != shift and position != stretch[-1] + 1)):
                claimed, said_at = claims[stretch[0]]
                more = f"; so for {len(stretch)} entries up to offset {stretch[-1]}" if len(stretch) > 1 else ""
                lane.damage(
                    stretch[0],
                    f"this entry of {lane.facts.agency(stretch[0])} stood at offset {claimed} when the receipt"
                    f" at offset {said_at} was signed{more}",
                )
                for one in stretch:
                    lane.facts.doubt(one)
                stretch = []
            stretch.append(position)
            shift = now

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
            lane.damage(positions[0], f"{len(positions)} entries of {agency} from here on have no receipt")
