"""A desk with one of everything, all of it the Orders team's: what each route of the product can be asked about."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from PIL import Image
from sqlalchemy import select

from connectors.contract import Address, File
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import (
    Agent,
    AgentSession,
    Attachment,
    BusinessHours,
    Channel,
    ContactReason,
    Delivery,
    FollowUpTask,
    HeldReply,
    Identity,
    Inbound,
    Invitation,
    LiveCall,
    Macro,
    Message,
    SlaPolicy,
    Survey,
    Tag,
    Ticket,
    TicketField,
    Touchpoint,
    View,
    now,
)
from helpdesk.services import links, merging, own_links, people, replies, sessions, surveys, tokens, visitors, webhooks
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work

CANARY = "canary-of-a-secret"
MATTER = "matter7781"  # stands only in the Orders team's conversation
INSIDE = "inside8812"  # beside it; never asked for by a test


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return out.getvalue()


@dataclass
class World:
    """Ids of everything. `args`: values of the routes' variables, by endpoint or for all."""

    app: Flask
    make: Any
    words: str = "Where is my parcel?"
    orders: int = 0
    care: int = 0
    people: dict[str, Agent] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)  # browsers signed in already
    tokens: dict[str, str] = field(default_factory=dict)
    args: dict[str, Any] = field(default_factory=dict)
    chat: Channel = None  # type: ignore[assignment]
    mail: Channel = None  # type: ignore[assignment]


def build(app: Flask, make: Any, words: str = "Where is my parcel?") -> World:
    """`words` is what strangers and colleagues wrote, in every field they control."""
    world = World(app, make, words)
    world.orders, world.care = make.team("Orders"), make.team("Care")
    with unit_of_work() as work:
        desk_settings.put(work, "public_url", "https://desk.example")
        for key in ("survey.csat.delay_minutes", "survey.quiet_from", "survey.quiet_until"):
            desk_settings.put(work, key, 0)
    world.chat = make.channel("widget", name="Chat", team_id=world.orders)
    world.mail = make.channel(
        "email", name="Mail", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1,
                                      "smtp_password": f"{CANARY}-smtp", "imap_password": f"{CANARY}-imap"},
    )  # fmt: skip
    _people(world)
    _conversation(world)
    _desk(world)
    db.session.rollback()
    return world


def _people(world: World) -> None:
    make = world.make
    world.people = {
        "outsider": make.agent("agent", name="Out Sider", teams=[world.care]),
        "mate": make.agent("agent", name="Team Mate", teams=[world.orders]),
        "lead": make.agent("supervisor", name="Team Lead", leads=[world.orders]),
        "admin": make.agent("admin", name="Ann Admin"),
        "gone": make.agent("agent", name="Long Gone", teams=[world.orders]),
        "owner": make.agent("agent", name="Private Owner", teams=[world.orders]),
    }
    with unit_of_work() as work:
        for name, agent in world.people.items():
            row, text = tokens.create(work, None, agent_id=agent.id, name=name, scopes=("read", "write", "admin"))
            world.tokens[name] = text
            world.args["token_id"] = row.id
        _row, world.tokens["reader"] = tokens.create(
            work, None, agent_id=world.people["mate"].id, name="reader", scopes=("read",)
        )


def _conversation(world: World) -> None:
    make, words = world.make, world.words
    html = f'<p>{words.replace("<", "&lt;")}</p><img data-src="http://pictures.example/a.png">'
    outcome = make.inbound(
        world.mail, f"{words} {MATTER} {INSIDE}", subject=words, html=html,
        sender=Address("email", "lan@mail.example", name=words[:200]),
        files=(File(f"{words}.png", "image/png", data=png()), File(f"{words}.html", "text/html", data=b"<b>x</b>")),
    )  # fmt: skip
    owner = world.people["owner"]
    with unit_of_work(actor=f"agent:{owner.id}") as work:
        ticket = work.session.get_one(Ticket, outcome.ticket_id)
        ticket.set_team(world.orders)
        raw = Inbound(channel_id=world.mail.id, external_id="raw-1", body=b"From: lan", state="failed", attempts=5)
        work.session.add(raw)
        work.session.flush()
        message = work.session.get_one(Message, outcome.message_id)
        message.inbound_id = raw.id
        viewer = access.viewer_of(work.session.merge(owner))
        said = replies.reply(work, viewer, ticket, Written(text=words, then="solve"))
        replies.note(work, viewer, ticket, Written(text=f"{CANARY}-note {words}"))
        delivery = work.session.scalars(select(Delivery).where(Delivery.message_id == said.id)).one()
        delivery.state, delivery.error = "failed", words
        task = FollowUpTask(ticket_id=ticket.id, agent_id=owner.id, due_at=work.now, note=words)
        held = HeldReply(ticket_id=ticket.id, agent_id=owner.id, why="review", text=words)
        work.session.add_all([task, held])
        work.session.flush()
        world.args |= {
            "number": ticket.number, "message_id": message.id, "customer_id": ticket.customer_id, "task_id": task.id,
            "held_id": held.id,
            "delivery_id": delivery.id, "inbox.undo_send": {"message_id": said.id}, "n": 0,
            "settings.retry": {"row_id": {"inbound": raw.id, "delivery": delivery.id, "task": 1}}, "row_id": raw.id,
        }  # fmt: skip
    asker = db.session.scalars(select(Identity.id).where(Identity.value == "lan@mail.example")).one()
    own = {"token": own_links.path(asker, ticket.id, now()).rpartition("/")[2]}
    world.args |= {f"own_requests.{view}": own for view in ("every", "one", "answer", "ask")}
    _files_and_survey(world, ticket.id)


def _files_and_survey(world: World, ticket_id: int) -> None:
    owner = world.people["owner"]
    token = db.session.scalars(select(Attachment.token).where(Attachment.message_id.is_not(None))).first()
    with unit_of_work() as work:
        from helpdesk.services import files

        upload = files.attach(work.session, None, File("mine.txt", "text/plain", data=b"x"), work.now,
                              uploaded_by=f"agent:{owner.id}")  # fmt: skip
        invitation = work.session.scalars(select(Invitation)).first()
        if invitation is None:
            survey = Survey(kind="csat", name="CSAT")
            work.session.add(survey)
            work.session.flush()
            ticket = work.session.get_one(Ticket, ticket_id)
            invitation = Invitation(token="survey-token-1", survey_id=survey.id, ticket_id=ticket_id,  # noqa: S106
                                    customer_id=ticket.customer_id)  # fmt: skip
            work.session.add(invitation)
            work.session.flush()
    with unit_of_work(actor="customer") as work:
        sent = work.session.get_one(Invitation, invitation.id)
        sent.state, sent.sent_at, sent.expires_at = "sent", work.now, work.now + timedelta(days=7)
        work.session.flush()
        surveys.record(work, invitation.token, 2, ["slow"], world.words, via="page")
    world.args |= {
        "inbox.file": {"token": token}, "inbox.attached_mail": {"token": token}, "api.download_attachment": {"token": token},
        "inbox.forget_upload": {"token": upload.token}, "token": invitation.token,
    }  # fmt: skip


def _desk(world: World) -> None:
    make, words = world.make, world.words
    owner, short = world.people["owner"], world.words[:60]
    other = make.customer(words[:200], email="other@mail.example", notes=words)
    form = make.channel("form", name="Form", config={"intro": words, "allowed_domains": "*"})
    line = make.channel("phone", name="Line", team_id=world.orders)
    with unit_of_work() as work:
        ringing = LiveCall(channel_id=line.id, call_id="generic:1", number="+84912345678", state="ringing")
        said = work.session.get_one(Message, world.args["message_id"])
        said.call = {"recording_url": "https://pbx.example/r.mp3"}
        work.session.add(ringing)
        work.session.flush()
        world.args["live_id"] = ringing.id
    admin = access.viewer_of(world.people["admin"])
    with unit_of_work(actor=admin.actor) as work:
        hooks = [webhooks.create(work, admin, url="http://10.0.0.1/hooks", name=short,
                                 secret=f"{CANARY}-of-the-webhook")[0] for _n in range(2)]  # fmt: skip
        for hook in hooks:
            hook.active = False
        world.args |= {"webhook_id": hooks[0].id, "settings.webhook_do": {"webhook_id": hooks[1].id}}
    third = make.customer("Third", email="third@mail.example")
    with unit_of_work() as work:
        merge = merging.merge(work, access.viewer_of(work.session.merge(world.people["admin"])),
                              world.args["customer_id"], third.id)  # fmt: skip
        touch = work.session.scalars(select(Touchpoint)).first() or Touchpoint(name="Shop")
        work.session.add(touch)
        work.session.flush()
        hours, spare = BusinessHours(name="Office"), BusinessHours(name="Spare")
        policy = SlaPolicy(name="Promise")
        reason = ContactReason(name=short, touchpoint_id=touch.id)
        field = TicketField(key="field", name=short)
        work.session.add(field)
        tag = Tag(name=short, name_folded=short.lower())
        macro = Macro(name=words[:100], text="Hello {{ customer.name }}", owner_id=owner.id)
        shared = Macro(name=f"T {words[:100]}", text=words, team_id=world.orders)
        view = View(name=words[:80], owner_id=owner.id, filter={"view": "open"}, sort="")
        everybodys = View(name=f"S {words[:70]}", owner_id=None, filter={"view": "open"}, sort="")
        invited = Agent(email="new@desk.example", name="New Person", role="agent")
        work.session.add_all([hours, spare, policy, reason, tag, macro, shared, view, everybodys, invited])
        work.session.flush()
        session = sessions.start(work, work.session.merge(owner))
        assert session
        world.args |= {
            "merge_id": merge.id, "hours_id": spare.id, "policy_id": policy.id, "reason_id": reason.id,
            "inbox.apply_macro": {"macro_id": shared.id}, "tag_id": tag.id, "field_id": field.id,
            "macro_id": macro.id, "view_id": view.id, "team_id": world.orders, "agent_id": owner.id,
            "channel_id": world.chat.id, "key": world.chat.key, "kind": "email", "name": "sla", "tab": "sla",
            "measure": "tickets", "size": 192, "id_": "x", "file_id": "x", "filename": "app.js",
            "accounts.invite": {"token": links.make(work, invited, "invite").rsplit("/", 1)[1]},
            "accounts.reset": {"token": links.make(work, work.session.merge(owner), "reset").rsplit("/", 1)[1]},
            "settings.forget_secret": {"name": "smtp_password", "channel_id": world.mail.id},
            "settings.logo": {"token": "none"},
            "downloads.linked_file": {"attachment_id": 1, "ends": 1, "signature": "none"},
            "hooks.receive": {"key": world.mail.key},
            **{f"form.{view}": {"key": form.key} for view in ("form", "send", "loader")},
            "shared_macro": shared.id, "other_customer": other.id,
            "everybodys_view": everybodys.id,
        }  # fmt: skip
        channel = work.session.get_one(Channel, world.chat.id)
        from helpdesk.services import channels

        connector = channels.connector_of(channel, work.session)
        _row, world.tokens["visitor"] = visitors.begin(
            work, channel, connector, visitors.About(name=words[:200], page=f"https://shop.example/?{words}")
        )
    world.args["session_id"] = db.session.scalars(
        select(AgentSession.id).where(AgentSession.agent_id == owner.id)
    ).first()
    world.args["widget_visitor.file"] = {"token": world.args["inbox.file"]["token"]}
    with unit_of_work() as work:
        people.disable(work, None, world.people["gone"].id)


__all__ = ["CANARY", "INSIDE", "MATTER", "World", "build", "png"]
