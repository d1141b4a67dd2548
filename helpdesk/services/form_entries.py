"""A filled-in web form becomes a ticket, in one unit of work."""

from __future__ import annotations

from dataclasses import replace

from connectors.contract import File, InboundMessage, Parses, Raw, Unparseable
from helpdesk.errors import Invalid
from helpdesk.models import Channel, Ticket
from helpdesk.services import channels, files, intake, tickets
from helpdesk.unit_of_work import unit_of_work


def take(channel_id: int, body: bytes, uploads: tuple[File, ...], suspect: str) -> int:
    """The ticket's number. The same form sent twice is one ticket; with `suspect` (why) it goes to Spam. Raises Invalid."""
    files.keep(uploads)
    with unit_of_work(actor=f"channel:{channel_id}") as work:
        channel = work.session.get_one(Channel, channel_id)
        connector = channels.connector_of(channel, work.session)
        if not isinstance(connector, Parses):
            raise TypeError(f"{type(connector).__name__} reads nothing")
        try:
            (found,) = connector.parse(Raw("form", body, "application/json"))
        except Unparseable as error:
            raise Invalid(str(error)) from None
        if not isinstance(found, InboundMessage):
            raise TypeError("a form is a message")
        outcome = intake.receive(work, channel, replace(found, files=uploads), connector=connector)
        ticket = work.session.get_one(Ticket, outcome.ticket_id)
        if suspect and outcome.kind != "duplicate" and ticket.shelf != "spam":
            tickets.move(work, None, ticket, "spam", reason=suspect)
        channels.went_well(work, channel)
        return ticket.number
