"""When the time of what was left unread was over, and when its sender was told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    for name in ("expired_at", "told_at"):
        op.add_column("deliveries", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
