"""People: found or made, changed, given further addresses, blocked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from zoneinfo import available_timezones

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Address, ChannelConfig, Connector, Logs, Sends
from helpdesk import access
from helpdesk.access import Viewer, require_write
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import CustomerChanged, CustomerCreated, IdentityAdded
from helpdesk.folding import clean, fold, one_line
from helpdesk.models import Channel, Customer, Identity, Organization
from helpdesk.services import channels, identities
from helpdesk.services import settings as desk_settings
from helpdesk.services.identities import insert_or_skip
from helpdesk.unit_of_work import UnitOfWork

TEXTS: Mapping[str, int] = {"name": 300, "given_name": 100, "salutation": 40}
MAX_NOTES = 20_000


class Taken(Conflict):
    """The address is somebody else's. `customer_id`: whose, or None when the viewer may not know them."""

    title = "This address belongs to somebody else"

    def __init__(self, message: str, customer_id: int | None) -> None:
        super().__init__(message, field="value")
        self.customer_id = customer_id


@dataclass(frozen=True)
class AddressKind:
    """A kind of address that can be typed in by hand."""

    kind: str
    label: str
    icon: str
    channel: str
    can_start: bool

    by_hand: ClassVar[str] = "agent"


# --- addresses -----------------------------------------------------------------------------------------------


def address_kinds() -> list[AddressKind]:
    """Kinds of addresses people can write down (not those that a browser carries)."""
    found: dict[str, AddressKind] = {}
    for name, connector in registry.kinds().items():
        if issubclass(connector, (Sends, Logs)) and not getattr(connector, "in_place", False):
            kind = AddressKind(connector.identity_kind, connector.label, connector.icon, name, connector.starts)
            known = found.setdefault(kind.kind, kind)
            found[kind.kind] = replace(known, can_start=known.can_start or kind.can_start)
    return list(found.values())


def kinds_offered(session: Session) -> list[AddressKind]:
    """Those that make sense here: any that a conversation or a call can begin with, others where a channel is."""
    used = {c.kind for c in channels.every(session)}
    return [k for k in address_kinds() if k.can_start or _logs(k) or k.channel in used]


def connector_for(session: Session, kind: str) -> Connector:
    """A connector that knows addresses of a kind: that of a channel in use, else one without settings."""
    known = {c.kind: c for c in address_kinds()}
    if kind not in known:
        raise Invalid(fields={"kind": _("Choose a kind of address.")})
    for channel in channels.every(session):
        connector = registry.kind(channel.kind)
        if connector.identity_kind == kind and issubclass(connector, (Sends, Logs)):
            return channels.connector_of(channel, session)
    region = str(desk_settings.get(session, "phone.region"))
    return registry.build(known[kind].channel, ChannelConfig(0, "", "", {"region": region}))


def read_address(session: Session, kind: str, typed: str, field: str = "value") -> Address:
    """One spelling of what somebody typed. Raises Invalid with the connector's own sentence."""
    connector = connector_for(session, kind)
    if not typed.strip():
        raise Invalid(fields={field: _("Enter an address or a number.")})
    try:
        value = connector.normalise(one_line(typed, 320))
    except ValueError as error:
        raise Invalid(fields={field: _(str(error.args[-1]))}) from None
    return Address(connector.identity_kind, value, connector.identity_scope)


def guess_address(session: Session, typed: str) -> Address | None:
    """What a line of text is an address of, if of anything: asked of each kind in turn."""
    if not typed.strip() or len(typed) > 320:
        return None
    for kind in address_kinds():
        if not kind.can_start and not _logs(kind):
            continue
        try:
            return read_address(session, kind.kind, typed)
        except Invalid:
            continue
    return None


def _logs(kind: AddressKind) -> bool:
    return issubclass(registry.kind(kind.channel), Logs)


def owner(session: Session, address: Address) -> Identity | None:
    return identities.find(session, address.kind, address.scope, address.value)


def add_identity(work: UnitOfWork, viewer: Viewer, customer_id: int, kind: str, typed: str) -> Identity:
    """Write an address down on a profile. Raises Invalid, or Taken when it is somebody else's."""
    require_write(viewer)
    customer = access.customer_by_id(work.session, viewer, customer_id, lock=True)
    return put_identity(work, viewer, customer, read_address(work.session, kind, typed))


def put_identity(work: UnitOfWork, viewer: Viewer, customer: Customer, address: Address) -> Identity:
    values = {
        "customer_id": customer.id,
        "kind": address.kind,
        "scope": address.scope,
        "value": address.value,
        "name": "",
        "username": "",
        "verified_how": AddressKind.by_hand,
        "created_at": work.now,
    }
    ours = insert_or_skip(work.session, Identity, values, ["kind", "scope", "value"])
    found = owner(work.session, address)
    if found is None:
        raise Conflict()
    if found.customer_id != customer.id:
        raise _taken(work.session, viewer, found)
    if ours:
        work.session.expire(customer, ["identities"])
        work.record(IdentityAdded(customer_id=customer.id, identity_id=found.id))
    return found


def _taken(session: Session, viewer: Viewer, identity: Identity) -> Taken:
    try:
        other = access.customer_by_id(session, viewer, identity.customer_id)
    except NotFound:
        return Taken(_("This address belongs to a customer of another team. Ask an administrator."), None)
    return Taken(_("This address already belongs to %(name)s.", name=other.display_name), other.id)


# --- people --------------------------------------------------------------------------------------------------


def create(
    work: UnitOfWork, viewer: Viewer, *, name: str = "", address: Address | None = None, locale: str = ""
) -> Customer:
    """A new profile, or the one that has the address already. Raises Invalid without a name and an address."""
    require_write(viewer)
    name = one_line(name, 300)
    if address is None and not name:
        raise Invalid(fields={"who": _("Enter a name, an address or a number.")})
    known = owner(work.session, address) if address is not None else None
    if known is not None:
        if not _visible(work.session, viewer, known.customer_id):
            raise _taken(work.session, viewer, known)
        return known.customer
    customer = Customer(name=name, name_folded=fold(name), locale=locale, created_at=work.now, last_contact_at=work.now)
    work.session.add(customer)
    work.session.flush()
    work.record(CustomerCreated(customer_id=customer.id))
    if address is not None:
        put_identity(work, viewer, customer, address)
    return customer


def _visible(session: Session, viewer: Viewer, customer_id: int) -> bool:
    try:
        access.customer_by_id(session, viewer, customer_id)
    except NotFound:
        return False
    return True


def update(work: UnitOfWork, viewer: Viewer, customer_id: int, values: Mapping[str, Any]) -> Customer:
    """Change what a profile says: name, given_name, salutation, organization (its name), locale, timezone, notes, vip,
    preferred_channel_id. Absent keys stay. Raises Invalid naming the field."""
    require_write(viewer)
    customer = access.customer_by_id(work.session, viewer, customer_id, lock=True)
    wanted = _wanted(work, values)
    changed = [n for n, v in wanted.items() if getattr(customer, n) != v]
    for name in changed:
        setattr(customer, name, wanted[name])
    if changed:
        customer.name_folded = fold(customer.name)
        customer.updated_at = work.now
        work.record(CustomerChanged(customer_id=customer.id, fields=tuple(sorted(changed))))
    return customer


def _wanted(work: UnitOfWork, values: Mapping[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {n: one_line(str(values[n]), size) for n, size in TEXTS.items() if n in values}
    problems: dict[str, str] = {}
    if "notes" in values:
        wanted["notes"] = clean(str(values["notes"])).replace("\r\n", "\n").strip()
        if len(wanted["notes"]) > MAX_NOTES:
            problems["notes"] = _("Notes may have %(n)s characters at most.", n=MAX_NOTES)
    if "vip" in values:
        wanted["vip"] = bool(values["vip"])
    if "locale" in values:
        wanted["locale"] = str(values["locale"])
        if wanted["locale"] not in ("", *desk_settings.LOCALES):
            problems["locale"] = _("Choose one of the list.")
    if "timezone" in values:
        wanted["timezone"] = str(values["timezone"])
        if wanted["timezone"] and wanted["timezone"] not in available_timezones():
            problems["timezone"] = _("Choose one of the list.")
    if "preferred_channel_id" in values:
        wanted["preferred_channel_id"] = _channel(work.session, values["preferred_channel_id"], problems)
    if problems:
        raise Invalid(fields=problems)
    if "organization" in values:
        wanted["organization_id"] = organization(work, str(values["organization"]))
    return wanted


def _channel(session: Session, value: Any, problems: dict[str, str]) -> int | None:
    if value in ("", None):
        return None
    row = session.get(Channel, int(value)) if str(value).isdecimal() and len(str(value)) < 18 else None
    if row is None or row.archived_at is not None:
        problems["preferred_channel_id"] = _("Choose one of the list.")
        return None
    return row.id


def organization(work: UnitOfWork, name: str) -> int | None:
    """The organization of that name (compared folded), made when there is none; None for an empty name."""
    name = one_line(name, 300)
    if not name:
        return None
    known = select(Organization.id).where(Organization.name_folded == fold(name)).order_by(Organization.id).limit(1)
    found = work.session.scalar(known)
    if found is not None:
        return found
    row = Organization(name=name, name_folded=fold(name), created_at=work.now)
    work.session.add(row)
    work.session.flush()
    return row.id


def set_blocked(work: UnitOfWork, viewer: Viewer, customer_id: int, blocked: bool) -> Customer:
    """What a blocked customer writes lands in Spam and starts nothing."""
    require_write(viewer)
    customer = access.customer_by_id(work.session, viewer, customer_id, lock=True)
    if blocked != (customer.blocked_at is not None):
        customer.blocked_at = work.now if blocked else None
        customer.updated_at = work.now
        work.record(CustomerChanged(customer_id=customer.id, fields=("blocked",)))
    return customer
