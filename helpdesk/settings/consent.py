"""Connect with Google or Microsoft: to the other company and back, ended by a press of ours."""

from __future__ import annotations

from flask import flash, redirect, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from helpdesk.errors import Conflict
from helpdesk.extensions import db
from helpdesk.services import channel_settings, consents
from helpdesk.settings.blueprint import bp, go, me, needs, page, posted
from helpdesk.unit_of_work import unit_of_work


@bp.get("/channels/<int:channel_id>/consent")
@needs("channels")
def ask_consent(channel_id: int) -> Response:
    """Only leads away: nothing is stored until somebody comes back and presses."""
    try:
        return redirect(consents.begin(db.session(), me(), channel_id), 303)
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.channel", channel_id=channel_id)


@bp.route("/channels/consent", methods=["GET", "POST"])
@needs("channels")
def consent() -> Response:
    """Coming back shows whose access was given; pressing takes it."""
    given = request.form if request.method == "POST" else request.args
    try:
        begun = consents.came_back(me(), given.get("state", ""))
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.channels")
    code = given.get("code", "")
    if given.get("error") or not code:
        flash(_("The access was not given."), "bad")
        return go("settings.channel", channel_id=begun.channel_id)
    if not posted():
        channel = channel_settings.one(db.session(), me(), begun.channel_id)
        return page("consent.html", channel=channel, code=code, state=given.get("state", ""))
    return _take(begun, code)


def _take(begun: consents.Begun, code: str) -> Response:
    try:
        connector = consents.connector_for(db.session(), me(), begun)
        back = consents.back_address(db.session())
        db.session.rollback()  # nothing is held while the other company is asked
        consents.finish(connector, begun, code, back)
        with unit_of_work(actor=me().actor) as work:
            consents.connected(work, me(), begun.channel_id)
    except Conflict as error:
        flash(error.message, "bad")
    else:
        flash(_("Connected."))
    return go("settings.channel", channel_id=begun.channel_id)
