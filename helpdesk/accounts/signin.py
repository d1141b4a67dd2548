"""Sign in, second factor, sign out."""

from __future__ import annotations

import secrets

from flask import Response, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.accounts.blueprint import bp, browser, opened, safe_next, settings, signed_in
from helpdesk.extensions import db, limiter
from helpdesk.services import sessions
from helpdesk.services import settings as desk_settings
from helpdesk.services import signin as service
from helpdesk.unit_of_work import unit_of_work


def _per_account() -> str:
    n = settings().limits.login_per_minute
    return f"{n} per minute; {n * 10} per hour"


def _per_address() -> str:
    """Many people may sit behind one address: an office in the morning."""
    return f"{settings().limits.login_per_minute * 5} per minute"


def _account() -> str:
    return "account:" + request.form.get("email", "").strip().lower()[:320]


def _half_account() -> str:
    half = sessions.find(db.session, request.cookies.get(sessions.COOKIE, ""))
    return f"agent:{half.agent.id}" if half else f"address:{request.remote_addr}"


@bp.route("/login", methods=["GET", "POST"])
@opened
@limiter.limit(_per_address, methods=["POST"], scope="login")
@limiter.limit(_per_account, key_func=_account, methods=["POST"], scope="login")
def login() -> BaseResponse | str:
    where = safe_next(request.values.get("next"))
    if g.viewer is not None and request.method != "POST":
        return redirect(where)
    if not desk_settings.get(db.session, "setup.done"):
        return redirect(url_for("accounts.setup"))
    if request.method != "POST":
        return _login_page()
    password = request.form.get("password", "")
    agent = service.check(db.session, request.form.get("email", ""), password)
    db.session.rollback()
    if agent is None:
        return _login_page(_("That email and password do not match."))
    before = g.half_signed_in.session_id if g.half_signed_in else None
    with unit_of_work(actor=f"agent:{agent.id}") as work:
        entered = service.enter(work, agent, password, **browser(), instead_of=before)
    if entered is None:
        return _login_page(_("That email and password do not match."))
    token, complete = entered
    remember = "remember" in request.form
    if not complete:
        where = url_for("accounts.second_factor", next=where, remember="1" if remember else None)
    return signed_in(token, where, remember=remember)


def _login_page(error: str = "", status: int = 422) -> Response:
    page = render_template(
        "accounts/login.html",
        error=error,
        email=request.form.get("email", ""),
        remember=request.method != "POST" or "remember" in request.form,
        brand=desk_settings.get(db.session, "brand.name"),
        next=safe_next(request.values.get("next")),
    )
    return make_response(page, status if error else 200)


@bp.route("/login/second", methods=["GET", "POST"])
@opened
@limiter.limit("10 per 10 minutes; 60 per day", key_func=_half_account, methods=["POST"], scope="second")
def second_factor() -> BaseResponse | str:
    half = g.half_signed_in
    if half is None or half.complete:
        return redirect(url_for("accounts.login"))
    if request.method != "POST":
        return render_template("accounts/second.html", error="")
    with unit_of_work(actor=f"agent:{half.agent.id}") as work:
        token = service.second_factor(work, half, request.form.get("code", ""), **browser())
    if token is None:
        wrong = _("This code is not right, or was used already. Wait for the next one.")
        return make_response(render_template("accounts/second.html", error=wrong), 422)
    return signed_in(token, safe_next(request.args.get("next")), remember="remember" in request.args)


@bp.post("/logout")
@opened
def logout() -> BaseResponse:
    if g.half_signed_in is not None:
        with unit_of_work(actor=f"agent:{g.half_signed_in.agent.id}") as work:
            sessions.end(work, session_id=g.half_signed_in.session_id)
    session.clear()
    response = redirect(url_for("accounts.login"), 303)
    response.delete_cookie(sessions.COOKIE, httponly=True, secure=settings().server.secure_cookies, samesite="Lax")
    return response


@bp.errorhandler(429)
def too_many(_error: Exception) -> BaseResponse:
    """The limiter asks before anybody knows who it is, so what pages need is made here."""
    g.nonce = getattr(g, "nonce", "") or secrets.token_urlsafe(16)
    g.viewer = getattr(g, "viewer", None)
    words = _("Too many tries. Wait a minute, then try again.")
    if request.endpoint == "accounts.login":
        return _login_page(words, 429)
    if request.endpoint == "accounts.second_factor":
        return make_response(render_template("accounts/second.html", error=words), 429)
    return make_response(render_template("errors/error.html", status=429, title=words, detail=""), 429)
