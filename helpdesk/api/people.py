"""Customers: listed, read, made, changed, merged; what happened with them."""

from __future__ import annotations

from typing import Any

from flask import g
from msgspec import UNSET
from sqlalchemy import exists, select

from helpdesk import access
from helpdesk.api import given, paging, render, shapes
from helpdesk.api.routing import read, write
from helpdesk.customers import timeline
from helpdesk.errors import Invalid
from helpdesk.extensions import db
from helpdesk.models import Customer, Identity, Merge
from helpdesk.services import customers, merging, search
from helpdesk.unit_of_work import UnitOfWork


def shown(customer_id: int) -> shapes.CustomerOut:
    return render.customers(db.session(), [db.session.get_one(Customer, customer_id)])[0]


def _shown_merge(merge_id: int) -> shapes.MergeOut:
    return render.merge(db.session.get_one(Merge, merge_id))


@read("/customers", tag="Customers", query=given.CustomerQuery, returns=shapes.CustomerPage)
def list_customers(query: given.CustomerQuery) -> shapes.CustomerPage:
    """Customers of the tickets the token may see, the newest first."""
    after = paging.decode(query.cursor, int)
    statement = select(Customer).where(Customer.merged_into_id.is_(None), access.customers_seen(g.viewer))
    if query.q:
        found = search.customers(db.session(), g.viewer, query.q, 100)
        statement = statement.where(Customer.id.in_([p.id for p in found]))
    if query.identity:
        value = query.identity.strip()
        mine = Identity.value.in_({value, value.lower()})
        statement = statement.where(exists().where(Identity.customer_id == Customer.id, mine))
    if after is not None:
        statement = statement.where(Customer.id < after[0])
    rows, more = paging.cut(
        list(db.session.scalars(statement.order_by(Customer.id.desc()).limit(query.limit + 1))), query.limit
    )
    return shapes.CustomerPage(render.customers(db.session(), rows), paging.encode(rows[-1].id) if more else None)


@read("/customers/<int:customer_id>", tag="Customers", returns=shapes.CustomerOut)
def get_customer(customer_id: int) -> shapes.CustomerOut:
    """One customer; a merged one answers with the profile that took over."""
    return render.customers(db.session(), [access.customer_by_id(db.session(), g.viewer, customer_id)])[0]


@read("/customers/<int:customer_id>/timeline", tag="Customers", query=given.TimelineQuery, returns=shapes.TimelinePage)
def customer_timeline(query: given.TimelineQuery, customer_id: int) -> shapes.TimelinePage:
    """Everything on all channels, newest first."""
    customer = access.customer_by_id(db.session(), g.viewer, customer_id)
    before = paging.decode(query.cursor, int)
    entries, following = timeline.load(
        db.session(), g.viewer, customer, query.show, before[0] if before else None, query.limit
    )
    items = [
        shapes.TimelineEntry(
            e.seq,
            e.at,
            str(e.title),
            str(e.text),
            e.ticket,
            e.channel,
            e.reason,
            str(e.merge_id) if e.merge_id else None,
        )
        for e in entries
    ]
    return shapes.TimelinePage(items, paging.encode(following) if following is not None else None)


@write(
    "POST", "/customers", tag="Customers", body=given.NewCustomer, returns=shapes.CustomerOut, status=201, show=shown
)
def add_customer(work: UnitOfWork, new: given.NewCustomer) -> int:
    """A new customer, or the one who has the identity already."""
    said = new.identity
    address = customers.read_address(work.session, said.kind, said.value, "identity") if said else None
    name = new.name or (said.name if said else "")
    customer = customers.create(work, g.viewer, name=name, address=address, locale=new.locale)
    work.session.flush()
    return customer.id


@write(
    "PATCH",
    "/customers/<int:customer_id>",
    tag="Customers",
    body=given.CustomerPatch,
    returns=shapes.CustomerOut,
    show=shown,
)
def change_customer(work: UnitOfWork, patch: given.CustomerPatch, customer_id: int) -> int:
    """Change what a profile says; only what is named changes."""
    fields = {f: getattr(patch, f) for f in patch.__struct_fields__}
    values: dict[str, Any] = {f: v for f, v in fields.items() if v is not UNSET}
    if "preferred_channel" in values:
        values["preferred_channel_id"] = values.pop("preferred_channel") or ""
    try:
        return customers.update(work, g.viewer, customer_id, values).id
    except Invalid as error:  # named as the caller called it
        raise Invalid(fields={f.removesuffix("_id"): said for f, said in error.fields.items()}) from None


@write(
    "POST",
    "/customers/<int:customer_id>/identities",
    tag="Customers",
    body=given.Address,
    returns=shapes.CustomerOut,
    status=201,
    show=shown,
)
def add_identity(work: UnitOfWork, said: given.Address, customer_id: int) -> int:
    """Write another address of a customer down; 409 when it is somebody else's."""
    return customers.add_identity(work, g.viewer, customer_id, said.kind, said.value).customer_id


@write(
    "POST",
    "/customers/<int:customer_id>/merge",
    tag="Customers",
    body=given.MergeIn,
    returns=shapes.MergeOut,
    status=201,
    show=_shown_merge,
)
def merge_customer(work: UnitOfWork, said: given.MergeIn, customer_id: int) -> int:
    """Merge `source` into this customer: they are the same person."""
    if int(said.source) == customer_id:
        raise Invalid(fields={"source": "This is already the same profile."})
    return merging.merge(work, g.viewer, customer_id, int(said.source), reason=said.reason).id


@write(
    "POST",
    "/merges/<int:merge_id>/undo",
    tag="Customers",
    body=given.Nothing,
    returns=shapes.MergeOut,
    show=_shown_merge,
)
def undo_merge(work: UnitOfWork, _said: given.Nothing, merge_id: int) -> int:
    """Give back what a merge moved. Undone twice is undone once."""
    return merging.undo(work, g.viewer, merge_id).id
