"""One delivery put together: the connector and everything it needs to send it. Read only."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Address, Connector, Outbound, Rates, Shared, SurveyAsk, TemplateUse
from helpdesk.models import Agent, Channel, Delivery, Identity, Message, Reach, Ticket
from helpdesk.services import channels, enclosures, own_links, sharing
from helpdesk.services import settings as desk_settings
from helpdesk.services.threading import reply_token

MAX_REFERENCES = 20


def compose(session: Session, delivery_id: int) -> tuple[Connector, Outbound]:
    """The connector and everything it needs; read only."""
    delivery = session.get_one(Delivery, delivery_id)
    message = session.get_one(Message, delivery.message_id)
    ticket = session.get_one(Ticket, delivery.ticket_id)
    channel = session.get_one(Channel, delivery.channel_id)
    identity = session.get_one(Identity, delivery.identity_id)
    connector = channels.connector_of(channel, session)
    agent = session.get(Agent, message.agent_id) if message.agent_id else None
    brand = desk_settings.many(session, "brand.name", "brand.reply_name", "locale.default")
    in_reply_to, references = _thread(session, ticket, message)
    open_recipients = [r for r in delivery.recipients if r.state in ("queued", "retry")]
    signature = _signature(connector, channel, agent) if message.kind == "reply" and not message.automatic else ""
    survey = _survey(session, message)
    text, html, shared = _words(session, connector, message, survey)
    along, links = enclosures.pack(session, connector, message)
    return connector, Outbound(
        delivery_id=delivery.id,
        to=tuple(
            Address(identity.kind, r.address, identity.scope, name=identity.name)
            for r in open_recipients
            if r.role == "to"
        ),
        cc=tuple(Address(identity.kind, r.address) for r in open_recipients if r.role == "cc"),
        text=text + (f"\n\n-- \n{signature}" if signature else ""),
        html=_html(html, signature),
        subject=_subject(ticket, message),
        sender_name=agent.name if agent else str(brand["brand.name"]),
        from_name=_from_name(brand, agent),
        files=tuple(along),
        links=tuple(links),
        quote=enclosures.quote(session, connector, message),
        message_id=message.rfc822_id or "",
        in_reply_to=in_reply_to,
        references=references,
        reply_address=_reply_address(connector, channel, ticket),
        reply_to_external_id=str(message.meta.get("reply_to", "")),
        template=_template(message),
        phones=_phones(session, identity.customer_id),
        **_last_heard(session, message),
        automatic=message.automatic,
        survey=survey,
        shared=shared,
        unsubscribe_url=_unsubscribe_url(session, survey),
        locale=ticket.customer.locale or str(brand["locale.default"]),
        ticket_number=ticket.number,
        requests_url=own_links.offered(session, message, identity, delivery.recipients),
    )


def _words(
    session: Session, connector: Connector, message: Message, survey: SurveyAsk | None
) -> tuple[str, str, Shared | None]:
    """Text, HTML, and what goes beside them; where the channel cannot draw that, the words for it stay in the text."""
    text, html = message.text, message.html
    if survey is not None and not isinstance(connector, Rates):
        text, html = _letter(session, message, survey)
    shared = sharing.of(message)
    if shared is None or shared.kind not in sharing.kinds(connector):
        return text, html, None
    return *sharing.apart(text, html, shared), shared


def _template(message: Message) -> TemplateUse | None:
    used = message.meta.get("template")
    return TemplateUse(used["name"], used["language"], tuple(used["values"])) if used else None


def _phones(session: Session, customer_id: int) -> tuple[str, ...]:
    """Proven ones first."""
    known = select(Identity.value).where(
        Identity.customer_id == customer_id, Identity.kind == "phone", Identity.value.like("+%")
    )
    return tuple(session.scalars(known.order_by(Identity.verified_at.is_(None), Identity.id).limit(3)))


def _last_heard(session: Session, message: Message) -> dict[str, Any]:
    """When they last wrote on this channel, and the id of that message."""
    row = session.scalar(
        select(Message)
        .where(
            Message.identity_id == message.identity_id,
            Message.channel_id == message.channel_id,
            Message.direction == "in",
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    reach = session.scalar(
        select(Reach).where(Reach.identity_id == message.identity_id, Reach.channel_id == message.channel_id)
    )
    heard_at = row.created_at if row else None
    if reach is not None and reach.last_inbound_at is not None:
        heard_at = max(reach.last_inbound_at, heard_at or reach.last_inbound_at)
    return {"last_heard_at": heard_at, "last_heard_id": (row.external_id or "") if row else ""}


def _thread(session: Session, ticket: Ticket, message: Message) -> tuple[str, tuple[str, ...]]:
    ids = list(
        session.scalars(
            select(Message.rfc822_id)
            .where(
                Message.ticket_id == ticket.id, Message.rfc822_id.is_not(None), Message.public, Message.id < message.id
            )
            .order_by(Message.id.desc())
            .limit(MAX_REFERENCES)
        )
    )
    last_in = session.scalar(
        select(Message.rfc822_id)
        .where(
            Message.ticket_id == ticket.id,
            Message.rfc822_id.is_not(None),
            Message.direction == "in",
            Message.public,
            Message.id < message.id,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    references = tuple(reversed([i for i in ids if i]))
    return last_in or (references[-1] if references else ""), references


def _subject(ticket: Ticket, message: Message) -> str:
    if message.subject:
        return message.subject
    answers = "" if ticket.last_author == "agent" and ticket.message_count <= 1 else "Re: "
    subject = ticket.subject if ticket.subject.lower().startswith("re:") else f"{answers}{ticket.subject}"
    return f"{subject} [#{ticket.number}]"


def _from_name(brand: dict[str, object], agent: Agent | None) -> str:
    name, style = str(brand["brand.name"]), brand["brand.reply_name"]
    if agent is None or style == "brand":
        return name
    return agent.name if style == "agent" else f"{agent.name} · {name}"


def _signature(connector: Connector, channel: Channel, agent: Agent | None) -> str:
    return ((agent.signature if agent else "") or channel.signature).strip() if connector.signs else ""


def _html(html: str, signature: str) -> str:
    from helpdesk.services.markup import from_text

    return f"{html}<p>-- </p>{from_text(signature)}" if html and signature else html


def _reply_address(connector: Connector, channel: Channel, ticket: Ticket) -> str:
    return (
        connector.reply_address(reply_token(current_app.extensions["keyring"], ticket.id))
        if channel.plus_addressing
        else ""
    )


def _survey(session: Session, message: Message) -> SurveyAsk | None:
    if message.kind != "survey":
        return None
    from helpdesk.services import surveys

    return surveys.ask_for(session, message)


def _letter(session: Session, message: Message, ask: SurveyAsk) -> tuple[str, str]:
    from helpdesk.services import surveys

    return surveys.letter(session, message, ask)


def _unsubscribe_url(session: Session, ask: SurveyAsk | None) -> str:
    from helpdesk.services import surveys

    return surveys.unsubscribe_url(session, ask.token) if ask is not None else ""
