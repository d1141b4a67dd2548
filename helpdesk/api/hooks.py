"""Webhooks: subscriptions of other programs to what happens here. For tokens that may administer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import g
from msgspec import UNSET, Meta, UnsetType

from helpdesk.api.routing import read, write
from helpdesk.api.shapes import In, Out
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Webhook
from helpdesk.services import webhooks
from helpdesk.unit_of_work import UnitOfWork


class WebhookOut(Out):
    """`events` empty: all. `seq`: the event up to which it was told. Never the secret."""

    id: str
    url: str
    name: str
    events: list[str]
    active: bool
    seq: int
    failures: int
    last_success_at: datetime | None
    last_error: str
    stopped_why: str
    created_at: datetime


class WebhookPage(Out):
    items: list[WebhookOut]
    next_cursor: str | None = None


class NewWebhook(In):
    """`events`: types as in /events; empty: all. `secret`: yours, at least 24 characters; posts are signed with it."""

    url: Annotated[str, Meta(max_length=2000)]
    secret: Annotated[str, Meta(min_length=24, max_length=200)]
    events: Annotated[list[str], Meta(max_length=100)] = []
    name: Annotated[str, Meta(max_length=200)] = ""


class WebhookChange(In):
    """Switch it off or on; on, it is told of everything that happened meanwhile."""

    active: bool | UnsetType = UNSET


def _out(row: Webhook) -> WebhookOut:
    return WebhookOut(
        str(row.id),
        row.url,
        row.name,
        list(row.events),
        row.active,
        row.seq,
        row.failures,
        row.last_success_at,
        row.last_error,
        row.stopped_why,
        row.created_at,
    )


def _shown(webhook_id: int) -> WebhookOut:
    return _out(webhooks.one(db.session(), g.viewer, webhook_id))


@read("/webhooks", tag="Events", returns=WebhookPage)
def list_webhooks() -> WebhookPage:
    """Every subscription and how it goes."""
    return WebhookPage([_out(row) for row in webhooks.every(db.session(), g.viewer)])


@read("/webhooks/<int:webhook_id>", tag="Events", returns=WebhookOut)
def get_webhook(webhook_id: int) -> WebhookOut:
    """One subscription."""
    return _shown(webhook_id)


@write("POST", "/webhooks", tag="Events", body=NewWebhook, returns=WebhookOut, status=201, show=_shown)
def add_webhook(work: UnitOfWork, new: NewWebhook) -> int:
    """Be told of what happens from now on, as the token's agent may know it, by signed POSTs."""
    row, _secret = webhooks.create(work, g.viewer, url=new.url, name=new.name, events=new.events, secret=new.secret)
    return row.id


@write("PATCH", "/webhooks/<int:webhook_id>", tag="Events", body=WebhookChange, returns=WebhookOut, show=_shown)
def change_webhook(work: UnitOfWork, change: WebhookChange, webhook_id: int) -> int:
    """Switch a subscription off or on."""
    if change.active is UNSET:
        raise Invalid(fields={"active": "Say true or false."})
    return webhooks.switch(work, g.viewer, webhook_id, bool(change.active)).id


@write("DELETE", "/webhooks/<int:webhook_id>", tag="Events", returns=WebhookOut, show=lambda row: row)
def delete_webhook(work: UnitOfWork, webhook_id: int) -> WebhookOut:
    """End a subscription."""
    row = _out(webhooks.one(work.session, g.viewer, webhook_id))
    webhooks.remove(work, g.viewer, webhook_id)
    return row
