"""What the operator ordered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "commands",
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("recipients", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("operator", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("commands_document", "commands", ["document"], unique=False)
