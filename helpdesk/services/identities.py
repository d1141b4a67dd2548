"""Find or make the customer behind an address; remember how an address can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from connectors.contract import Address, Connector
from helpdesk import newcomers
from helpdesk.events import CustomerChanged, CustomerCreated, IdentityAdded, IdentityMoved, ReachChanged
from helpdesk.folding import fold, one_line
from helpdesk.models import Channel, Customer, Identity, Message, Reach
from helpdesk.services import foresight
from helpdesk.unit_of_work import UnitOfWork

_Row = TypeVar("_Row")


def insert_or_skip(session: Session, model: type[Any], values: dict[str, Any], unique: list[str]) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; True when the row is ours. The constraint decides, not a look before."""
    build = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = build(model).values(**values).on_conflict_do_nothing(index_elements=unique).returning(model.id)
    return session.execute(statement).first() is not None


def _insert_new(session: Session, model: type[_Row], values: dict[str, Any], unique: list[str]) -> _Row | None:
    """As above, but the row itself; None when somebody has it already."""
    build = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = build(model).values(**values).on_conflict_do_nothing(index_elements=unique).returning(model)
    return session.scalars(statement).first()


def find(session: Session, kind: str, scope: str, value: str) -> Identity | None:
    look = foresight.of(session)
    if look is not None and (kind, scope, value) in look.people:
        return look.people[kind, scope, value]
    return session.scalar(_ADDRESS, {"kind": kind, "scope": scope, "value": value})


_ADDRESS = (
    select(Identity)
    .where(
        Identity.kind == bindparam("kind"), Identity.scope == bindparam("scope"), Identity.value == bindparam("value")
    )
    .options(joinedload(Identity.customer, innerjoin=True))
)
_REACH = select(Reach).where(Reach.identity_id == bindparam("identity"), Reach.channel_id == bindparam("channel"))


def find_or_create(
    work: UnitOfWork,
    address: Address,
    *,
    locale: str = "",
    seen_at: datetime | None = None,
    also: Sequence[Address] = (),
) -> Identity:
    """The identity of an address, with its customer; both are made when unknown.

    `also`: more addresses of the same person. A known one says who an unknown sender is; unknown ones are added.
    Customers who are known apart from each other are not merged here.
    """
    if not also:
        return _one(work, address, locale, seen_at)
    before = find(work.session, address.kind, address.scope, one_line(address.value, 320))
    same = next((i for a in also if (i := find(work.session, a.kind, a.scope, a.value)) is not None), None)
    if before is None and same is not None:
        identity = join(work, same.customer_id, address)
        _freshen(work, identity, address)
    else:
        identity = _one(work, address, locale, seen_at)
    for other in also:
        join(work, identity.customer_id, other)
    return identity


def join(work: UnitOfWork, customer_id: int, address: Address) -> Identity:
    """One more address of a customer; whoever has it already keeps it."""
    value = one_line(address.value, 320)
    _look_again(work.session, customer_id, address.kind, address.scope, value)
    values = {
        "customer_id": customer_id,
        "kind": address.kind,
        "scope": address.scope,
        "value": value,
        "name": one_line(address.name, 300),
        "username": one_line(address.username, 100),
        "verified_how": "",
        "created_at": work.now,
    }
    ours = insert_or_skip(work.session, Identity, values, ["kind", "scope", "value"])
    identity = find(work.session, address.kind, address.scope, value)
    if identity is None:
        raise RuntimeError("an identity vanished while it was made")
    if ours:
        work.record(IdentityAdded(customer_id=customer_id, identity_id=identity.id))
    return identity


def _one(work: UnitOfWork, address: Address, locale: str, seen_at: datetime | None) -> Identity:
    value = one_line(address.value, 320)
    found = find(work.session, address.kind, address.scope, value)
    if found is not None:
        _freshen(work, found, address)
        return found
    name = one_line(address.name, 300)
    customer = Customer(
        name=name, name_folded=fold(name), locale=locale, created_at=work.now, last_contact_at=seen_at or work.now
    )
    newcomers.bring(work.session, customer)
    values = {
        "customer_id": customer.id,
        "kind": address.kind,
        "scope": address.scope,
        "value": value,
        "name": name,
        "username": one_line(address.username, 100),
        "verified_how": "",
        "created_at": work.now,
    }
    identity = _in_batch(work.session, customer, values) or _insert_new(
        work.session, Identity, values, ["kind", "scope", "value"]
    )
    if identity is None:  # somebody else made it in the same moment
        identity = find(work.session, address.kind, address.scope, value)
        if identity is None:
            raise RuntimeError("an identity vanished while it was made")
        work.session.delete(customer)
        work.session.flush()
        return identity
    work.record(CustomerCreated(customer_id=customer.id))
    work.record(IdentityAdded(customer_id=customer.id, identity_id=identity.id))
    return identity


def _in_batch(session: Session, customer: Customer, values: dict[str, Any]) -> Identity | None:
    """Written with the others of its batch; None outside of one. Should somebody else make it in the same moment, the
    batch fails and is taken in one by one."""
    look = foresight.of(session)
    key = (values["kind"], values["scope"], values["value"])
    if look is None or key not in look.people:
        return None
    identity = Identity(**values)
    set_committed_value(identity, "customer", customer)
    newcomers.bring(session, identity)
    look.people[key] = look.only[customer.id] = identity
    look.reaches[identity.id], look.continued[identity.id] = None, False
    return identity


def _look_again(session: Session, customer_id: int, kind: str, scope: str, value: str) -> None:
    """A batch's foresight does not hold for these any more."""
    look = foresight.of(session)
    if look is not None:
        look.only.pop(customer_id, None)
        look.people.pop((kind, scope, value), None)


def adopt(work: UnitOfWork, identity: Identity, customer_id: int, *, reason: str) -> bool:
    """Somebody new turns out to be a customer we know: the address goes there. False where they are known themselves
    (another address, or something written): joining two known people is for an agent to decide."""
    fresh = identity.customer
    if fresh.id == customer_id:
        return True
    known = [i for i in fresh.identities if i.id != identity.id] or work.session.scalar(
        select(Message.id).where(Message.customer_id == fresh.id).limit(1)
    )
    if known or fresh.merged_into_id is not None:
        return False
    work.session.flush()
    identity.customer = work.session.get_one(Customer, customer_id)
    fresh.merged_into_id = customer_id
    work.session.flush()
    _look_again(work.session, fresh.id, identity.kind, identity.scope, identity.value)
    work.record(IdentityMoved(customer_id=customer_id, identity_id=identity.id, old=fresh.id), reason=reason)
    return True


def move(work: UnitOfWork, old: Address, new: Address) -> bool:
    """An address is another one from now on, with all that is known of it. False where it is not known, or the new one is
    somebody's already."""
    identity = find(work.session, old.kind, old.scope, old.value)
    if identity is None or find(work.session, new.kind, new.scope, new.value) is not None:
        return False
    for one in (old, new):
        _look_again(work.session, identity.customer_id, one.kind, one.scope, one_line(one.value, 320))
    identity.value = one_line(new.value, 320)
    work.record(CustomerChanged(customer_id=identity.customer_id, fields=("identity",)))
    return True


def _freshen(work: UnitOfWork, identity: Identity, address: Address) -> None:
    before = (identity.username, identity.name, identity.customer.name)
    if address.username and identity.username != address.username:
        identity.username = one_line(address.username, 100)
    name = one_line(address.name, 300)
    if name and not identity.name:
        identity.name = name
    if name and not identity.customer.name:
        identity.customer.name, identity.customer.name_folded = name, fold(name)
    if before != (identity.username, identity.name, identity.customer.name):
        work.record(CustomerChanged(customer_id=identity.customer_id, fields=("name",)))


def reach(work: UnitOfWork, identity_id: int, channel_id: int) -> Reach:
    """The reach row of an identity on a channel, made when there is none."""
    look = foresight.of(work.session)
    foreseen = look is not None and channel_id == look.channel_id and identity_id in look.reaches
    key = {"identity": identity_id, "channel": channel_id}
    found = look.reaches[identity_id] if look is not None and foreseen else work.session.scalar(_REACH, key)
    if found is None:
        values = {
            "identity_id": identity_id,
            "channel_id": channel_id,
            "state": "unverified",
            "reason": "",
            "changed_at": work.now,
        }
        if look is not None and foreseen:
            found = look.reaches[identity_id] = Reach(**values)
            newcomers.bring(work.session, found)
        else:
            found = _insert_new(work.session, Reach, values, ["identity_id", "channel_id"])
    if found is None:  # somebody else made it in the same moment
        found = work.session.scalars(_REACH, key).one()
    return found


def heard(
    work: UnitOfWork, identity: Identity, channel: Channel, connector: Connector, at: datetime, *, verified: bool
) -> Reach:
    """They wrote: the reply window opens, a block or bounce is over, and proof is remembered."""
    row = reach(work, identity.id, channel.id)
    row.last_inbound_at = max(at, row.last_inbound_at or at)
    hours = connector.limits_for(identity.value).reply_window_hours
    if hours:
        row.window_until = row.last_inbound_at + timedelta(hours=hours)
    if row.state in ("blocked", "bounced_soft", "bounced_hard"):
        set_state(work, row, identity, "verified" if verified else "unverified", "They wrote again.")
    elif verified and row.state != "verified":
        row.state = "verified"
    if verified and identity.verified_at is None:
        identity.verified_at, identity.verified_how = work.now, "channel"
    return row


def set_state(work: UnitOfWork, row: Reach, identity: Identity, state: str, reason: str) -> None:
    if row.state == state and row.reason == reason:
        return
    row.state, row.reason, row.changed_at = state, reason[:500], work.now
    work.record(
        ReachChanged(customer_id=identity.customer_id, identity_id=identity.id, channel_id=row.channel_id, state=state),
        reason=reason[:500],
    )
