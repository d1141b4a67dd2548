"""Links by mail: invitation, forgotten password. A GET shows a form; only the POST uses the link up."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.accounts.blueprint import bp, browser, opened, settings, signed_in
from helpdesk.errors import Expired, Invalid
from helpdesk.extensions import db, limiter
from helpdesk.services import invites, links, passwords, people
from helpdesk.services import signin as service
from helpdesk.unit_of_work import unit_of_work


def _few() -> str:
    n = settings().limits.login_per_minute
    return f"{n} per minute; {n * 6} per hour"


@bp.route("/forgot", methods=["GET", "POST"])
@opened
@limiter.limit(_few, methods=["POST"])
def forgot() -> BaseResponse | str:
    """The same answer, as fast, whether there is such an account: a worker looks for it."""
    if request.method != "POST":
        return render_template("accounts/forgot.html", sent=False)
    with unit_of_work() as work:
        invites.forgot(work, request.form.get("email", ""))
    return redirect(url_for("accounts.forgot_sent"), 303)


@bp.get("/forgot/sent")
@opened
def forgot_sent() -> str:
    return render_template("accounts/forgot.html", sent=True)


@bp.route("/invite/<token>", methods=["GET", "POST"])
@opened
@limiter.limit(_few, methods=["POST"])
def invite(token: str) -> BaseResponse | str:
    return _choose_password("invite", token)


@bp.route("/reset/<token>", methods=["GET", "POST"])
@opened
@limiter.limit(_few, methods=["POST"])
def reset(token: str) -> BaseResponse | str:
    return _choose_password("reset", token)


def _choose_password(purpose: str, token: str) -> BaseResponse | str:
    try:
        agent = links.peek(db.session, purpose, token)
        if request.method != "POST":
            return _password_page(purpose, agent.name, agent.email)
        password = request.form.get("password", "")
        passwords.check(password, email=agent.email)
        if request.form.get("again", password) != password:
            raise Invalid(fields={"again": _("The two do not match.")})
        with unit_of_work(actor=f"agent:{agent.id}") as work:
            person = links.use(work, purpose, token)
            people.set_password(work, person, password)
            entered, complete = service.enter_by_link(work, person, **browser())
    except Invalid as error:
        return make_response(_password_page(purpose, agent.name, agent.email, error.fields), 422)
    except Expired:
        return make_response(render_template("accounts/expired.html", purpose=purpose), 410)
    return signed_in(entered, "/" if complete else url_for("accounts.second_factor"))


def _password_page(purpose: str, name: str, email: str, errors: dict[str, str] | None = None) -> str:
    shortest = passwords.SHORTEST
    return render_template(
        "accounts/choose_password.html", purpose=purpose, name=name, email=email, errors=errors or {}, shortest=shortest
    )
