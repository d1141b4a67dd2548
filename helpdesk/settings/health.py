"""Health: what is well, what failed, and *Retry*."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from helpdesk.errors import Conflict
from helpdesk.extensions import db
from helpdesk.services import deliveries, outside, retries, stubs
from helpdesk.services import health as service
from helpdesk.services import settings as desk_settings
from helpdesk.settings.blueprint import bp, config, go, me, needs, page
from helpdesk.unit_of_work import unit_of_work

PART_WORDS = {
    "database": lazy_gettext("Database"),
    "queue": lazy_gettext("Queue"),
    "disk": lazy_gettext("Disk"),
    "workers": lazy_gettext("Workers"),
    "listeners": lazy_gettext("Listeners"),
    "clock": lazy_gettext("Clock"),
}
QUEUE_WORDS = {
    "arrivals": lazy_gettext("What comes in"),
    "deliveries": lazy_gettext("What goes out"),
    "reactions": lazy_gettext("What follows from it"),
    "surveys": lazy_gettext("Surveys and notices"),
}


@bp.get("/health")
@needs("health")
def health() -> Response:
    facts = service.facts(db.session)
    return page(
        "health.html",
        facts=facts,
        parts=PART_WORDS,
        queues=QUEUE_WORDS,
        inbound=retries.failed_inbound(db.session),
        odd=stubs.odd(db.session()),
        tasks=retries.failed_tasks(db.session),
        unsent=retries.failed_deliveries(db.session),
        warnings=_outside(),
        public=str(desk_settings.get(db.session, "public_url")),
    )


def _outside() -> list[str]:
    """What is wrong with how people reach the desk, as this very request came in."""
    told = []
    public = str(desk_settings.get(db.session, "public_url"))
    settings = config()
    if not public:
        return [_("No public address is set: links in mails point to this machine only.")]
    if urlsplit(public).netloc != request.host:
        told.append(_("You came by %(host)s, but links point to %(public)s.", host=request.host, public=public))
    if public.startswith("https://"):
        if not request.is_secure:
            told.append(_("This request did not arrive by HTTPS. Behind a proxy, set server.trusted_proxies."))
        if not settings.server.secure_cookies:
            told.append(_("Set server.secure_cookies = true, since the desk is reached by HTTPS."))
    elif urlsplit(public).hostname not in ("127.0.0.1", "localhost", "::1"):
        told.append(_("The public address has no HTTPS: passwords travel readable by others."))
    return told


@bp.post("/health/outside")
@needs("health")
def look_from_outside() -> Response:
    """Call the public address by its name, as a customer's browser would."""
    public = str(desk_settings.get(db.session, "public_url"))
    db.session.rollback()  # nothing is held while the network is asked
    if not public:
        flash(_("No public address is set: links in mails point to this machine only."), "bad")
        return go("settings.health")
    seen = outside.look(public)
    said = " ".join(filter(None, (_(seen.told, **seen.values), _(seen.advice) if seen.advice else "")))
    flash(said, {"ok": "message", "warn": "warn", "fail": "bad"}[seen.state])
    return go("settings.health")


@bp.post("/health/<any(inbound, task, delivery):what>/<int:row_id>/retry")
@needs("health")
def retry(what: str, row_id: int) -> Response:
    db.session.rollback()
    act = {"inbound": retries.retry_inbound, "task": retries.retry_task, "delivery": deliveries.retry}[what]
    try:
        with unit_of_work(actor=me().actor) as work:
            act(work, me(), row_id)
    except Conflict as error:
        flash(error.message, "bad")
        return go("settings.health")
    flash(_("It is tried again now."))
    return go("settings.health")
