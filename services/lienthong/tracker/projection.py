"""What the entries of some rounds make of the tables: values in, rows out.

A state is computed by `kernel.lifecycle.advance` alone, in the order of the lane. A document that is
named is looked up in the lane of the one who names it, so that nothing depends on how far other lanes
have been read; what stands in another lane is unknown here for good, and the event says so.

First the store is told which documents the entries name (`lienthong.tracker.item`), then of which of them it
must bring which deliveries (`Projection.wanted`), then the entries are taken in order.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lienthong.kernel.addressing import informed_of
from lienthong.kernel.command import RELEASE, routes_released
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.lifecycle import ALL_ASKED, Asking, Event, Flag, Party, Stage, Step, advance
from lienthong.kernel.statement import Kind, Statement
from lienthong.tracker.addressed import addressed_of
from lienthong.tracker.delivery import Delivery
from lienthong.tracker.document import clean, document_row, mentions_of
from lienthong.tracker.item import ANSWERS, REQUESTS, Item, Order
from lienthong.tracker.known_documents import KnownDocument, KnownDocuments
from lienthong.tracker.tables import document_number

__all__ = ["Projection"]

_RECALL = 1
_RECEIVERS_CHANGED = 2


class Projection:
    """Takes the entries of one transaction and collects rows.

    Args:
        documents: those that are known of what the entries name.
    """

    def __init__(self, documents: KnownDocuments) -> None:
        self.known = documents
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
        answers: set[tuple[int, bytes, str]] = set()
        for item in items:
            statement, document = item.statement, item.document
            if document is not None:
                if document.body["business_type"] in REQUESTS:
                    whole.update(self.known.numbers(item.lane, document.body["refers_to"]))
            elif statement is None or item.order is not None:
                continue
            elif statement.kind is Kind.NOTICE:
                pairs.update(
                    (number, line["recipient"])
                    for line in statement.body["entries"]
                    for number in self.known.numbers(item.lane, [line["document"]])
                )
            elif statement.body["status"] == Event.TAKE_BACK_ASKED:
                whole.update(self.known.numbers(item.lane, statement.body["documents"]))
            else:
                named = statement.body["documents"]
                pairs.update((number, statement.sender) for number in self.known.numbers(item.lane, named))
                if Event(statement.body["status"]) in ANSWERS:
                    answers.update((item.lane, one, statement.sender) for one in named)
        for lane, one, inbox in answers:
            known = self.known.get(lane, one)
            about = [*self.known.numbers(lane, known.targets)] if known else []
            about += [request.number for request in self.known.unread_about(lane, one, inbox)]
            pairs.update((number, inbox) for number in about)
        return {pair for pair in pairs if pair[0] not in whole}, whole

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
            if order is None and item.document is not None and self.known.get(lane, entry.id or b""):
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
        if command.action == RELEASE and self.known.get(lane, command.document) is None:
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
        targets = tuple(sorted(set(statement.body["refers_to"]))) if kind in REQUESTS else ()
        self.known.add(lane, identity, KnownDocument(number, statement.sender, kind, targets))
        addressed = addressed_of(statement.recipients, entry.routes)
        informed = informed_of(statement.recipients, statement.body["for_information"], (one for one, _ in addressed))
        made = [
            Delivery(number, route, recipient, recipient in informed, entry.judged_at) for recipient, route in addressed
        ]
        if len(made) > 1:
            made.sort(key=lambda one: (one.route, one.recipient))
        self._deliveries[number] = made
        self._changed.update(((number, one.route, one.recipient), one) for one in made)
        self._tallies[lane, "stage", made[0].life.stage.value] += len(made)
        if kind in REQUESTS:
            event = Event.RECALL if kind == _RECALL else Event.UPDATE
            said = _Said(self, lane, entry, statement, event, Asking(REQUESTS[kind], identity))
            self._tell(said, "", statement.body["reason"], len(targets))
            for named in targets:
                said.request(named, addressed)

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
            known = self.known.get(lane, line["document"])
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

    def deliveries_of(self, number: int) -> list[Delivery]:
        """Those that are known of a document, in order."""
        return self._deliveries.get(number, [])

    def happened(self, said: "_Said", about: "_About", delivery: Delivery, by: Party, asking: Asking) -> bool:
        """Something was said of a delivery; returns whether it was possible."""
        return self._becomes(said, about, delivery, said.event, advance(delivery.life, said.event, by, asking))

    def arrived(self, said: "_Said", about: "_About", delivery: Delivery) -> None:
        """What was said tells that a delivery has arrived, as a 01 does."""
        step = advance(delivery.life, Event.ARRIVED, Party.RECIPIENT)
        self._becomes(said, about, delivery, Event.ARRIVED, step)

    def _becomes(self, said: "_Said", about: "_About", delivery: Delivery, event: Event, step: Step) -> bool:
        before = delivery.life
        life, flag = step
        delivery.life = life
        delivery.note(event, flag, said.entry.judged_at)
        self._changed[delivery.document, delivery.route, delivery.recipient] = delivery
        if life.stage is not before.stage:
            self._tallies[said.lane, "stage", before.stage.value] -= 1
            self._tallies[said.lane, "stage", life.stage.value] += 1
            if before.stage is Stage.SENT and delivery.told_at:
                self._tallies[said.lane, "expired", "unread"] -= 1
                self._tallies[said.lane, "expired", "settled"] += 1
        self._event(said, about, delivery.route, delivery.recipient, flag, life.stage.value, life.request.value)
        return flag is None

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

    def request(self, named: bytes, addressed: Iterable[tuple[str, str]]) -> None:
        """Somebody who has sent a document asks for something; recipients one by one with the inbox of each."""
        projection = self._projection
        known = projection.known.get(self.lane, named)
        if known is None:
            projection.impossible(self, _About(None, named), Flag.NO_SUCH_DOCUMENT)
            return
        about = _About(known.number)
        if known.sender != self.statement.sender:
            projection.impossible(self, about, Flag.NOT_HIS_TO_SAY)
            return
        widened = self.event is Event.UPDATE and self.statement.body["changes"] & _RECEIVERS_CHANGED
        inboxes, meant = self._inboxes(known.number, addressed)
        asked: set[str] = set()
        for recipient, routes in meant.items():
            if not routes and not widened:
                projection.impossible(self, about, Flag.NO_SUCH_DOCUMENT, recipient)
            for route in routes:
                # One inbox has one document and gives one answer: it is asked once, for all codes behind it.
                for delivery in inboxes[route] if route not in asked else ():
                    projection.happened(self, about, delivery, Party.SENDER, self._asking)
                asked.add(route)

    def _inboxes(
        self, number: int, addressed: Iterable[tuple[str, str]]
    ) -> tuple[dict[str, list[Delivery]], dict[str, list[str]]]:
        """Deliveries of a document by inbox, and at which of these each one addressed is meant.

        That is where the document was delivered for it, where it has the inbox itself for others, and where
        it is asked: whoever finds the request in his inbox beside the document knows that he is meant, though it is
        addressed to a unit that the document does not name.
        """
        inboxes: dict[str, list[Delivery]] = {}
        meant: dict[str, list[str]] = {}
        for recipient, route in addressed:
            meant.setdefault(recipient, []).append(route)
        having: dict[str, list[str]] = {}
        for one in self._projection.deliveries_of(number):
            inboxes.setdefault(one.route, []).append(one)
            having.setdefault(one.recipient, []).append(one.route)
        for recipient, routes in meant.items():
            some = dict.fromkeys((*having.get(recipient, ()), recipient, *routes))
            meant[recipient] = [route for route in some if route in inboxes]
        return inboxes, meant

    def acknowledge(self, named: bytes) -> None:
        """An acknowledgement names a document."""
        projection = self._projection
        known = projection.known.get(self.lane, named)
        if known is None:
            projection.impossible(self, _About(None, named), Flag.NO_SUCH_DOCUMENT)
        elif self.event is Event.TAKE_BACK_ASKED and known.sender == self.statement.sender:
            self.request(named, addressed_of(self.statement.recipients, self.entry.routes))
        elif self.event not in ANSWERS:
            self._say(known, _About(known.number), ALL_ASKED)
        elif known.business_type in REQUESTS:
            self._answer(known, named)
        elif self._say(known, _About(known.number), ALL_ASKED):
            inbox = self.statement.sender
            for asking in projection.known.unread_about(self.lane, named, inbox):
                if asking.sender == known.sender:
                    self._has_read(asking, named)
            projection.known.read_about(self.lane, named, inbox)

    def _answer(self, asking: KnownDocument, named: bytes) -> None:
        """15 or 16, and it names the document that asked."""
        self._has_read(asking)
        about = [one for one in (self._projection.known.get(self.lane, target) for target in asking.targets) if one]
        for known in about:
            self._say(known, _About(known.number, named), Asking(REQUESTS[asking.business_type], named))
        if not about:
            self._projection.impossible(self, _About(asking.number), Flag.NO_SUCH_DOCUMENT)

    def _has_read(self, asking: KnownDocument, named: bytes = b"") -> None:
        """Whoever answers a recall or an update has read it, and need not say so besides.

        An answer that names it says so of it. One that names the document that it is about is told of it only if it
        was unread.
        """
        for delivery in self._mine(asking):
            if self._is_heard(asking) and (not named or delivery.life.stage is Stage.SENT):
                self._projection.arrived(self, _About(asking.number, named), delivery)

    def _say(self, known: KnownDocument, about: _About, asking: Asking) -> bool:
        """A recipient says something to the sender of a document; returns whether it was possible."""
        projection, mine = self._projection, self._mine(known)
        if not mine:
            projection.impossible(self, about, Flag.NOT_HIS_TO_SAY)
        elif not self._is_heard(known):
            projection.impossible(self, about, Flag.NO_SUCH_DOCUMENT)
        else:
            possible = [projection.happened(self, about, one, Party.RECIPIENT, asking) for one in mine]
            return any(possible)
        return False

    def _mine(self, known: KnownDocument) -> list[Delivery]:
        """Deliveries of a document in the inbox of the one who speaks."""
        return [one for one in self._projection.deliveries_of(known.number) if one.route == self.statement.sender]

    def _is_heard(self, known: KnownDocument) -> bool:
        """Whether the document's sender hears of it."""
        return known.sender in self.entry.routes or known.sender in self.statement.recipients
