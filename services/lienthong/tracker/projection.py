"""What the entries of some rounds make of the tables: values in, rows out.

A state is computed by `kernel.lifecycle.advance` alone, in the order of the lane. A document that is
named is looked up in the lane of the one who names it, so that nothing depends on how far other lanes
have been read; what stands in another lane is unknown here for good, and the event says so.

First the store is told which documents the entries name (`wanted`), then of which of them it must bring
which deliveries (`Projection.wanted`), then the entries are taken in order.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lienthong.kernel.command import RELEASE, Command, routes_released
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.lifecycle import ALL_ASKED, Asking, Event, Flag, Party, Request, Stage, advance
from lienthong.kernel.statement import Kind, Statement
from lienthong.tracker.addressed import addressed_of
from lienthong.tracker.delivery import Delivery
from lienthong.tracker.document import clean, document_row, mentions_of
from lienthong.tracker.tables import document_number

__all__ = ["Item", "KnownDocument", "Order", "Projection", "wanted"]

_RECALL, _UPDATE, _REPLACE = 1, 2, 3
_REQUESTS = {_RECALL: Request.TAKE_BACK, _UPDATE: Request.UPDATE}
_RECEIVERS_CHANGED = 2
_ANSWERS = frozenset({Event.AGREED, Event.CHANGE_REFUSED})


class Order(NamedTuple):
    """What the operator orders, and the id (16 bytes) of the key that signed it."""

    command: Command
    by: bytes


class Item(NamedTuple):
    """A ledger entry, whether it counts, and what it says."""

    lane: int
    entry: Entry
    counts: Count
    statement: Statement | None
    """Of an accepted document, acknowledgement, command or notice that counts."""
    why: str = ""
    """Why an accepted entry cannot be read."""
    order: Order | None = None
    """Of a command."""

    @property
    def document(self) -> Statement | None:
        """The document that is delivered by this entry, if one is: accepted, or released by the operator."""
        if self.order is None:
            return self.statement if self.statement is not None and self.statement.kind is Kind.DOCUMENT else None
        return self.order.command.statement if self.order.command.action == RELEASE else None


class KnownDocument(NamedTuple):
    """What must be known of a document to say something of it."""

    number: int
    sender: str
    business_type: int
    targets: tuple[bytes, ...] = ()
    """Of a recall or update: envelope ids of the documents it is about, in the order of their bytes."""


def wanted(items: Iterable[Item]) -> set[bytes]:
    """Envelope ids of the documents that entries say something of."""
    found: set[bytes] = set()
    for item in items:
        statement = item.statement
        if item.order is not None:
            found.add(item.order.command.document)
        elif statement is not None and statement.kind is Kind.ACKNOWLEDGEMENT:
            found.update(statement.body["documents"])
        elif statement is not None and statement.kind is Kind.NOTICE:
            found.update(line["document"] for line in statement.body["entries"])
        document = item.document
        if document is not None and document.body["business_type"] in _REQUESTS:
            found.update(document.body["refers_to"])
    return found


class Projection:
    """Takes the entries of one transaction and collects rows.

    Args:
        documents: those that are known of what `wanted` named, by lane and envelope id; for answers also those
            which the recalls and updates among them are about.
    """

    def __init__(self, documents: dict[tuple[int, bytes], KnownDocument]) -> None:
        self._documents = documents
        self._deliveries: dict[int, list[Delivery]] = {}
        self._changed: dict[tuple[int, str, str], Delivery] = {}
        self.documents: list[tuple[Any, ...]] = []
        self.mentions: list[tuple[Any, ...]] = []
        self.statements: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.rejected: list[tuple[Any, ...]] = []
        self.commands: list[tuple[Any, ...]] = []
        self.unread: list[tuple[Any, ...]] = []
        self._tallies: Counter[tuple[int, str, str]] = Counter()

    # -- what it must be given

    def wanted(self, items: Iterable[Item]) -> tuple[set[tuple[int, str]], set[int]]:
        """What it must know before it takes entries: deliveries by document and route, documents with all of theirs."""
        pairs: set[tuple[int, str]] = set()
        whole: set[int] = set()
        for item in items:
            statement, document = item.statement, item.document
            if document is not None:
                if document.body["business_type"] in _REQUESTS:
                    whole.update(self._numbers(item.lane, document.body["refers_to"]))
            elif statement is None or item.order is not None:
                continue
            elif statement.kind is Kind.NOTICE:
                pairs.update(
                    (number, line["recipient"])
                    for line in statement.body["entries"]
                    for number in self._numbers(item.lane, [line["document"]])
                )
            elif statement.body["status"] == Event.TAKE_BACK_ASKED:
                whole.update(self._numbers(item.lane, statement.body["documents"]))
            else:
                named = statement.body["documents"]
                pairs.update((number, statement.sender) for number in self._numbers(item.lane, named))
                if Event(statement.body["status"]) in _ANSWERS:
                    for one in named:
                        known = self._documents.get((item.lane, one))
                        about = self._numbers(item.lane, known.targets) if known else ()
                        pairs.update((number, statement.sender) for number in about)
        return {pair for pair in pairs if pair[0] not in whole}, whole

    def _numbers(self, lane: int, named: Iterable[bytes]) -> Iterable[int]:
        return (known.number for one in named if (known := self._documents.get((lane, one))) is not None)

    def know(self, rows: Iterable[Sequence[Any]]) -> None:
        """Be given rows of `deliveries`: all that `wanted` named."""
        for row in rows:
            delivery = Delivery.read(row)
            self._deliveries.setdefault(delivery.document, []).append(delivery)
        for some in self._deliveries.values():
            some.sort(key=lambda one: (one.route, one.recipient))

    # -- what it makes of them

    @property
    def deliveries(self) -> list[tuple[Any, ...]]:
        """Rows that are new or have changed."""
        return [delivery.row() for delivery in self._changed.values()]

    @property
    def tallies(self) -> list[tuple[Any, ...]]:
        """What is to be added to the counts."""
        return [(*key, count) for key, count in self._tallies.items()]

    def take(self, item: Item) -> None:
        """Take the next entry of a lane."""
        lane, entry, counts, statement, why, order = item
        if counts is not Count.COUNTS:
            self._tallies[lane, "void", counts.name.lower()] += 1
        elif entry.outcome is Outcome.REJECTED:
            self._take_rejected(lane, entry)
        elif why:
            self._tallies[lane, "unread", entry.kind or ""] += 1
            self.unread.append((lane, entry.position, entry.source.agency, entry.id or b"", clean(why)))
        elif entry.outcome is Outcome.ACCEPTED:
            if order is None and item.document is not None and (lane, entry.id) in self._documents:
                # The operator had released it before its sender sent it again.
                self._tallies[lane, "void", Count.DUPLICATE.name.lower()] += 1
                return
            self._tallies[lane, "kind", entry.kind or ""] += 1
            if order is not None and statement is not None:
                self._take_command(lane, entry, statement, order)
            elif statement is not None and statement.kind is Kind.DOCUMENT:
                self._take_document(lane, entry, statement)
            elif statement is not None and statement.kind is Kind.NOTICE:
                self._take_notice(lane, entry, statement)
            elif statement is not None:
                self._take_acknowledgement(lane, entry, statement)

    def _take_rejected(self, lane: int, entry: Entry) -> None:
        self._tallies[lane, "rejected", entry.reason] += 1
        agency, offset, generation = entry.source
        self.rejected.append((
            lane, entry.position, agency, offset, generation, entry.id or b"", entry.kind or "",
            entry.reason, clean(entry.detail), entry.digest, entry.judged_at,
        ))  # fmt: skip

    def _take_command(self, lane: int, entry: Entry, statement: Statement, order: Order) -> None:
        command = order.command
        self.commands.append((
            lane, entry.position, entry.id or b"", command.action, command.document, command.position,
            ",".join(statement.recipients), clean(command.reason), order.by, statement.created, entry.judged_at,
        ))  # fmt: skip
        if command.action == RELEASE and (lane, command.document) not in self._documents:
            self._tallies[lane, "released", Kind.DOCUMENT.value] += 1
            document = command.statement
            routes = routes_released(document, entry.routes)
            self._take_document(lane, entry._replace(id=command.document, routes=routes), document)

    def _take_document(self, lane: int, entry: Entry, statement: Statement) -> None:
        identity = entry.id or b""
        number = document_number(lane, entry.position)
        kind = statement.body["business_type"]
        self.documents.append(document_row(lane, entry.position, identity, entry.judged_at, statement))
        mentions = list(mentions_of(statement))
        self.mentions += [(number, *mention) for mention in mentions]
        targets = tuple(sorted(set(statement.body["refers_to"]))) if kind in _REQUESTS else ()
        self._documents[lane, identity] = KnownDocument(number, statement.sender, kind, targets)
        informed = statement.body["for_information"]
        made = [
            Delivery(number, route, recipient, recipient in informed, entry.judged_at)
            for recipient, route in addressed_of(statement.recipients, entry.routes)
        ]
        if len(made) > 1:
            made.sort(key=lambda one: (one.route, one.recipient))
        self._deliveries[number] = made
        self._changed.update(((number, one.route, one.recipient), one) for one in made)
        self._tallies[lane, "stage", made[0].life.stage.value] += len(made)
        if kind in _REQUESTS:
            event = Event.RECALL if kind == _RECALL else Event.UPDATE
            said = _Said(self, lane, entry, statement, event, Asking(_REQUESTS[kind], identity))
            self._tell(said, "", statement.body["reason"], len(targets))
            for named in targets:
                said.request(named, tuple(statement.recipients))

    def _take_acknowledgement(self, lane: int, entry: Entry, statement: Statement) -> None:
        event = Event(statement.body["status"])
        named = statement.body["documents"]
        said = _Said(self, lane, entry, statement, event, ALL_ASKED)
        self._tell(said, statement.recipients[0], statement.body["reason"], len(named))
        for one in named:
            said.acknowledge(one)

    def _take_notice(self, lane: int, entry: Entry, statement: Statement) -> None:
        """Its lines that are true of a delivery; of several about one the first counts."""
        for line in statement.body["entries"]:
            known = self._documents.get((lane, line["document"]))
            if known is None or known.number != document_number(lane, line["position"]):
                continue
            for delivery in self.deliveries_of(known.number):
                if delivery.route == line["recipient"] and not delivery.told_at:
                    delivery.expired_at, delivery.told_at = line["expired_at"], entry.judged_at
                    self._changed[delivery.document, delivery.route, delivery.recipient] = delivery
                    left = delivery.life.stage is Stage.SENT
                    self._tallies[lane, "expired", "unread" if left else "settled"] += 1

    def _tell(self, said: "_Said", recipient: str, reason: str, named: int) -> None:
        entry, statement = said.entry, said.statement
        self.statements.append((
            said.lane, entry.position, entry.id or b"", statement.sender, recipient, said.event.value,
            clean(reason), statement.created, entry.judged_at, named,
        ))  # fmt: skip

    def known(self, lane: int, named: bytes) -> KnownDocument | None:
        """The document of an envelope id, if its entry stands in this lane and was taken."""
        return self._documents.get((lane, named))

    def deliveries_of(self, number: int) -> list[Delivery]:
        """Those that are known of a document, in order."""
        return self._deliveries.get(number, [])

    def happened(self, said: "_Said", about: "_About", delivery: Delivery, by: Party, asking: Asking) -> None:
        """Something was said of a delivery."""
        before = delivery.life
        life, flag = advance(before, said.event, by, asking)
        delivery.life = life
        delivery.note(said.event, flag, said.entry.judged_at)
        self._changed[delivery.document, delivery.route, delivery.recipient] = delivery
        if life.stage is not before.stage:
            self._tallies[said.lane, "stage", before.stage.value] -= 1
            self._tallies[said.lane, "stage", life.stage.value] += 1
            if before.stage is Stage.SENT and delivery.told_at:
                self._tallies[said.lane, "expired", "unread"] -= 1
                self._tallies[said.lane, "expired", "settled"] += 1
        self._event(said, about, delivery.route, delivery.recipient, flag, life.stage.value, life.request.value)

    def impossible(self, said: "_Said", about: "_About", flag: Flag, recipient: str = "") -> None:
        """Something was said that is about no delivery."""
        self._event(said, about, "", recipient, flag, "", "")

    def _event(
        self, said: "_Said", about: "_About", route: str, recipient: str, flag: Flag | None, stage: str, request: str
    ) -> None:
        if flag is not None:
            self._tallies[said.lane, "flag", flag.value] += 1
        self.events.append((
            said.lane, said.entry.position, said.items, about.number, route, recipient, about.named,
            flag.value if flag is not None else "", stage, request,
        ))  # fmt: skip
        said.items += 1


class _About(NamedTuple):
    """Of what an event is: the document, if its lane has it, and the id named unless that is the document's."""

    number: int | None
    named: bytes = b""


class _Said:
    """One statement while the documents it names are gone through."""

    def __init__(
        self, projection: Projection, lane: int, entry: Entry, statement: Statement, event: Event, asking: Asking
    ) -> None:
        self._projection = projection
        self.lane = lane
        self.entry = entry
        self.statement = statement
        self.event = event
        self._asking = asking
        self.items = 0

    def request(self, named: bytes, recipients: Sequence[str]) -> None:
        """A document of kind 1 or 2 names a document, and goes to some of its recipients."""
        projection = self._projection
        known = projection.known(self.lane, named)
        if known is None:
            projection.impossible(self, _About(None, named), Flag.NO_SUCH_DOCUMENT)
            return
        about = _About(known.number)
        if known.sender != self.statement.sender:
            projection.impossible(self, about, Flag.NOT_HIS_TO_SAY)
            return
        widened = self.event is Event.UPDATE and self.statement.body["changes"] & _RECEIVERS_CHANGED
        for recipient in recipients:
            found = self._addressed(known.number, recipient)
            for delivery in found:
                projection.happened(self, about, delivery, Party.SENDER, self._asking)
            if not found and not widened:
                projection.impossible(self, about, Flag.NO_SUCH_DOCUMENT, recipient)

    def _addressed(self, number: int, recipient: str) -> list[Delivery]:
        """Deliveries to a recipient; if it was not addressed itself, those for which it has the inbox."""
        deliveries = self._projection.deliveries_of(number)
        return [one for one in deliveries if one.recipient == recipient] or [
            one for one in deliveries if one.route == recipient
        ]

    def acknowledge(self, named: bytes) -> None:
        """An acknowledgement names a document."""
        projection = self._projection
        known = projection.known(self.lane, named)
        if known is None:
            projection.impossible(self, _About(None, named), Flag.NO_SUCH_DOCUMENT)
        elif self.event in _ANSWERS and known.targets:
            self._answer(known, named)
        elif self.event is Event.TAKE_BACK_ASKED and known.sender == self.statement.sender:
            self.request(named, self.statement.recipients)
        else:
            self._say(known, _About(known.number), ALL_ASKED)

    def _answer(self, asking: KnownDocument, named: bytes) -> None:
        """15 or 16, and it names the document that asked."""
        about = [one for one in (self._projection.known(self.lane, target) for target in asking.targets) if one]
        for known in about:
            self._say(known, _About(known.number, named), Asking(_REQUESTS[asking.business_type], named))
        if not about:
            self._projection.impossible(self, _About(asking.number), Flag.NO_SUCH_DOCUMENT)

    def _say(self, known: KnownDocument, about: _About, asking: Asking) -> None:
        """A recipient says something to the sender of a document."""
        projection, sender = self._projection, self.statement.sender
        mine = [one for one in projection.deliveries_of(known.number) if one.route == sender]
        if not mine:
            projection.impossible(self, about, Flag.NOT_HIS_TO_SAY)
        elif known.sender not in self.entry.routes and known.sender not in self.statement.recipients:
            # The document's sender never hears of it.
            projection.impossible(self, about, Flag.NO_SUCH_DOCUMENT)
        else:
            for delivery in mine:
                projection.happened(self, about, delivery, Party.RECIPIENT, asking)
