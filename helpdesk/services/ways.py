"""The ways to write to a customer: which channel and which address can carry a message, and why another cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Connector, Limits, Sends, Template
from helpdesk.errors import Invalid
from helpdesk.models import Channel, Identity, Reach, Ticket, now
from helpdesk.services import approved, channels, preferred, sharing, windows
from helpdesk.services.windows import OpenWindow


@dataclass(frozen=True)
class Option:
    """One way to answer: a channel and an identity; when `ok` is False, `reason` says why not. A reason with ok warns."""

    channel_id: int
    channel_name: str
    kind: str
    icon: str
    identity_id: int
    identity_label: str
    ok: bool = True
    reason: str = ""
    preselected: bool = False
    formats: frozenset[str] = frozenset({"text"})
    max_length: int | None = None
    window_until: Any = None
    window: OpenWindow | None = None  # the one that is open now
    templates: tuple[Template, ...] = ()  # approved messages, where nothing else may be sent now
    automatic: bool = True  # may something no person wrote (an acknowledgement, a survey) go this way now?
    shares: frozenset[str] = frozenset()  # place, contact, sticker: what can go along here
    counts: str = ""  # what the composer counts while one writes: "sms", or "sms-plain" without diacritics
    one_of: bool = False  # there are several channels of its kind: which one has to be said

    @property
    def trouble(self) -> tuple[str, int, str]:
        """What is told once, though several mailboxes have it."""
        return self.kind, self.identity_id, self.reason


def options(session: Session, ticket: Ticket) -> list[Option]:
    """Every channel × identity of the customer that could carry a reply, the last used one first and preselected."""
    found = of_customer(session, ticket.customer_id)
    chosen = next(
        (o for o in found if (o.channel_id, o.identity_id) == (ticket.channel_id, ticket.identity_id) and o.ok), None
    )
    if chosen is None:
        liked = preferred.of(session, ticket.customer)
        usable = [o for o in found if o.ok]
        chosen = min(usable, key=lambda o: liked is None or o.channel_id != liked.channel_id, default=None)

    marked = [replace(o, preselected=o is chosen) for o in found]
    return sorted(marked, key=lambda o: (not o.preselected, not o.ok))


def of_customer(session: Session, customer_id: int) -> list[Option]:
    """Every way to write to a customer, in the order of their identities."""
    people = session.scalars(select(Identity).where(Identity.customer_id == customer_id).order_by(Identity.id)).all()
    reaches = {
        (r.identity_id, r.channel_id): r
        for r in session.scalars(select(Reach).where(Reach.identity_id.in_([i.id for i in people])))
    }
    every = channels.every(session)
    gone = _gone(every, reaches)
    found = []
    for channel in every:
        connector = registry.kind(channel.kind)
        if not issubclass(connector, Sends) and not getattr(connector, "in_place", False):
            continue
        mine = [i for i in people if i.kind == connector.identity_kind]
        if not mine:
            continue
        built = channels.connector_of(channel, session)
        for identity in mine:
            if identity.scope in ("", built.identity_scope):
                reach = reaches.get((identity.id, channel.id))
                dead = gone.get((identity.id, channel.kind))
                if dead is not None and not (
                    reach and reach.last_inbound_at and reach.last_inbound_at > dead.changed_at
                ):
                    reach = dead
                found.append(_option(session, channel, built, identity, reach))
    of_kind = Counter(kind for kind, _id in {(o.kind, o.channel_id) for o in found})
    return [replace(o, one_of=of_kind[o.kind] > 1) for o in found]


def _gone(every: Sequence[Channel], reaches: Mapping[tuple[int, int], Reach]) -> dict[tuple[int, str], Reach]:
    """(identity, kind of channel) -> what says that the address does not exist: it exists for no other mailbox either."""
    kinds = {channel.id: channel.kind for channel in every}
    return {
        (r.identity_id, kinds[r.channel_id]): r
        for r in reaches.values()
        if r.state == "bounced_hard" and r.channel_id in kinds
    }


def _option(
    session: Session, channel: Channel, connector: Connector, identity: Identity, reach: Reach | None
) -> Option:
    limits = connector.limits_for(identity.value)
    templates: tuple[Template, ...] = ()
    ok, reason = True, channels.may_send(session, channel)
    if reason:
        ok = False
    elif reach is None and not connector.starts:
        ok, reason = False, str(_l("They have not written here yet."))
    elif reach is not None and not reach.open:
        ok, reason = False, reach.reason or reach.state
    elif windows.closed(limits, reach, now()):
        templates = approved.of(connector)
        ok, reason = bool(templates), f"{_('The reply window is closed.')} {_after(limits)}".strip()
    elif reach is not None and reach.state == "bounced_soft":
        reason = reach.reason
    window = windows.current(limits, reach, now())
    return Option(
        channel_id=channel.id,
        channel_name=channel.name,
        kind=channel.kind,
        icon=connector.icon,
        identity_id=identity.id,
        identity_label=_label(connector, identity),
        ok=ok,
        reason=reason,
        formats=limits.formats,
        max_length=limits.max_length,
        window_until=reach.window_until if reach else None,
        window=window,
        automatic=limits.automatic and not templates and (window is None or window.automatic),
        templates=templates,
        shares=frozenset() if templates else sharing.kinds(connector),
        counts=_counts(channel, connector),
    )


def _label(connector: Connector, identity: Identity) -> str:
    """How people call the address. An id that belongs to one page or account says nothing; the name there does."""
    shown = connector.shown(identity.value)
    if shown != identity.value:
        return str(_(shown))
    opaque = identity.scope and not identity.username and identity.name
    return identity.name if opaque else identity.label


def _after(limits: Limits) -> str:
    return str(_(limits.after_window)) if limits.after_window else ""


def _counts(channel: Channel, connector: Connector) -> str:
    counts = str(getattr(connector, "counts", ""))
    return f"{counts}-plain" if counts and (channel.settings or {}).get("strip_marks") else counts


def choose(
    session: Session,
    ticket: Ticket,
    channel_id: int | None = None,
    identity_id: int | None = None,
    *,
    template: str = "",
    automatic: bool = False,
) -> tuple[Channel, Connector, Identity]:
    """The channel and identity to use: as asked for, else as preselected. Raises Invalid with the reason.

    A way on which only a template may be sent now is one only with a `template`; `automatic`: no person wrote it.
    """
    found = options(session, ticket)
    wanted = [
        o
        for o in found
        if (channel_id is None or o.channel_id == channel_id) and (identity_id is None or o.identity_id == identity_id)
    ]
    wanted = [o for o in wanted if o.automatic or not automatic]
    usable = next((o for o in wanted if o.ok and (template or not o.templates)), None)
    if usable is None and any(o.ok for o in wanted):
        raise Invalid(fields={"template": _("The reply window is closed. Choose an approved template.")})
    if usable is None:
        why = wanted[0].reason if wanted else str(_l("There is no channel this customer can be answered on."))
        raise Invalid(fields={"channel": why})
    channel = session.get_one(Channel, usable.channel_id)
    return channel, channels.connector_of(channel, session), session.get_one(Identity, usable.identity_id)
