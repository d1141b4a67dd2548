"""What one is told of, by which ways, and the messenger that carries it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.accounts.blueprint import bp
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.forms import Problems, attempt, typed
from helpdesk.models import Channel
from helpdesk.services import notice_chats, notice_choices, notice_words, people
from helpdesk.unit_of_work import unit_of_work
from helpdesk.whys import why


@bp.route("/me/notices", methods=["GET", "POST"])
def notices(code: str = "") -> BaseResponse:
    """What one is told of, by which way, and when not."""
    agent = g.signed_in.agent
    stored = (agent.preferences or {}).get("notices") or {}
    choices = notice_choices.read(agent.preferences, agent.timezone)
    chosen = {kind: choices.of(kind) for kind in notice_choices.KINDS}
    form = typed(
        {
            "quiet": bool(stored.get("quiet")),
            "quiet_from": stored.get("quiet_from") or "21:00",
            "quiet_until": stored.get("quiet_until") or "07:00",
            "digest": "" if choices.digest is None else str(choices.digest),
        }
    )
    errors: Problems = Problems()
    if request.method == "POST" and request.endpoint == "accounts.notices":
        chosen = {kind: frozenset(request.form.getlist(kind)) for kind in notice_choices.KINDS}
        done, errors = attempt(lambda: _save_notices(form, chosen), form)
        if done:
            return redirect(url_for("accounts.notices"), 303)
    hours = [("", _("Never")), *((str(h), f"{h:02d}:00") for h in range(24))]
    page = render_template(
        "accounts/notices.html", form=form, errors=errors, chosen=chosen, hours=hours,
        kinds=notice_words.KIND_WORDS, ways=notice_words.WAY_WORDS, **_messenger(code),
    )  # fmt: skip
    return make_response(page, 422 if errors else 200)


def _save_notices(form: dict[str, Any], chosen: Mapping[str, Iterable[str]]) -> bool:
    for name in ("quiet_from", "quiet_until"):
        if notice_choices.clock(form[name]) is None:
            raise Invalid(fields={name: _("Write a time like 21:00.")})
    kept = notice_choices.stored(chosen, **form)
    with unit_of_work(actor=g.viewer.actor) as work:
        people.prefer(work, g.viewer.agent_id, "notices", kept)
    flash(_("Saved."))
    return True


# --- the messenger -------------------------------------------------------------------------------------------


def _messenger(code: str) -> dict[str, Any]:
    """The chat that is linked, where else one can be, and the code just made."""
    row = notice_chats.of(db.session(), g.viewer.agent_id)
    linked = row is not None and row.value is not None
    channel = db.session.get(Channel, row.channel_id) if row is not None and linked else None
    return {
        "chat": row if linked else None,
        "chat_channel": channel.name if channel is not None else "",
        "chat_problem": why(row.problem) if row is not None else "",
        "chat_channels": notice_chats.doors(db.session(), code),
        "code": code,
    }


@bp.post("/me/notices/chat")
def link_chat() -> BaseResponse:
    """A code to send from the chat the notices are to come to; shown once, good for an hour."""
    with unit_of_work(actor=g.viewer.actor) as work:
        code = notice_chats.begin(work, g.viewer.agent_id)
    return notices(code)


@bp.post("/me/notices/chat/end")
def unlink_chat() -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        notice_chats.end(work, g.viewer.agent_id)
    flash(_("Notices go to no chat app any more."))
    return redirect(url_for("accounts.notices"), 303)
