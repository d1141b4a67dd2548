"""Messengers: parts of what was sent, when an attempt began, tokens that are renewed.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "sent_parts",
        sa.Column("id", ID, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_sent_parts_channel_id_channels")),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_sent_parts_delivery_id_deliveries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_parts")),
        sa.UniqueConstraint("channel_id", "external_id", name=op.f("uq_sent_parts_channel_id_external_id")),
    )
    op.create_index(op.f("ix_sent_parts_delivery_id"), "sent_parts", ["delivery_id"], unique=False)
    op.create_table(
        "channel_tokens",
        sa.Column("channel_id", ID, autoincrement=False, nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_channel_tokens_channel_id_channels")),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_channel_tokens")),
    )


def downgrade() -> None:
    op.drop_table("channel_tokens")
    op.drop_index(op.f("ix_sent_parts_delivery_id"), table_name="sent_parts")
    op.drop_table("sent_parts")
    op.drop_column("deliveries", "tried_at")
