"""The composer's menu of what goes along with a reply: a place, a contact, a sticker."""

from __future__ import annotations

from flask import g, jsonify, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.inbox.blueprint import bp
from helpdesk.models import Channel
from helpdesk.services import channels, sharing
from helpdesk.services import settings as desk_settings


@bp.get("/tickets/<int:number>/share")
def share_menu(number: int) -> str:
    """What the way chosen in the composer can carry, with the business's own place and number filled in."""
    ticket = access.ticket_by_number(db.session, g.viewer, number)
    asked = request.args.get("channel", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 16
    channel = db.session.get(Channel, int(asked) if known else ticket.channel_id or 0)
    if channel is None:
        raise NotFound()
    connector = channels.connector_of(channel, db.session)
    kinds = sharing.kinds(connector)
    return render_template(
        "inbox/_share.html",
        kinds=kinds,
        brand=desk_settings.many(db.session, "brand.name", "brand.place", "brand.address"),
        hotline=channels.contact_details(db.session).get("phone", "") if "contact" in kinds else "",
        stickers=sharing.stickers(db.session(), connector, channel.id, ticket.id) if "sticker" in kinds else [],
    )


@bp.post("/tickets/<int:number>/share")
def share_typed(number: int) -> BaseResponse:
    """What was entered there, read: the composer shows it and sends it along. Nothing is kept."""
    access.require_write(g.viewer)
    access.ticket_by_number(db.session, g.viewer, number)
    return jsonify(ok=True, shared=sharing.packed(sharing.typed(db.session(), request.form)))
