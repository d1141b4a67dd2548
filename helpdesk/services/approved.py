"""Messages a provider approved beforehand (templates), for when the reply window is closed.

An agent writes as always; the words take the template's `{{text}}`, the other places are filled from the ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from connectors.contract import Connector, Template, Templated
from connectors.templates import PLACE
from helpdesk.errors import Invalid
from helpdesk.models import Agent, Identity, Ticket


@dataclass(frozen=True)
class Filled:
    """The message written out, and what the connector needs to send it as the template."""

    text: str
    meta: dict[str, Any]


def of(connector: Connector) -> tuple[Template, ...]:
    return tuple(connector.templates()) if isinstance(connector, Templated) else ()


def key(template: Template) -> str:
    """What a form sends back for one."""
    return f"{template.name}|{template.language}"


def fill(
    session: Session,
    ticket: Ticket,
    connector: Connector,
    identity: Identity,
    agent: Agent | None,
    text: str,
    chosen: str,
) -> Filled:
    """Raises Invalid when there is no such template."""
    template = next((t for t in of(connector) if key(t) == chosen), None)
    if template is None:
        raise Invalid(fields={"template": _("Choose one of the approved templates.")})
    known = {
        "customer": ticket.customer.display_name,
        "ticket": str(ticket.number),
        "agent": agent.name if agent else "",
        "text": text,
    }
    known |= {"customer_name": known["customer"], "ticket_number": known["ticket"], "agent_name": known["agent"]}
    # A place with a name nobody knows, or a number, is the agent's own words.
    values = [known.get(place, text) for place in PLACE.findall(template.body)]
    rest = iter(values)
    written = PLACE.sub(lambda _place: next(rest), template.body)
    meta = {"template": {"name": template.name, "language": template.language, "values": values}}
    return Filled(written, meta)
