"""Tags: rename, merge, delete."""

from __future__ import annotations

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.extensions import db
from helpdesk.forms import attempt
from helpdesk.services import tags as service
from helpdesk.settings.blueprint import bp, go, me, needs, page
from helpdesk.unit_of_work import unit_of_work


@bp.get("/tags")
@needs("settings")
def tags() -> Response:
    return page("tags.html", rows=service.counted(db.session), wrong=0)


@bp.post("/tags/<int:tag_id>/<any(rename, delete):what>")
@needs("settings")
def tag_do(tag_id: int, what: str) -> Response:
    db.session.rollback()

    def act() -> bool:
        with unit_of_work(actor=me().actor) as work:
            if what == "rename":
                service.rename(work, me(), tag_id, request.form.get("name", ""))
            else:
                service.delete(work, me(), tag_id)
        return True

    done, errors = attempt(act)
    if not done:
        return page("tags.html", errors, rows=service.counted(db.session), wrong=tag_id)
    flash(_("Done."))
    return go("settings.tags")
