"""One's own profile, and where one is signed in."""

from __future__ import annotations

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.accounts.blueprint import bp
from helpdesk.errors import Invalid, NotFound
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, attempt, typed, zones
from helpdesk.models import Agent, AgentSession, now
from helpdesk.services import people, sessions
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work


@bp.route("/me", methods=["GET", "POST"])
def profile() -> BaseResponse:
    agent = g.signed_in.agent
    form = typed(
        {name: getattr(agent, name) for name in ("name", "locale", "timezone", "theme", "signature")} | _working(agent)
    )
    done, errors = attempt(lambda: _save(form), form) if request.method == "POST" else (None, {})
    if done:
        return redirect(url_for("accounts.profile"), 303)
    page = render_template(
        "accounts/profile.html", form=form, errors=errors, email=agent.email, languages=LANGUAGES, zones=zones(),
        undo_s=desk_settings.get(db.session(), "email.undo_seconds"),
    )  # fmt: skip
    return make_response(page, 422 if errors else 200)


def _working(agent: Agent) -> dict[str, str]:
    """How one works: where to go after a reply, how long it can be called back (empty: as the desk says)."""
    chosen = agent.preferences or {}
    undo_s = chosen.get("undo_seconds")
    return {
        "extension": agent.extension or "",
        "after_send": chosen.get("after_send", "stay"),
        "undo_seconds": "" if undo_s is None else str(undo_s),
    }


def _save(form: dict[str, str]) -> bool:
    after_send, undo_s = form["after_send"], form["undo_seconds"].strip()
    wrong = {}
    if after_send not in ("stay", "next", "list"):
        wrong["after_send"] = _("Choose one of the list.")
    if undo_s and not (undo_s.isdecimal() and int(undo_s) <= 60):
        wrong["undo_seconds"] = _("Enter 0 to 60 seconds, or nothing.")
    if wrong:
        raise Invalid(fields=wrong)
    with unit_of_work(actor=g.viewer.actor) as work:
        own = {k: v for k, v in form.items() if k not in ("after_send", "undo_seconds")}
        people.update_profile(work, g.viewer.agent_id, **own)
        people.prefer(work, g.viewer.agent_id, "after_send", after_send)
        people.prefer(work, g.viewer.agent_id, "undo_seconds", int(undo_s) if undo_s else None)
    flash(_("Saved."))
    return True


@bp.get("/me/sessions")
def my_sessions() -> str:
    rows = db.session.scalars(
        select(AgentSession)
        .where(
            AgentSession.agent_id == g.viewer.agent_id,
            AgentSession.revoked_at.is_(None),
            AgentSession.expires_at > now(),
            AgentSession.complete.is_(True),
        )
        .order_by(AgentSession.id.desc())
    ).all()
    return render_template("accounts/sessions.html", rows=rows, current=g.signed_in.session_id)


@bp.post("/me/sessions/<int:session_id>/end")
def end_session(session_id: int) -> BaseResponse:
    """One's own only; somebody else's is not there."""
    with unit_of_work(actor=g.viewer.actor) as work:
        row = work.session.get(AgentSession, session_id)
        if row is None or row.agent_id != g.viewer.agent_id:
            raise NotFound
        sessions.end(work, session_id=session_id)
    flash(_("Signed out there."))
    return redirect(url_for("accounts.my_sessions"), 303)


@bp.post("/me/sessions/end")
def end_other_sessions() -> BaseResponse:
    with unit_of_work(actor=g.viewer.actor) as work:
        sessions.end(work, agent_id=g.viewer.agent_id, keep=g.signed_in.session_id)
    flash(_("Signed out everywhere else."))
    return redirect(url_for("accounts.my_sessions"), 303)
