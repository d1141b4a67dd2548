"""One's own password and second factor."""

from __future__ import annotations

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.accounts.blueprint import bp, settings
from helpdesk.errors import Expired, Invalid
from helpdesk.extensions import db, limiter
from helpdesk.forms import attempt
from helpdesk.models import Agent
from helpdesk.services import passwords, people, sessions, two_factor
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork, unit_of_work


def _few() -> str:
    return f"{settings().limits.login_per_minute} per minute"


def _session_cookie() -> str:
    return request.cookies.get(sessions.COOKIE, "")[:100] or str(request.remote_addr)


@bp.get("/me/security")
def security() -> str:
    return _page({})


def _page(errors: dict[str, str], codes: list[str] | None = None) -> str:
    agent = g.signed_in.agent
    return render_template(
        "accounts/security.html",
        errors=errors,
        on=two_factor.on(agent),
        left=len(agent.recovery_hashes or []),
        codes=codes,
        shortest=passwords.SHORTEST,
    )


def _prove(password: str) -> None:
    """Before anything that decides who can sign in, the password again."""
    right = passwords.matches(g.signed_in.agent.password_hash, password)
    db.session.rollback()
    if not right:
        raise Invalid(fields={"current": _("This is not your present password.")})


def _me(work: UnitOfWork) -> Agent:
    return work.session.get_one(Agent, g.viewer.agent_id)


@bp.post("/me/password")
@limiter.limit(_few, key_func=_session_cookie)
def change_password() -> BaseResponse:
    def act() -> bool:
        _prove(request.form.get("current", ""))
        with unit_of_work(actor=g.viewer.actor) as work:
            people.set_password(work, _me(work), request.form.get("password", ""), keep_session=g.signed_in.session_id)
        return True

    done, errors = attempt(act)
    if not done:
        return make_response(_page(errors), 422)
    flash(_("Your password is changed. Everywhere else you are signed out."))
    return redirect(url_for("accounts.security"), 303)


@bp.route("/me/two-factor", methods=["GET", "POST"])
@limiter.limit(_few, key_func=_session_cookie, methods=["POST"])
def turn_on_two_factor() -> BaseResponse:
    agent = g.signed_in.agent
    if two_factor.on(agent):
        return redirect(url_for("accounts.security"), 303)
    offer = request.form.get("offer") or two_factor.offer(agent)
    try:
        secret = two_factor.read_offer(agent.id, offer)
    except Expired:
        flash(_("That took too long; here is a new code to scan."))
        return redirect(url_for("accounts.turn_on_two_factor"), 303)
    errors: dict[str, str] = {}
    if request.method == "POST":
        codes, found = attempt(lambda: _turn_on(secret))
        if codes:
            return make_response(render_template("accounts/recovery_codes.html", codes=codes))
        errors = dict(found)
    picture = Markup(two_factor.picture(secret, agent.email, desk_settings.get(db.session, "brand.name")))  # noqa: S704 - segno's
    page = render_template(
        "accounts/two_factor.html", offer=offer, picture=picture, secret=_in_fours(secret), errors=errors
    )
    return make_response(page, 422 if errors else 200)


def _turn_on(secret: str) -> list[str]:
    _prove(request.form.get("current", ""))
    with unit_of_work(actor=g.viewer.actor) as work:
        return two_factor.turn_on(
            work, _me(work), secret, request.form.get("code", ""), keep_session=g.signed_in.session_id
        )


def _in_fours(secret: str) -> str:
    return " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))


@bp.post("/me/two-factor/off")
@limiter.limit(_few, key_func=_session_cookie)
def turn_off_two_factor() -> BaseResponse:
    def act() -> bool:
        _prove(request.form.get("current", ""))
        with unit_of_work(actor=g.viewer.actor) as work:
            two_factor.turn_off(work, _me(work))
        return True

    done, errors = attempt(act)
    if not done:
        return make_response(_page({"off": errors.get("current", "")}), 422)
    flash(_("The second factor is off."))
    return redirect(url_for("accounts.security"), 303)


@bp.post("/me/two-factor/codes")
@limiter.limit(_few, key_func=_session_cookie)
def renew_recovery_codes() -> BaseResponse:
    def act() -> list[str]:
        _prove(request.form.get("current", ""))
        with unit_of_work(actor=g.viewer.actor) as work:
            return two_factor.renew_recovery_codes(work, _me(work))

    codes, errors = attempt(act)
    if not codes:
        return make_response(_page({"codes": errors.get("current", "")}), 422)
    return make_response(render_template("accounts/recovery_codes.html", codes=codes))
