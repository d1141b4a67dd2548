"""A message that failed goes by the customer's next channel: named beside *Retry*, one click."""

from __future__ import annotations

from flask import g, request
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.inbox.actions import done
from helpdesk.inbox.blueprint import bp
from helpdesk.models import Delivery
from helpdesk.services import fallback
from helpdesk.services.ways import Option
from helpdesk.unit_of_work import unit_of_work


def next_way(delivery_id: int) -> Option | None:
    """Asked only for what failed; most pages never ask."""
    return fallback.offered(db.session(), delivery_id)


bp.add_app_template_global(next_way)


@bp.post("/deliveries/<int:delivery_id>/elsewhere")
def send_elsewhere(delivery_id: int) -> BaseResponse:
    """`way` is what the agent saw; when another one is next by now, nothing is sent and the page says so."""
    channel, _colon, identity = request.args.get("way", "").partition(":")
    seen = (int(channel), int(identity)) if channel.isdecimal() and identity.isdecimal() else (None, None)
    with unit_of_work(actor=g.viewer.actor) as work:
        delivery = work.session.get(Delivery, delivery_id)
        if delivery is None:
            raise NotFound()
        access.ticket_by_id(work.session, g.viewer, delivery.ticket_id)
        fallback.send(work, g.viewer, delivery_id, *seen)
    return done()
