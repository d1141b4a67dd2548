"""Where a message belongs: an "other sender" is accepted or split off, a message is moved to another ticket; a public
comment is hidden."""

from __future__ import annotations

from flask import g
from werkzeug.wrappers import Response

from helpdesk import access
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.inbox.joining import typed_number
from helpdesk.services import moderation, senders
from helpdesk.unit_of_work import unit_of_work


@bp.post("/messages/<int:message_id>/accept")
def accept_sender(message_id: int) -> Response:
    with unit_of_work(actor=g.viewer.actor) as work:
        number = senders.accept(work, g.viewer, message_id).number
    return done(number, ticket=number)


@bp.post("/messages/<int:message_id>/split")
def split_message(message_id: int) -> Response:
    """A ticket of its own; without a script, the page goes there."""
    with unit_of_work(actor=g.viewer.actor) as work:
        number = senders.split(work, g.viewer, message_id).number
    return done(number, ticket=number)


@bp.post("/messages/<int:message_id>/move")
def move_message(message_id: int) -> Response:
    """To the ticket with the number that was typed, "1042" or "#1042"."""
    with unit_of_work(actor=g.viewer.actor) as work:
        access.message_by_id(work.session, g.viewer, message_id)  # who may not see it is not told what was wrong
        number = senders.move_message(work, g.viewer, message_id, typed_number()).number
    return done(number, ticket=number)


@bp.post("/messages/<int:message_id>/<any(hide, unhide):what>")
def hide_comment(message_id: int, what: str) -> Response:
    """From everybody but its writer, or for everybody again; the channel is told a moment later."""
    with unit_of_work(actor=g.viewer.actor) as work:
        ticket_id = moderation.ask(work, g.viewer, message_id, hidden=what == "hide").ticket_id
        number = access.ticket_by_id(work.session, g.viewer, ticket_id).number
    return done(number, ticket=number)
