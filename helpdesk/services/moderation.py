"""Public comments: hiding one from everybody but its writer, and showing it again. The network is asked later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from connectors.contract import Moderates, PermanentFailure
from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict
from helpdesk.events import MessageEdited
from helpdesk.extensions import db
from helpdesk.models import Channel, Message
from helpdesk.services import channels
from helpdesk.unit_of_work import UnitOfWork, unit_of_work


def ask(work: UnitOfWork, viewer: Viewer, message_id: int, *, hidden: bool) -> Message:
    """Hide a comment, or show it again. Raises NotFound, Forbidden; Conflict for what is no comment."""
    message = access.message_by_id(work.session, viewer, message_id)
    require_write(viewer)
    channel = work.session.get(Channel, message.channel_id) if message.channel_id else None
    comment = message.direction == "in" and message.meta.get("public") == "comment"
    if channel is None or not comment or not isinstance(channels.connector_of(channel, work.session), Moderates):
        raise Conflict(_("Only a public comment can be hidden."))
    reason = channels.may_send(work.session, channel)
    if reason:
        raise Conflict(reason)
    _note(work, message, hiding="hide" if hidden else "show", hide_failed="")
    work.enqueue("reactions", "moderate", {"message_id": message.id, "hidden": hidden})
    return message


def carry_out(payload: Mapping[str, Any]) -> None:
    """Tell the channel and remember what it said; a passing failure is tried again by the drain."""
    message = db.session.get(Message, int(payload["message_id"]))
    channel = db.session.get(Channel, message.channel_id) if message is not None else None
    if message is None or channel is None:
        return
    connector, hidden = channels.connector_of(channel, db.session()), bool(payload["hidden"])
    comment_id = str(message.meta.get("comment_id") or message.external_id)
    db.session.rollback()  # nothing is open while the network is used
    if not isinstance(connector, Moderates):
        return
    told: dict[str, Any] = {"hidden": hidden}
    try:
        connector.hide(comment_id, hidden)
    except PermanentFailure as error:
        told = {"hide_failed": str(error)}
    with unit_of_work() as work:
        _note(work, work.session.get_one(Message, message.id), hiding="", **told)


def _note(work: UnitOfWork, message: Message, **told: Any) -> None:
    message.meta = {k: v for k, v in {**message.meta, **told}.items() if v not in ("", False)}
    work.record(MessageEdited(ticket_id=message.ticket_id, message_id=message.id, customer_id=message.customer_id))
