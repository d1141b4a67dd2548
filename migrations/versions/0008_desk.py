"""More of the desk: agents' own chats, which notices go to.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notice_chats",
        sa.Column("id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("channel_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("code_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_notice_chats_agent_id_agents")),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_notice_chats_channel_id_channels")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_chats")),
        sa.UniqueConstraint("agent_id", name=op.f("uq_notice_chats_agent_id")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_notice_chats_code_hash")),
        sa.UniqueConstraint("kind", "scope", "value", name=op.f("uq_notice_chats_kind_scope_value")),
    )


def downgrade() -> None:
    op.drop_table("notice_chats")
