"""Webhooks: programs elsewhere that are told of what happens here."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from connectors.contract import ConnectorError
from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.models import now
from helpdesk.services import webhooks as service
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

# What most programs want to know; the API takes every type of /api/v1/events.
OFFERED = {
    "ticket_opened": lazy_gettext("A ticket began"),
    "message_received": lazy_gettext("A customer wrote or called"),
    "reply_sent": lazy_gettext("An answer went out"),
    "delivery_changed": lazy_gettext("What became of an answer"),
    "status_changed": lazy_gettext("A ticket's status changed"),
    "ticket_assigned": lazy_gettext("A ticket was assigned"),
    "sla_breached": lazy_gettext("A promise was broken"),
    "survey_answered": lazy_gettext("A customer rated"),
    "customer_created": lazy_gettext("A customer is new"),
    "customer_changed": lazy_gettext("A customer's data changed"),
}


@bp.route("/webhooks", methods=["GET", "POST"])
@needs("api")
def webhooks() -> Response:
    form = typed({"url": "", "name": "", "events": []})
    errors: dict[str, str] = {}
    if posted():
        made, errors = attempt(lambda: _create(form), form)
        if made:
            return page("webhook_new.html", url=made[0], secret=made[1])
    rows = service.every(db.session(), me())
    return page("webhooks.html", errors, form=form, rows=rows, offered=OFFERED)


def _create(form: dict[str, Any]) -> tuple[str, str]:
    with unit_of_work(actor=me().actor) as work:
        row, secret = service.create(work, me(), url=form["url"], name=form["name"], events=form["events"])
        return row.url, secret


@bp.post("/webhooks/<int:webhook_id>/<any(start, pause, end, try):what>")
@needs("api")
def webhook_do(webhook_id: int, what: str) -> Response:
    db.session.rollback()
    if what == "try":
        _test(webhook_id)
        return go("settings.webhooks")
    with unit_of_work(actor=me().actor) as work:
        if what == "end":
            service.remove(work, me(), webhook_id)
        else:
            service.switch(work, me(), webhook_id, what == "start")
    flash(_("Done."))
    return go("settings.webhooks")


def _test(webhook_id: int) -> None:
    url, secret, body = service.try_out(db.session(), me(), webhook_id)
    db.session.rollback()  # nothing is held while the network is asked
    try:
        service.post(url, secret, f"test_{webhook_id}_{int(now().timestamp())}", body)
    except ConnectorError as error:
        flash(str(error), "bad")
        return
    flash(_("The server took the test."))
