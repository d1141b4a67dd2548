"""More of talk: where a call's recording lies, told of before the call has an entry.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("live_calls", sa.Column("recording_url", sa.String(length=1000), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("live_calls", "recording_url")
