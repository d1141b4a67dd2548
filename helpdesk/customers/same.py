"""*This is the same person as…*: choose, see what will happen, merge; and undo."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from helpdesk import access
from helpdesk.customers.blueprint import bp, me, name_of, number_from
from helpdesk.errors import Conflict, Invalid
from helpdesk.extensions import db
from helpdesk.forms import Problems
from helpdesk.models import Customer
from helpdesk.services import merging, search
from helpdesk.unit_of_work import unit_of_work


@bp.route("/customers/<int:customer_id>/merge", methods=["GET", "POST"])
def merge(customer_id: int) -> BaseResponse:
    customer = access.customer_by_id(db.session, me(), customer_id)
    other = number_from("with")
    errors = Problems()
    if request.method == "POST":
        try:
            return _merge(customer.id, other)
        except (Invalid, Conflict) as error:
            errors = Problems.of(error, {})
    preview = merging.preview(db.session, me(), customer.id, other) if other and not errors else None
    asked = request.args.get("q", "")
    page = render_template(
        "customers/_same_found.html" if request.headers.get("HX-Request") else "customers/same.html",
        customer=customer,
        preview=preview,
        asked=asked,
        found=_found(customer, asked),
        labels=_labels(),
        errors=errors,
    )
    return make_response(page, 422 if errors else 200)


def _found(customer: Customer, asked: str) -> list[search.Person]:
    if not asked.strip():
        return []
    return [p for p in search.customers(db.session, me(), asked, limit=8) if p.id != customer.id]


def _merge(customer_id: int, other: int | None) -> BaseResponse:
    if other is None:
        raise Invalid(fields={"with": _("Choose who it is.")})
    keep = request.form.get("keep", "target")
    target, source = (customer_id, other) if keep != "source" else (other, customer_id)
    sides = {"target": "target", "source": "source"} if keep != "source" else {"target": "source", "source": "target"}
    choose = {n: sides.get(request.form.get(f"choose-{n}", ""), "target") for n in merging.CHOSEN}
    with unit_of_work(actor=me().actor) as work:
        done = merging.merge(work, me(), target, source, choose=choose, reason=request.form.get("reason", "").strip())
        name = name_of(work.session.get_one(Customer, done.target_id))
    flash(_("Merged into %(name)s. It can be undone on this page at any time.", name=name))
    return redirect(url_for("customers.profile", customer_id=done.target_id), 303)


@bp.post("/customers/merges/<int:merge_id>/undo")
def undo_merge(merge_id: int) -> BaseResponse:
    with unit_of_work(actor=me().actor) as work:
        row = merging.undo(work, me(), merge_id)
    flash(_("The merge is undone: both profiles are as they were, each with what came in meanwhile."))
    return redirect(url_for("customers.profile", customer_id=row.target_id), 303)


def _labels() -> dict[str, str]:
    return {
        "name": _("Name"),
        "given_name": _("Given name"),
        "salutation": _("Salutation"),
        "locale": _("Language"),
        "timezone": _("Time zone"),
        "organization_id": _("Organization"),
        "preferred_channel_id": _("Preferred channel"),
    }
