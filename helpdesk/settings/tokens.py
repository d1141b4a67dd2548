"""API tokens."""

from __future__ import annotations

from typing import Any

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from helpdesk.extensions import db
from helpdesk.forms import attempt, typed
from helpdesk.models import Agent
from helpdesk.services import tokens as service
from helpdesk.services.teams import whole
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work

SCOPE_WORDS = {
    "read": lazy_gettext("Read"),
    "write": lazy_gettext("Write: answer, change tickets and customers"),
    "admin": lazy_gettext("Administer: what only administrators may do"),
}


@bp.route("/tokens", methods=["GET", "POST"])
@needs("api")
def tokens() -> Response:
    form = typed({"name": "", "agent": str(me().agent_id), "scopes": ["read"]})
    errors: dict[str, str] = {}
    if posted():
        made, errors = attempt(lambda: _create(form), form)
        if made:
            return page("token_new.html", token=made[0], text=made[1])
    people = db.session.execute(
        select(Agent.id, Agent.name).where(Agent.disabled_at.is_(None)).order_by(Agent.name)
    ).all()
    return page("tokens.html", errors, form=form, rows=service.all_of(db.session), people=people, scopes=SCOPE_WORDS)


def _create(form: dict[str, Any]) -> Any:
    with unit_of_work(actor=me().actor) as work:
        agent_id = whole(form["agent"], 1, 2**62) or 0
        return service.create(work, me(), agent_id=agent_id, name=form["name"], scopes=form["scopes"])


@bp.post("/tokens/<int:token_id>/revoke")
@needs("api")
def revoke_token(token_id: int) -> Response:
    db.session.rollback()
    with unit_of_work(actor=me().actor) as work:
        service.revoke(work, me(), token_id)
    flash(_("Revoked. Whoever used it is out."))
    return go("settings.tokens")
