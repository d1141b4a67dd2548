"""Chats that go on elsewhere.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "chat_continuations",
        sa.Column("id", ID, nullable=False),
        sa.Column("chat_identity_id", ID, nullable=False),
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("sent_up_to", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_identity_id"], ["identities.id"], name=op.f("fk_chat_continuations_chat_identity_id_identities")
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identities.id"], name=op.f("fk_chat_continuations_identity_id_identities")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_continuations")),
        sa.UniqueConstraint(
            "chat_identity_id", "identity_id", name=op.f("uq_chat_continuations_chat_identity_id_identity_id")
        ),
    )
    op.create_index(op.f("ix_chat_continuations_identity_id"), "chat_continuations", ["identity_id"], unique=False)
    op.add_column("messages", sa.Column("chat_identity_id", ID, nullable=True))
    op.create_index(op.f("ix_messages_chat_identity_id"), "messages", ["chat_identity_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_messages_chat_identity_id"), table_name="messages")
    op.drop_column("messages", "chat_identity_id")
    op.drop_index(op.f("ix_chat_continuations_identity_id"), table_name="chat_continuations")
    op.drop_table("chat_continuations")
