"""The blueprint of the customers' pages, by itself so that its modules can share it without a circle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Blueprint, g, request
from flask_babel import gettext as _

from helpdesk.access import Viewer
from helpdesk.models import Customer, Identity
from helpdesk.services.search import in_browser

bp = Blueprint("customers", __name__)


def me() -> Viewer:
    viewer: Viewer = g.viewer
    return viewer


def label_of(identity: Identity) -> str:
    """An address as people read it: numbers in groups, a browser as what it is."""
    if re.fullmatch(r"\+\d{6,15}", identity.value):
        from helpdesk.services.call_lookup import describe

        return describe(identity.value)[0]
    return _("Website visitor") if in_browser(identity.kind) else identity.label


def name_of(customer: Customer) -> str:
    """The name, else the best known address, else a number."""
    return customer.name or called_by(customer, customer.identities)


def called_by(customer: Customer, identities: Sequence[Identity]) -> str:
    """Somebody without a name; `identities` are theirs."""
    if not identities:
        return f"#{customer.id}"
    first = identities[0]
    if in_browser(first.kind):
        return _("Website visitor %(number)s", number=customer.id)
    return label_of(first)


def number_from(name: str) -> int | None:
    """A whole number of the query or the form; None for anything else."""
    value = request.values.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


bp.add_app_template_filter(label_of, "address")
bp.add_app_template_filter(name_of, "customer_name")
