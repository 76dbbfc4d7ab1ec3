"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "deliveries",
        sa.Column("document", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("route", _TEXT, autoincrement=False, nullable=False),
        sa.Column("recipient", _TEXT, autoincrement=False, nullable=False),
        sa.Column("for_information", sa.Boolean(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", _TEXT, nullable=False),
        sa.Column("request", _TEXT, nullable=False),
        sa.Column("answer", _TEXT, nullable=False),
        sa.Column("update_id", sa.LargeBinary(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("processing_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.Column("take_back_asked_at", sa.BigInteger(), nullable=False),
        sa.Column("update_asked_at", sa.BigInteger(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.Column("change_refused_at", sa.BigInteger(), nullable=False),
        sa.Column("last_event_at", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("document", "route", "recipient"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "deliveries_asked",
        "deliveries",
        ["route", "sent_at"],
        unique=False,
        sqlite_where=sa.text("request != 'none'"),
        postgresql_where=sa.text("request != 'none'"),
    )
    op.create_index(
        "deliveries_behind",
        "deliveries",
        ["recipient", "sent_at"],
        unique=False,
        sqlite_where=sa.text("recipient != route"),
        postgresql_where=sa.text("recipient != route"),
    )
    op.create_index("deliveries_route", "deliveries", ["route", "sent_at"], unique=False)
    op.create_index(
        "deliveries_unacknowledged",
        "deliveries",
        ["route", "sent_at"],
        unique=False,
        sqlite_where=sa.text("stage = 'sent'"),
        postgresql_where=sa.text("stage = 'sent'"),
    )
    op.create_table(
        "documents",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("thread", sa.LargeBinary(), nullable=False),
        sa.Column("business_type", sa.SmallInteger(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("code_number", _TEXT, nullable=False),
        sa.Column("code_notation", _TEXT, nullable=False),
        sa.Column("document_type", _TEXT, nullable=False),
        sa.Column("promulgation_date", _TEXT, nullable=False),
        sa.Column("promulgation_place", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("sphere", _TEXT, nullable=False),
        sa.Column("signer_competence", _TEXT, nullable=False),
        sa.Column("signer_position", _TEXT, nullable=False),
        sa.Column("signer_name", _TEXT, nullable=False),
        sa.Column("steering_type", sa.BigInteger(), nullable=False),
        sa.Column("page_amount", sa.BigInteger(), nullable=False),
        sa.Column("issued_amount", sa.BigInteger(), nullable=False),
        sa.Column("due_date", _TEXT, nullable=False),
        sa.Column("paper", sa.Boolean(), nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("attachments", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(
        "documents_code",
        "documents",
        ["sender", "year", "code_number", "code_notation"],
        unique=False,
        sqlite_where=sa.text("code_number != ''"),
        postgresql_where=sa.text("code_number != ''"),
    )
    op.create_index("documents_id", "documents", ["id"], unique=True)
    op.create_index("documents_sender", "documents", ["sender", "accepted_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.BigInteger(), nullable=True),
        sa.Column("route", _TEXT, nullable=False),
        sa.Column("recipient", _TEXT, nullable=False),
        sa.Column("named", sa.LargeBinary(), nullable=False),
        sa.Column("flag", _TEXT, nullable=False),
        sa.Column("stage", _TEXT, nullable=False),
        sa.Column("request", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "position", "item"),
        sqlite_with_rowid=False,
    )
    op.create_index("events_document", "events", ["document", "position", "item"], unique=False)
    op.create_index(
        "events_unknown",
        "events",
        ["named"],
        unique=False,
        sqlite_where=sa.text("document IS NULL"),
        postgresql_where=sa.text("document IS NULL"),
    )
    op.create_index(
        "events_flag",
        "events",
        ["flag"],
        unique=False,
        sqlite_where=sa.text("flag != ''"),
        postgresql_where=sa.text("flag != ''"),
    )
    op.create_table(
        "mentions",
        sa.Column("document", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("relation", _TEXT, autoincrement=False, nullable=False),
        sa.Column("named", sa.LargeBinary(), nullable=False),
        sa.Column("agency", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("document", "relation", "named", "agency"),
        sqlite_with_rowid=False,
    )
    op.create_index("mentions_named", "mentions", ["named", "relation"], unique=False)
    op.create_table(
        "positions",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rejected",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agency", _TEXT, nullable=False),
        sa.Column("source_offset", sa.BigInteger(), nullable=False),
        sa.Column("generation", _TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("rejected_agency", "rejected", ["agency", "judged_at"], unique=False)
    op.create_index("rejected_time", "rejected", ["judged_at"], unique=False)
    op.create_table(
        "statements",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("sender", _TEXT, nullable=False),
        sa.Column("recipient", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.Column("named", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tallies",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("value", _TEXT, autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "name", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unread",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agency", _TEXT, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "position"),
        sqlite_with_rowid=False,
    )
