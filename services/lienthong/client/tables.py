"""Tables of the client's store, and how SQLite is to keep them."""

__all__ = ["SCHEMA", "SETTINGS", "SUMMARY", "UNFINISHED"]

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
    renewed_as BLOB
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (number) WHERE state = 0;
CREATE TABLE IF NOT EXISTS answer (
    number INTEGER NOT NULL, -- of the document in the outbox: in order, so that what is new lies together in the file
    agency TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (number, agency, status)
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
    status TEXT,
    value BLOB,
    PRIMARY KEY (lane, sequence)
);
CREATE INDEX IF NOT EXISTS inbox_id ON inbox (id);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (lane, sequence) WHERE status IS NULL;
CREATE TABLE IF NOT EXISTS cursor (
    lane INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    next_offset INTEGER NOT NULL
);
"""
"""Tables and indexes of the file."""
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
