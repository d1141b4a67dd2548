"""Asking how it was: one invitation per solution, at a decent hour, over the customer's own channel.

An invitation is made when a ticket is solved, with the credit frozen. Everything else is decided when it is due: until
then the ticket may be reopened, the customer may be merged, and the address may bounce.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from connectors import registry
from helpdesk.business_time import after_quiet
from helpdesk.events import (
    CustomerChanged,
    DeliveryChanged,
    StatusChanged,
    SurveySent,
    SurveyToAsk,
    TicketMoved,
    TicketsMerged,
)
from helpdesk.models import Customer, Delivery, Invitation, Message, Reach, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services import preferred, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.survey_words import by_token, locale_of, made, question
from helpdesk.signing import new_token
from helpdesk.unit_of_work import UnitOfWork

AWAY = ("spam", "trash", "merged")
# States in which somebody was really asked; what fatigue counts.
ASKED = ("sent", "asked", "answered", "expired")


# --- listeners -----------------------------------------------------------------------------------------------


def on_status(work: UnitOfWork, event: StatusChanged) -> None:
    if event.new == "solved" and event.old in UNSOLVED:
        invite(work, _ticket(work, event.ticket_id))
    elif event.new in UNSOLVED and event.old not in UNSOLVED:
        cancel(work, event.ticket_id, "The ticket was reopened.")


def on_moved(work: UnitOfWork, event: TicketMoved) -> None:
    if event.new in AWAY:
        cancel(work, event.ticket_id, f"The ticket went to {event.new}.")


def on_merged(work: UnitOfWork, event: TicketsMerged) -> None:
    if not event.undone:
        cancel(work, event.ticket_id, "The ticket was merged into another one.")


def on_delivery(work: UnitOfWork, event: DeliveryChanged) -> None:
    """A survey that did not arrive is not "asked"."""
    if event.state not in ("failed", "unknown"):
        return
    message = work.session.get(Message, event.message_id)
    if message is None or message.kind != "survey":
        return
    invitation = work.session.scalar(select(Invitation).where(Invitation.message_id == message.id).with_for_update())
    if invitation is not None and invitation.state == "sent":
        invitation.state, invitation.reason = "failed", event.error or "It did not arrive."


# --- inviting ------------------------------------------------------------------------------------------------


def invite(work: UnitOfWork, ticket: Ticket) -> Invitation | None:
    """Plan to ask about this solution; None where nobody is to be asked (switched off, history, spam, a machine)."""
    if ticket.history or ticket.shelf in AWAY or not desk_settings.get(work.session, "survey.csat.enabled"):
        return None
    if not _wrote(work.session, ticket.id):
        return None
    invitation = Invitation(
        token=new_token(),
        survey_id=made(work).id,
        ticket_id=ticket.id,
        customer_id=ticket.customer_id,
        channel_id=ticket.channel_id,
        identity_id=ticket.identity_id,
        agent_id=ticket.solved_by_id or ticket.assignee_id,
        team_id=ticket.team_id,
        state="scheduled",
        solved_at=work.now,
        due_at=_decent(work.session, ticket.customer, work.now + _delay(work.session)),
    )
    work.session.add(invitation)
    work.session.flush()
    _plan(work, invitation)
    return invitation


def cancel(work: UnitOfWork, ticket_id: int | None, reason: str) -> None:
    """Nobody is asked about this solution any more, unless they were already."""
    work.session.execute(
        update(Invitation)
        .where(Invitation.ticket_id == ticket_id, Invitation.state == "scheduled")
        .values(state="cancelled", reason=reason)
    )


def _plan(work: UnitOfWork, invitation: Invitation) -> None:
    stamp = int(invitation.due_at.timestamp())
    work.enqueue(
        "surveys",
        "send_survey",
        {"invitation_id": invitation.id},
        run_at=invitation.due_at,
        dedupe=f"survey:{invitation.id}:{stamp}",
    )


def _wrote(session: Session, ticket_id: int) -> bool:
    """Did a person write or call? What only machines wrote is not rated."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    Message.ticket_id == ticket_id, Message.direction == "in", Message.public, Message.auto == "no"
                )
            )
        )
        or session.scalar(select(exists().where(Message.ticket_id == ticket_id, Message.kind == "call")))
    )


def _delay(session: Session) -> timedelta:
    return timedelta(minutes=int(desk_settings.get(session, "survey.csat.delay_minutes")))


def _decent(session: Session, customer: Customer, at: datetime) -> datetime:
    """`at`, or the morning after when it lies in the customer's quiet hours."""
    found = desk_settings.many(session, "survey.quiet_from", "survey.quiet_until", "timezone.default")
    zone = customer.timezone or str(found["timezone.default"])
    return after_quiet(at, zone, int(found["survey.quiet_from"]), int(found["survey.quiet_until"]))


# --- sending -------------------------------------------------------------------------------------------------


def send(work: UnitOfWork, invitation_id: int) -> str:
    """What is due is asked now, moved to the morning, or skipped with a reason; returns the invitation's state."""
    invitation = work.session.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None or invitation.state != "scheduled":
        return invitation.state if invitation is not None else "gone"
    ticket = _ticket(work, invitation.ticket_id)
    customer = _locked(work.session, ticket.customer_id)
    invitation.customer_id = customer.id
    due = max(invitation.due_at, _decent(work.session, customer, work.now))
    why_not = _why_not(work, ticket, customer, invitation)
    if why_not:
        invitation.state, invitation.reason = "skipped", why_not
    elif due > work.now:
        invitation.due_at = due
        _plan(work, invitation)
    else:
        _ask(work, invitation, ticket, customer)
    return invitation.state


def _why_not(work: UnitOfWork, ticket: Ticket, customer: Customer, invitation: Invitation) -> str:
    """Empty, or why this customer is not asked now."""
    session = work.session
    days = int(desk_settings.get(session, "survey.fatigue_days"))
    if not desk_settings.get(session, "survey.csat.enabled"):
        return "Surveys are switched off."
    if desk_settings.get(session, "shadow_mode"):
        return "The whole desk only receives (shadow mode)."
    if ticket.unsolved or ticket.shelf in AWAY:
        return "The ticket is not solved any more."
    if customer.blocked_at is not None:
        return "The customer is blocked."
    if customer.survey_opt_out_at is not None:
        return "The customer asked not to be surveyed."
    if _asked_since(session, customer, work.now - timedelta(days=days), invitation.id):
        return f"They were asked within the last {days} days."
    if _last_failed(session, ticket.id):
        return "Our last message did not arrive."
    return ""


def _asked_since(session: Session, customer: Customer, since: datetime, but: int) -> bool:
    statement = select(
        exists().where(
            Invitation.customer_id.in_(same_person(session, customer.id)),
            Invitation.sent_at > since,
            Invitation.state.in_(ASKED),
            Invitation.id != but,
        )
    )
    return bool(session.scalar(statement))


def _last_failed(session: Session, ticket_id: int) -> bool:
    last = select(Delivery.state).where(Delivery.ticket_id == ticket_id).order_by(Delivery.id.desc()).limit(1)
    return session.scalar(last) == "failed"


def _ask(work: UnitOfWork, invitation: Invitation, ticket: Ticket, customer: Customer) -> None:
    days = int(desk_settings.get(work.session, "survey.expire_days"))
    invitation.sent_at, invitation.expires_at = work.now, work.now + timedelta(days=days)
    message = _by_channel(work, invitation, ticket, customer)
    if message is None:
        invitation.state = "asked"
        invitation.reason = "There is no channel to ask on; an agent asks at the next call."
        work.record(
            SurveyToAsk(ticket_id=ticket.id, customer_id=customer.id, invitation_id=invitation.id),
            reason=invitation.reason,
        )
        return
    invitation.state, invitation.message_id = "sent", message.id
    invitation.channel_id, invitation.identity_id = message.channel_id, message.identity_id
    work.record(
        SurveySent(ticket_id=ticket.id, customer_id=customer.id, message_id=message.id, invitation_id=invitation.id),
        reason=message.reason,
    )


def _by_channel(work: UnitOfWork, invitation: Invitation, ticket: Ticket, customer: Customer) -> Message | None:
    way = best_way(work.session, ticket, customer)
    if way is None:
        return None
    own = (way.channel_id, way.identity_id) == (ticket.channel_id, ticket.identity_id)
    why = "Solved: asked where they wrote." if own else "Solved: asked on their best other channel."
    locale = locale_of(work.session, ticket, customer)
    with force_locale(locale):
        text = question(work.session, ticket)
        subject = _("How did we do?")
    return replies.automatic(
        work,
        ticket,
        text,
        kind="survey",
        channel_id=way.channel_id,
        identity_id=way.identity_id,
        meta={"invitation_id": invitation.id},
        subject=f"{subject} [#{ticket.number}]",
        reason=why,
    )


def best_way(session: Session, ticket: Ticket, customer: Customer) -> replies.Option | None:
    """Where to ask: where they wrote last, else the preferred channel, else where they were heard last."""
    page = bool(desk_settings.get(session, "public_url"))
    able = [o for o in replies.options(session, ticket) if o.ok and o.automatic and (page or _native(o.kind))]
    heard = {
        (r.identity_id, r.channel_id): r.last_inbound_at
        for r in session.scalars(select(Reach).where(Reach.identity_id.in_({o.identity_id for o in able})))
    }

    liked = preferred.of(session, customer)

    def rank(option: replies.Option) -> tuple[bool, bool, float]:
        at = heard.get((option.identity_id, option.channel_id))
        return (
            (option.channel_id, option.identity_id) != (ticket.channel_id, ticket.identity_id),
            liked is None or option.channel_id != liked.channel_id,
            -at.timestamp() if at else 0.0,
        )

    return min(able, key=rank, default=None)


def _native(kind: str) -> bool:
    """Can the channel take a rating by itself, without our page?"""
    connector = registry.kind(kind)
    return bool(getattr(connector, "rates", False) or getattr(connector, "in_place", False))


# --- people --------------------------------------------------------------------------------------------------


def same_person(session: Session, customer_id: int) -> set[int]:
    """Ids of one person: the profile that took over, and all that were merged into it."""
    root = person(session, customer_id)
    found, new = {root.id}, {root.id}
    while new:
        new = set(session.scalars(select(Customer.id).where(Customer.merged_into_id.in_(new)))) - found
        found |= new
    return found


def person(session: Session, customer_id: int) -> Customer:
    """The profile that took over."""
    customer = session.get_one(Customer, customer_id)
    for _step in range(20):
        if customer.merged_into_id is None:
            break
        customer = session.get_one(Customer, customer.merged_into_id)
    return customer


def _locked(session: Session, customer_id: int) -> Customer:
    """Two workers must not ask one person twice at the same time."""
    root = person(session, customer_id)
    return session.get_one(Customer, root.id, with_for_update=True)


def opt_out(work: UnitOfWork, token: str, *, out: bool = True) -> Customer | None:
    """The person behind an invitation is not asked again (or again after all); None for a token we never gave."""
    invitation = by_token(work.session, token)
    if invitation is None:
        return None
    customer = _locked(work.session, invitation.customer_id)
    if (customer.survey_opt_out_at is not None) != out:
        customer.survey_opt_out_at = work.now if out else None
        changed = CustomerChanged(customer_id=customer.id, fields=("survey_opt_out_at",))
        work.record(changed, actor=f"customer:{customer.id}")
    return customer


# --- reading -------------------------------------------------------------------------------------------------


def to_ask(session: Session, ticket_id: int) -> Invitation | None:
    """The question an agent is to ask the customer of this ticket, when no channel could."""
    statement = select(Invitation).where(Invitation.ticket_id == ticket_id, Invitation.state == "asked")
    return session.scalar(statement.order_by(Invitation.id.desc()).limit(1))


def expire(work: UnitOfWork, limit: int = 500) -> int:
    """Invitations whose time is over. Returns how many."""
    ids = list(
        work.session.scalars(
            select(Invitation.id)
            .where(Invitation.state.in_(("sent", "asked")), Invitation.expires_at < work.now)
            .limit(limit)
        )
    )
    work.session.execute(update(Invitation).where(Invitation.id.in_(ids)).values(state="expired"))
    return len(ids)


def _ticket(work: UnitOfWork, ticket_id: int | None) -> Ticket:
    return work.session.get_one(Ticket, ticket_id)
