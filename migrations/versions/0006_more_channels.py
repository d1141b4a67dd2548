"""More channels: programs that are told what happens, calls that go on, agents' extensions.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("agents", sa.Column("extension", sa.String(length=40), nullable=True))
    op.create_table(
        "webhooks",
        sa.Column("id", ID, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret_sealed", sa.String(), nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("seq", ID, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("stopped_why", sa.String(), nullable=False),
        sa.Column("failures", ID, nullable=False),
        sa.Column("last_success_at", TIME, nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("last_error_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_webhooks_agent_id_agents")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "live_calls",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("call_id", sa.String(length=150), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("number", sa.String(length=320), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_live_calls_channel_id_channels")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_live_calls_agent_id_agents")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_live_calls_customer_id_customers")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_live_calls_message_id_messages")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_calls")),
        sa.UniqueConstraint("channel_id", "call_id", name=op.f("uq_live_calls_channel_id_call_id")),
    )
    op.create_index(op.f("ix_live_calls_state_started_at"), "live_calls", ["state", "started_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_live_calls_state_started_at"), table_name="live_calls")
    op.drop_table("live_calls")
    op.drop_table("webhooks")
    op.drop_column("agents", "extension")
