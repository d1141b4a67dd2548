"""The customer panel beside a ticket: who they are, how they are reached, what they thought, what else they asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors import registry
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.inbox.formats import address_words
from helpdesk.inbox.tickets import name_of, url_where_there
from helpdesk.models import Channel, Customer, Identity, Reach, Response, Tag, Ticket, TicketTag
from helpdesk.services import preferred, start_links
from helpdesk.services.start_links import StartLink
from helpdesk.whys import why


@dataclass
class Known:
    """One identity in the panel."""

    label: str
    icon_kind: str
    in_use: bool = False
    preferred: bool = False
    state: str = ""
    tone: str = ""


@dataclass
class Rating:
    score: int
    at: datetime


@dataclass
class Side:
    customer: Customer
    name: str
    about: str
    identities: list[Known]
    ratings: list[Rating]
    rating_count: int
    average: float
    tickets: list[Any]
    open_count: int
    past_count: int
    tags: list[str]
    all_tags: list[str]
    profile_url: str = ""
    add_identity_url: str = ""
    merge_url: str = ""
    start_links: tuple[StartLink, ...] = ()

    @property
    def more_tickets(self) -> bool:
        return self.open_count + self.past_count > len(self.tickets) + 1

    def _y(self, score: int) -> float:
        return round(3 + (5 - score) * 7.5, 1)

    @property
    def spark(self) -> str:
        step = 160 / max(len(self.ratings) - 1, 1)
        return "".join(f"{'L' if i else 'M'}{4 + i * step:.1f} {self._y(r.score)}" for i, r in enumerate(self.ratings))

    @property
    def spark_end(self) -> float:
        return self._y(self.ratings[-1].score)


def load_side(session: Session, viewer: Viewer, ticket: Ticket) -> Side:
    customer = session.get_one(Customer, ticket.customer_id)
    ratings, count, average = _ratings(session, viewer, customer.id)
    others, n_open, n_past = _others(session, viewer, ticket)
    tags = _tags(session, ticket.id)
    organization = customer.organization.name if customer.organization_id and customer.organization else ""
    locale = {"vi": gettext("Vietnamese"), "en": gettext("English")}.get(customer.locale, "")
    return Side(
        customer=customer,
        name=name_of(session, ticket),
        about=" · ".join(p for p in (organization, locale) if p),
        identities=_identities(session, customer, ticket),
        ratings=ratings,
        rating_count=count,
        average=average,
        tickets=others,
        open_count=n_open,
        past_count=n_past,
        tags=tags,
        all_tags=list(session.scalars(select(Tag.name).order_by(Tag.name_folded).limit(200))),
        profile_url=url_where_there("customers.profile", customer_id=customer.id),
        add_identity_url=url_where_there("customers.add_identity", customer_id=customer.id),
        merge_url=url_where_there("customers.merge", customer_id=customer.id),
        start_links=tuple(start_links.of_ticket(session, ticket)),
    )


def _tags(session: Session, ticket_id: int) -> list[str]:
    statement = select(Tag.name).join(TicketTag, TicketTag.tag_id == Tag.id).where(TicketTag.ticket_id == ticket_id)
    return list(session.scalars(statement.order_by(Tag.name_folded)))


def _ratings(session: Session, viewer: Viewer, customer_id: int) -> tuple[list[Rating], int, float]:
    """Their newest ratings, how many and how good: of the tickets the viewer may see."""
    about = access.tickets_of(viewer, customer_id).with_only_columns(Ticket.id)
    theirs = (
        Response.customer_id == customer_id, Response.survey_kind == "csat", Response.ticket_id.in_(about)
    )  # fmt: skip
    total, mean = session.execute(select(func.count(), func.avg(Response.score)).where(*theirs)).one()
    if not total:
        return [], 0, 0.0
    statement = select(Response.score, Response.created_at).where(*theirs)
    rows = session.execute(statement.order_by(Response.created_at.desc()).limit(8)).all()
    return [Rating(score, at) for score, at in rows][::-1], total, float(mean)


def _others(session: Session, viewer: Viewer, ticket: Ticket) -> tuple[list[Any], int, int]:
    """Their other tickets that the viewer may see, newest first; how many are open and past (this one included)."""
    may = (
        Ticket.customer_id == ticket.customer_id,
        Ticket.shelf.notin_(["trash", "spam", "merged"]),
        access.seen(viewer),
    )
    columns = Ticket.number, Ticket.subject, Ticket.status, Ticket.last_activity_at
    statement = (
        select(*columns).where(*may, Ticket.id != ticket.id).order_by(Ticket.last_activity_at.desc(), Ticket.id.desc())
    )
    counted = dict(session.execute(select(Ticket.status, func.count()).where(*may).group_by(Ticket.status)).all())
    past = sum(counted.get(s, 0) for s in ("solved", "closed"))
    return list(session.execute(statement.limit(5))), sum(counted.values()) - past, past


def _identities(session: Session, customer: Customer, ticket: Ticket) -> list[Known]:
    rows = session.execute(
        select(Identity, Reach, Channel.kind)
        .outerjoin(Reach, Reach.identity_id == Identity.id)
        .outerjoin(Channel, Channel.id == Reach.channel_id)
        .where(Identity.customer_id == customer.id)
        .order_by(Identity.id)
    ).all()
    found: dict[int, Known] = {}
    liked = preferred.of(session, customer)
    for identity, reach, channel_kind in rows:
        known = found.get(identity.id)
        if known is None:
            label = address_words(channel_kind or _kind_of(identity.kind), identity.label)
            known = found[identity.id] = Known(label, channel_kind or _kind_of(identity.kind))
            known.in_use = identity.id == ticket.identity_id
            if identity.verified_at:
                known.state, known.tone = gettext("Verified"), "good"
        if reach is not None and not known.preferred:
            known.preferred = not known.in_use and liked is not None and reach.channel_id == liked.channel_id
        if reach is not None and reach.state in _STATES:
            words, known.tone = _STATES[reach.state]
            known.state = f"{words()}: {reach_words(reach.reason)}" if reach.reason else words()
    return list(found.values())


_STATES = {
    "bounced_soft": (lambda: gettext("Mail came back for now"), "warn"),
    "bounced_hard": (lambda: gettext("Does not exist any more"), "bad"),
    "blocked": (lambda: gettext("Has blocked us"), "bad"),
}


def _kind_of(identity_kind: str) -> str:
    """The kind of channel that such an identity belongs to, for its icon."""
    for kind, connector in registry.kinds().items():
        if connector.identity_kind == identity_kind:
            return kind
    return identity_kind


def reach_words(reason: str) -> str:
    """A reason as stored, in the viewer's words where we know it."""
    words = {"bounced_hard": gettext("the address does not exist any more"), "blocked": gettext("they blocked us")}
    return words.get(reason) or why(reason)
