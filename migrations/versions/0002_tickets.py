"""Fields of tickets, replies that wait, macros in two languages, agents whose replies are approved.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ticket_fields",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_vi", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_fields")),
        sa.UniqueConstraint("key", name=op.f("uq_ticket_fields_key")),
    )
    op.create_table(
        "held_replies",
        sa.Column("id", ID, nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("why", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("seen_seq", ID, nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("decided_by_id", ID, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_held_replies_agent_id_agents")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["agents.id"], name=op.f("fk_held_replies_decided_by_id_agents")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_held_replies_message_id_messages")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_held_replies_ticket_id_tickets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_replies")),
    )
    op.create_index(op.f("ix_held_replies_ticket_id_state"), "held_replies", ["ticket_id", "state"], unique=False)
    op.create_index(op.f("ix_held_replies_state_why_id"), "held_replies", ["state", "why", "id"], unique=False)
    op.add_column("macros", sa.Column("text_vi", sa.String(), server_default="", nullable=False))
    op.add_column("agents", sa.Column("needs_approval", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("agents", "needs_approval")
    op.drop_column("macros", "text_vi")
    op.drop_index(op.f("ix_held_replies_state_why_id"), table_name="held_replies")
    op.drop_index(op.f("ix_held_replies_ticket_id_state"), table_name="held_replies")
    op.drop_table("held_replies")
    op.drop_table("ticket_fields")
