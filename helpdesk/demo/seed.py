"""Fills an empty folder with the sample shop: people and channels through the services, its past in bulk."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpdesk.access import viewer_of
from helpdesk.demo import pictures, ports, shop
from helpdesk.demo.desk import Desk
from helpdesk.demo.live import Live
from helpdesk.demo.plan import Place, Plan
from helpdesk.models import (
    Agent,
    BusinessHours,
    Channel,
    ContactReason,
    Customer,
    EventRow,
    Identity,
    OutboxRow,
    Survey,
    Tag,
    Team,
    Ticket,
    View,
)
from helpdesk.services import (
    channels,
    desk_defaults,
    macros,
    merging,
    people,
    sla_rules,
    survey_words,
    teams,
    threading,
)
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

COUNT = 350
Say = Callable[[str], Any]

SETTINGS: dict[str, Any] = {
    "setup.done": True,
    "instance.kind": "demo",
    "brand.name": shop.BRAND,
    "brand.colour": shop.COLOUR,
    "timezone.default": shop.TIMEZONE,
    # So that a visitor sees the whole of it within minutes, at any hour.
    "survey.csat.delay_minutes": 0,
    "survey.quiet_from": 0,
    "survey.quiet_until": 0,
    "survey.fatigue_days": 0,
    "email.undo_seconds": 5,
}


def seed(app: Flask, progress: Say, *, count: int = COUNT, now: datetime | None = None) -> dict[str, dict[str, str]]:
    """Fill the database; returns one login per role with its new random password."""
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    with app.app_context():
        with unit_of_work(actor="operator") as work:
            logins = _people(work)
            _habits(work)
            found = _channels(work, ports.choose(app.extensions["settings"].data))
            place = _place(work.session, found)
        progress("people, teams and channels")
        with unit_of_work(actor="operator") as work:
            desk = _past(app, work.session, place, now, count)
            total = desk.rows.write(work.session)
        tickets = len(desk.rows.of[Ticket])
        progress(f"three months: {tickets} tickets, {total} rows")
        with unit_of_work(actor="operator") as work:
            _finish(work, place)
        progress("merged profiles, pictures, views and macros")
    return logins


# --- who and what ------------------------------------------------------------------------------------------------


def _people(work: UnitOfWork) -> dict[str, dict[str, str]]:
    for key, value in SETTINGS.items():
        desk_settings.put(work, key, value)
    desk_defaults.ensure_defaults(work)
    known = {name: teams.create(work, None, name).id for name in shop.TEAMS}
    logins = {}
    for person in shop.PEOPLE:
        password = secrets.token_urlsafe(9)  # also where nobody is told: these people have worked here for months
        agent = people.add_agent(
            work,
            None,
            email=person.email,
            name=person.name,
            role=person.role,
            password=password,
            locale=person.locale,
            teams=[known[t] for t in person.teams],
            leads=[known[t] for t in person.leads],
        )
        agent.signature = person.signature
        if person.told:
            logins[person.role] = {"email": person.email, "password": password}
    return logins


def _habits(work: UnitOfWork) -> None:
    hours = work.session.scalars(select(BusinessHours).where(BusinessHours.is_default)).one()
    hours.name, hours.week, hours.timezone, hours.holiday_country = "Shop hours", shop.WEEK, shop.TIMEZONE, "VN"


def _channels(work: UnitOfWork, chosen: ports.Ports) -> dict[str, Channel]:
    """All four kinds, on the demo's own doors."""
    team = {t.name: t.id for t in work.session.scalars(select(Team))}
    token = f"{secrets.randbelow(9 * 10**9) + 10**9}:{secrets.token_urlsafe(24)}"
    values = {
        "email": ("Mail", "Care", {"address": shop.ADDRESS, "from_name": shop.BRAND, **ports.mail_settings(chosen)}),
        "widget": (
            "Shop chat",
            "Care",
            {"colour": shop.COLOUR, "locale": "auto", "callback": True, "continue_minutes": 1},
        ),
        "telegram": ("Telegram", "Orders", {"token": token, "mode": "poll", "api_base": ports.bot_address(chosen)}),
        "phone": (
            "Hotline",
            "Orders",
            {"number": shop.HOTLINE, "provider": "generic", "webhook_secret": secrets.token_urlsafe(24)},
        ),
    }
    found = {}
    for kind, (name, of_team, settings) in values.items():
        channel = channels.create(work, kind, name, settings)
        channel.team_id = team[of_team]
        channel.created_at = work.now - timedelta(days=120)
        found[kind] = channel
    return found


def _place(session: Session, found: dict[str, Channel]) -> Place:
    session.flush()
    agents = {a.email: a for a in session.scalars(select(Agent))}
    return Place(
        agents={p.key: agents[p.email] for p in shop.PEOPLE},
        teams={t.name: t.id for t in session.scalars(select(Team))},
        channels=found,
        reasons={r.name: r.id for r in session.scalars(select(ContactReason))},
        calendar=sla_rules.calendar_of(sla_rules.default_hours(session)),
    )


# --- the past ----------------------------------------------------------------------------------------------------


def _past(app: Flask, session: Session, place: Place, now: datetime, count: int) -> Desk:
    keyring, host = app.extensions["keyring"], shop.DOMAIN
    known: dict[tuple[Any, ...], Any] = {}

    def promises_of(ticket: Ticket) -> Any:
        key = (ticket.team_id, ticket.origin_channel_id, ticket.priority)
        if key not in known:
            known[key] = sla_rules.promises(session, ticket)
        return known[key]

    with session.no_autoflush:
        desk = Desk(promises_of, lambda t, m: threading.message_id(keyring, t, m, host), _question)
        desk.rows.first_seq = session.scalar(select(func.max(EventRow.seq))) or 0
        desk.asking.survey_id = session.scalars(select(Survey.id)).first() or 1
        desk.asking.channels = {c.id: c for c in place.channels.values()}
        bot_id = channels.connector_of(place.channels["telegram"], session).identity_scope
        Plan(desk, place, now, bot_id, place.channels["widget"].key, count).lay()
        live = Live(desk, place, now, bot_id, place.channels["widget"].key)
        live.lay()
        desk.run(now)
        desk.finish()
        _plan_surveys(desk)
        everybody = list(place.agents.values())
        desk.read_by(everybody, live.unread)
    return desk


def _question(ticket: Ticket, locale: str) -> tuple[str, str]:
    with force_locale(locale):
        return survey_words.built_in(ticket), _("How did we do?")


def _plan_surveys(desk: Desk) -> None:
    """What is solved and not asked yet is asked by the real worker, spread a little."""
    for number, invitation in enumerate(desk.asking.unsent()):
        invitation.due_at = desk.at + timedelta(minutes=20 + 7 * number)
        desk.rows.new(
            OutboxRow,
            drain="surveys",
            kind="send_survey",
            payload={"invitation_id": invitation.id},
            dedupe=f"survey:{invitation.id}:{int(invitation.due_at.timestamp())}",
            run_at=invitation.due_at,
            created_at=desk.at,
        )


# --- the last touches --------------------------------------------------------------------------------------------


def _finish(work: UnitOfWork, place: Place) -> None:
    admin = viewer_of(work.session.get_one(Agent, place.agents["ha"].id))
    _merge_some(work, admin)
    pictures.attach_some(work.session)
    for name, text, actions in shop.MACROS:
        values = {"name": name, "text": text, "scope": "all"} | {k: v for k, v in actions.items() if k != "tags"}
        macros.save(work, admin, None, values | {"tags": ", ".join(actions.get("tags", ()))})
    tags = {t.name: t.id for t in work.session.scalars(select(Tag))}
    for position, (name, wanted) in enumerate(shop.VIEWS):
        found = {k: str(tags.get(v, "")) for k, v in wanted.items()}
        work.session.add(View(name=name, filter=found, position=position, created_at=work.now))
    for channel in work.session.scalars(select(Channel)):
        channel.last_success_at = channel.last_event_at = work.now


def _merge_some(work: UnitOfWork, admin: Any) -> None:
    """A few chat visitors turned out to be people the shop knew by mail."""
    visitors = work.session.scalars(
        select(Customer.id).join(Identity).where(Identity.kind == "widget", Customer.name != "").order_by(Customer.id)
    ).all()
    known = work.session.scalars(
        select(Customer.id).join(Identity).where(Identity.kind == "email", ~Customer.vip).order_by(Customer.id)
    ).all()
    for source, target in zip(visitors[5:40:15], known[4:40:12], strict=False):
        merging.merge(work, admin, target, source, reason="The visitor gave the same order number.")
