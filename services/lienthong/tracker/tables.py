"""Tables of the tracker's database: documents, deliveries and what was said of them.

Every row is a function of the ledger, whatever the order in which its lanes are read. What concerns
several lanes is therefore not stored as a state: that a document was replaced is found by joining
`mentions` when it is read (`lienthong.tracker.queries`).

Times are milliseconds since 1970-01-01 UTC and come from the ledger (`judged`), unless the comment
says otherwise; 0 is never. Texts are as the sender wrote them, without zero characters, which
PostgreSQL does not hold. An empty text or array is nothing stated.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    column,
)
from sqlalchemy.types import TypeEngine

__all__ = ["LANES", "TABLES", "commands", "deliveries", "document_number", "documents", "events", "mentions",
           "metadata", "place_of", "positions", "rejected", "statements", "tallies", "unread"]  # fmt: skip

LANES = 4_096
"""More than a backbone has lanes."""

metadata = MetaData()

_number: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""An INTEGER key is SQLite's own row number."""
_text: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte, as SQLite and Python do: order and digest do not depend on a locale."""


def document_number(lane: int, position: int) -> int:
    """Number of the document whose entry stands at a ledger position; it grows along a lane."""
    return position * LANES + lane


def place_of(number: int) -> tuple[int, int]:
    """Lane and ledger position of a document's number."""
    return number % LANES, number // LANES


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _small(name: str) -> Column[int]:
    return Column(name, SmallInteger, nullable=False)


def _words(name: str) -> Column[str]:
    return Column(name, _text, nullable=False)


def _bytes(name: str, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, primary_key=key)


def _key(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


documents = Table(
    "documents",
    metadata,
    _key("number", _number),  # document_number(lane, position)
    _bytes("id"),  # envelope id, 32 bytes
    Column("lane", Integer, nullable=False),
    _count("position"),  # ledger offset of its entry
    _words("sender"),
    _bytes("thread"),  # 16 bytes
    _small("business_type"),  # 0 new, 1 recall, 2 update, 3 replace
    _small("priority"),  # 0 to 4
    _count("created"),  # by the sender's clock
    _count("accepted_at"),
    # The natural key is (sender, year, code_number, code_notation); it has an index and is not unique: a repeat is
    # the sender's to mend, and both documents exist. The year is that of promulgation_date, 0 if that is no date.
    _small("year"),
    _words("code_number"),
    _words("code_notation"),
    _words("document_type"),
    _words("promulgation_date"),  # YYYY-MM-DD if the sender keeps the rules
    _words("promulgation_place"),
    _words("subject"),
    _words("sphere"),
    _words("signer_competence"),
    _words("signer_position"),
    _words("signer_name"),
    _count("steering_type"),
    _count("page_amount"),
    _count("issued_amount"),
    _words("due_date"),  # YYYY-MM-DD if the sender keeps the rules
    Column("paper", Boolean, nullable=False),
    _words("reason"),  # why it recalls, updates or replaces
    _count("changes"),  # of an update: 1 its data, 2 its receivers, 3 both
    _small("attachments"),  # how many files
    Index("documents_id", "id", unique=True),
    Index("documents_sender", "sender", "accepted_at"),
    Index(
        "documents_code", "sender", "year", "code_number", "code_notation",
        sqlite_where=column("code_number") != "", postgresql_where=column("code_number") != "",
    ),
)  # fmt: skip
"""Every accepted document, of all four kinds."""

mentions = Table(
    "mentions",
    metadata,
    _key("document", _number),  # number of the document that refers
    _key("relation", _text),  # recalls, updates, replaces, answers
    _bytes("named", key=True),  # envelope id; perhaps of no document, or of one of another lane
    _key("agency", _text),  # of a replacement: for whom; empty: for all
    Index("mentions_named", "named", "relation"),
    sqlite_with_rowid=False,
)
"""What documents say of other documents. A replacement counts if both have one sender."""

deliveries = Table(
    "deliveries",
    metadata,
    _key("document", _number),
    _key("route", _text),  # code of the agency in whose inbox it is, and who speaks for the recipient
    _key("recipient", _text),  # the code it is addressed to: the route's own, or one behind it
    Column("for_information", Boolean, nullable=False),  # otherwise for action
    _count("sent_at"),  # when it was accepted; the same as documents.accepted_at
    _words("stage"),  # lifecycle.Stage
    _words("request"),  # lifecycle.Request
    _words("answer"),  # lifecycle.Answer
    _bytes("update_id"),  # envelope id of the update that waits for its answer; empty if none waits
    # The first time that each was said and was possible, by the ledger; 0: not said.
    _count("arrived_at"),  # 01; of a recall or an update also a 15 or 16 that answers it
    _count("refused_at"),  # 02
    _count("registered_at"),  # 03 accepted: entered in the register
    _count("assigned_at"),  # 04
    _count("processing_at"),  # 05
    _count("done_at"),  # 06
    _count("take_back_asked_at"),  # 13 or a document of kind 1
    _count("update_asked_at"),  # a document of kind 2
    _count("agreed_at"),  # 15
    _count("change_refused_at"),  # 16
    _count("last_event_at"),  # of whatever was said of it, possible or not
    _count("flags"),  # how much of it was impossible
    _count("expired_at"),  # of what was left unread, as the first notice says: when its time was over
    _count("told_at"),  # when that notice was accepted, by which its sender was told
    Index("deliveries_route", "route", "sent_at"),
    Index(
        "deliveries_behind", "recipient", "sent_at",
        sqlite_where=column("recipient") != column("route"), postgresql_where=column("recipient") != column("route"),
    ),
    Index(
        "deliveries_unacknowledged", "route", "sent_at",
        sqlite_where=column("stage") == "sent", postgresql_where=column("stage") == "sent",
    ),
    Index(
        "deliveries_asked", "route", "sent_at",
        sqlite_where=column("request") != "none", postgresql_where=column("request") != "none",
    ),
    sqlite_with_rowid=False,
)  # fmt: skip
"""State of each document at each recipient."""

statements = Table(
    "statements",
    metadata,
    _key("lane", Integer()),
    _key("position", BigInteger()),
    _bytes("id"),
    _words("sender"),
    _words("recipient"),  # of an acknowledgement: to whom it is said; of a document: empty
    _words("event"),  # lifecycle.Event: a status code, or recall, update
    _words("reason"),
    _count("created"),  # by the sender's clock
    _count("judged_at"),
    _small("named"),  # how many documents it names
    sqlite_with_rowid=False,
)
"""Every acknowledgement, and every document of kind 1 and 2: what events come from."""

events = Table(
    "events",
    metadata,
    _key("lane", Integer()),
    _key("position", BigInteger()),  # of the statement in `statements`
    _key("item", Integer()),  # 0, 1, 2 … within the statement
    Column("document", BigInteger, nullable=True),  # documents.number; null if its lane had no such document then
    _words("route"),  # with `recipient` the delivery it is about; both empty if there is none
    _words("recipient"),
    # Envelope id named; empty if it is document's. A 15 or 16 may be an event of a document and name the recall or
    # update that asked, and of a recall or update, which arrives by it, and name the document that this is about.
    _bytes("named"),
    _words("flag"),  # lifecycle.Flag; empty: it was possible
    _words("stage"),  # of the delivery, after it; empty if there is none
    _words("request"),
    Index("events_document", "document", "position", "item"),
    Index(
        "events_unknown",
        "named",
        sqlite_where=column("document").is_(None),
        postgresql_where=column("document").is_(None),
    ),
    Index("events_flag", "flag", sqlite_where=column("flag") != "", postgresql_where=column("flag") != ""),
    sqlite_with_rowid=False,
)
"""What was said of each delivery, in ledger order within a document. Nothing is left out, the impossible neither."""

rejected = Table(
    "rejected",
    metadata,
    _key("lane", Integer()),
    _key("position", BigInteger()),
    _words("agency"),  # whose out topic it stood in
    _count("source_offset"),
    _words("generation"),  # of that topic
    _bytes("id"),  # empty if it could not be told
    _words("kind"),  # empty if it could not be told
    _words("reason"),
    _words("detail"),
    _bytes("digest"),
    _count("judged_at"),
    Index("rejected_agency", "agency", "judged_at"),
    Index("rejected_time", "judged_at"),
    sqlite_with_rowid=False,
)
"""Entries that intake rejected."""

commands = Table(
    "commands",
    metadata,
    _key("lane", Integer()),
    _key("position", BigInteger()),
    _bytes("id"),  # of the command
    _words("action"),  # resend or release
    _bytes("document"),  # envelope id
    _count("target"),  # ledger position, in this lane, of the entry that accepted or rejected the document
    _words("recipients"),  # codes of the agencies it goes to, commas between
    _words("reason"),
    _bytes("operator"),  # id of the key that signed it
    _count("created"),  # by the operator's clock
    _count("judged_at"),
    Index("commands_document", "document"),
    sqlite_with_rowid=False,
)
"""What the operator ordered. A released document stands in `documents` with the command's position."""

unread = Table(
    "unread",
    metadata,
    _key("lane", Integer()),
    _key("position", BigInteger()),
    _words("agency"),
    _bytes("id"),
    _words("why"),
    sqlite_with_rowid=False,
)
"""Accepted entries that this program cannot read: of a newer version, or damaged. Run `tracker rebuild` after an
update; what they said is missing from all other tables."""

tallies = Table(
    "tallies",
    metadata,
    _key("lane", Integer()),
    _key("name", _text),  # kind, released, stage, flag, rejected, unread, expired
    # Of a name: document, acknowledgement, … ; sent, arrived, …; a flag; a reason; unread, settled.
    _key("value", _text),
    _count("count"),
    sqlite_with_rowid=False,
)
"""How many rows of each sort there are, kept with them, so that nobody counts millions of rows for a metric."""

positions = Table(
    "positions",
    metadata,
    _key("lane", Integer()),
    _count("next_offset"),  # ledger offset that is taken next
    _count("entries"),  # taken so far, void ones too
    _count("judged_at"),  # the newest of them
    sqlite_with_rowid=False,
)
"""How far each lane was read: moved in the transaction that stores what was read."""

TABLES = (documents, mentions, deliveries, statements, events, rejected, commands, unread, tallies, positions)
"""All of them, in the order in which they are written."""
