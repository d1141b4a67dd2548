"""Links by which people of the desk choose their password: invited, sent a reset, or having forgotten it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import gettext as _

from helpdesk.access import Viewer
from helpdesk.errors import Conflict
from helpdesk.folding import clean
from helpdesk.models import Agent
from helpdesk.services import links, mailer, people
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Handed:
    """A link made for somebody. `address` is empty when it was mailed; otherwise it is to be handed over."""

    agent: Agent
    address: str = ""

    @property
    def mailed(self) -> bool:
        return not self.address


def invite(work: UnitOfWork, viewer: Viewer | None, *, email: str, name: str, role: str = "agent", locale: str = "",
           teams: Iterable[int] = (), leads: Iterable[int] = ()) -> Handed:  # fmt: skip
    """Add somebody and let them choose their password by a link of 24 hours."""
    agent = people.add_agent(work, viewer, email=email, name=name, role=role, locale=locale, teams=teams, leads=leads)
    return _hand(work, agent, "invite")


def invite_again(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> Handed:
    """A fresh invitation for somebody who has no password yet; the one before ends."""
    agent = people.by_id(work.session, viewer, agent_id)
    if agent.password_hash or not agent.active:
        raise Conflict(_("This person has signed in already, or is disabled."))
    return _hand(work, agent, "invite")


def send_reset(work: UnitOfWork, viewer: Viewer | None, agent_id: int) -> Handed:
    """A link of one hour to choose a new password; the present one works until then."""
    agent = people.by_id(work.session, viewer, agent_id)
    if not agent.active:
        raise Conflict(_("This person is disabled."))
    return _hand(work, agent, "reset")


def _hand(work: UnitOfWork, agent: Agent, purpose: str) -> Handed:
    address = links.address(work.session, links.make(work, agent, purpose))
    template = {"invite": "invitation", "reset": "password_reset"}[purpose]
    brand = str(desk_settings.get(work.session, "brand.name"))
    hours = int(links.LIFETIME[purpose].total_seconds() // 3600)
    words = {"agent": agent, "link": address, "brand": brand, "hours": hours}
    mailed = mailer.send(work, agent.email, template, words, name=agent.name, locale=agent.locale)
    return Handed(agent, "" if mailed else address)


def forgot(work: UnitOfWork, email: str) -> None:
    """Somebody says they forgot. A worker looks for the account, so that the answer takes as long for a stranger."""
    work.enqueue("reactions", "password_forgotten", {"email": clean(email).strip().lower()[:320]})


def answer_forgotten(work: UnitOfWork, email: str) -> Handed | None:
    """Mail the link, if there is such an active person."""
    agent = people.by_email(work.session, email)
    if agent is None or not agent.active:
        return None
    return _hand(work, agent, "reset" if agent.password_hash else "invite")
