"""Tables of the client's store, and how SQLite is to keep them."""

__all__ = ["ARRIVAL", "FORMS", "SCHEMA", "SETTINGS", "SUMMARY", "UNFINISHED"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    content_key BLOB UNIQUE,
    kind TEXT NOT NULL,
    lane INTEGER NOT NULL,
    statement BLOB,
    contents BLOB,
    handed_over_at INTEGER NOT NULL,
    routes TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    position INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    renewed_as BLOB,
    says TEXT, -- of an acknowledgement: status code, and after a space the reason
    natural_key TEXT -- of a new document with a number: year/number/notation
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (number) WHERE state = 0;
CREATE INDEX IF NOT EXISTS outbox_natural_key ON outbox (natural_key) WHERE natural_key IS NOT NULL;
CREATE TABLE IF NOT EXISTS answer (
    number INTEGER NOT NULL, -- of the document in the outbox: in order, so that what is new lies together in the file
    place INTEGER NOT NULL, -- lane and ledger position of the acknowledgement
    agency TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heard (
    place INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    judged_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS remark (
    document BLOB NOT NULL,
    place INTEGER NOT NULL,
    event TEXT NOT NULL,
    agency TEXT NOT NULL,
    id BLOB NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    judged_at INTEGER NOT NULL,
    agencies TEXT NOT NULL,
    PRIMARY KEY (document, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS remark_id ON remark (id);
CREATE TABLE IF NOT EXISTS notice (
    document BLOB NOT NULL,
    agency TEXT NOT NULL, -- that has left it unread
    place INTEGER NOT NULL, -- lane and ledger position of the notice
    id BLOB NOT NULL,
    expired_at INTEGER NOT NULL,
    created INTEGER NOT NULL,
    judged_at INTEGER NOT NULL,
    PRIMARY KEY (document, agency)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spoken (
    document BLOB NOT NULL,
    number INTEGER NOT NULL, -- of what we have said of it, in the outbox
    PRIMARY KEY (document, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    lane INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    sender TEXT NOT NULL,
    thread BLOB NOT NULL,
    priority INTEGER NOT NULL,
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,
    judged_at INTEGER NOT NULL,
    handed INTEGER NOT NULL,
    said INTEGER, -- what settled it: its number in the outbox; 0: nothing was to be said
    value BLOB,
    addressed TEXT NOT NULL, -- codes it is meant for
    PRIMARY KEY (lane, sequence)
);
CREATE INDEX IF NOT EXISTS inbox_id ON inbox (id);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (lane, sequence) WHERE said IS NULL;
CREATE TABLE IF NOT EXISTS ordered (
    lane INTEGER NOT NULL,
    sequence INTEGER NOT NULL, -- of the document in the inbox that the operator had handed over
    action TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (lane, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS released (
    id BLOB PRIMARY KEY, -- of a document in the outbox that the operator had delivered although it was rejected
    why TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (
    lane INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    next_offset INTEGER NOT NULL
);
"""
"""Tables and indexes of the file."""
FORMS = (
    "SELECT says, natural_key FROM outbox LIMIT 0",
    "SELECT place FROM answer LIMIT 0",
    "SELECT said, addressed FROM inbox LIMIT 0",
)
"""What a file of an earlier version refuses: its tables stay as they were."""
ARRIVAL = (
    "SELECT lane, sequence, id, sender, thread, priority, subject, position, judged_at, handed, value, addressed,"
    " action, why FROM inbox LEFT JOIN ordered USING (lane, sequence)"
)
"""Documents of the inbox, with the fields of `Arrival`; the last two are those of its order."""
UNFINISHED = "CREATE TEMP TABLE unfinished (number INTEGER PRIMARY KEY)"
"""Documents of the outbox whose counts may still change; for this process and in memory alone."""
SUMMARY = """
WITH open (number) AS (
    SELECT number FROM outbox WHERE number > :seen AND kind = 'document'
    UNION ALL SELECT number FROM unfinished
)
SELECT number, state, LENGTH(routes) - LENGTH(REPLACE(routes, ',', '')) - 1 = (
    SELECT COUNT(DISTINCT agency) FROM answer
    WHERE answer.number = outbox.number AND status <> '01' AND INSTR(routes, ',' || agency || ',')
)
FROM open CROSS JOIN outbox USING (number)
"""
"""Every document that is new since `:seen` or unfinished: number, state, whether it is acknowledged by all."""
SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "temp_store = MEMORY",
    "cache_size = -16384",  # KiB: the indexes on ids are hit all over, and what does not fit is read from the file
    "wal_autocheckpoint = 8000",  # pages: one that changes often is copied into the file once and not each time
)
"""What every connection is set to."""
