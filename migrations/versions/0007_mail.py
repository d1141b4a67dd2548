"""More of mail: the index of Message-IDs holds mails only.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MAILS = sa.text("rfc822_id IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_messages_rfc822", table_name="messages")
    op.create_index(
        "ix_messages_rfc822", "messages", ["rfc822_id"], unique=False, sqlite_where=MAILS, postgresql_where=MAILS
    )


def downgrade() -> None:
    op.drop_index("ix_messages_rfc822", table_name="messages")
    op.create_index("ix_messages_rfc822", "messages", ["rfc822_id"], unique=False)
