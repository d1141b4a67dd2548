"""What was typed, and what is wrong with it: the same for every form. Screens use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from flask import request

from helpdesk.errors import Conflict, Invalid

LANGUAGES = (("en", "English"), ("vi", "Tiếng Việt"))
# Old spellings and machine zones: known to the tz database, of no use in a list for people.
_NOT_OFFERED = ("Etc/", "SystemV/", "posix/", "right/", "US/")


class Problems(dict[str, str]):
    """Field -> one sentence; `form` holds what belongs to no single field."""

    @classmethod
    def of(cls, error: Invalid | Conflict, known: Mapping[str, Any] | None = None) -> Problems:
        fields = dict(error.fields) if isinstance(error, Invalid) else {}
        field = error.extra.get("field")
        if field:
            fields[str(field)] = error.message
        found = cls(fields)
        unseen = [m for f, m in fields.items() if known is not None and f not in known]
        if not fields:
            found["form"] = error.message
        elif unseen:
            found["form"] = " ".join(unseen)
        return found


def typed(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it stands: what was just sent, else the defaults. Only the names in `defaults` exist."""
    if request.method != "POST":
        return dict(defaults)
    return {name: _sent(name, default) for name, default in defaults.items()}


def _sent(name: str, default: Any) -> Any:
    if isinstance(default, bool):
        return name in request.form
    if isinstance(default, (list, tuple, set, frozenset)):
        return request.form.getlist(name)
    return request.form.get(name, "" if default is None else str(default))


def attempt(act: Callable[[], Any], form: Mapping[str, Any] | None = None) -> tuple[Any, Problems]:
    """Do it; (result, no problems) or (None, the problems to show beside what was typed)."""
    try:
        return act(), Problems()
    except (Invalid, Conflict) as error:
        return None, Problems.of(error, form)


def numbers(values: Any) -> list[int]:
    """Whole numbers of a multiple choice; whatever else was sent is dropped."""
    return [int(v) for v in values if str(v).isascii() and str(v).isdigit() and len(str(v)) < 18]


def zones() -> list[tuple[str, str]]:
    """Time zones to choose from: Region/City, and UTC."""
    offered = sorted(z for z in available_timezones() if "/" in z and not z.startswith(_NOT_OFFERED))
    return [("UTC", "UTC"), *((z, z.replace("_", " ")) for z in offered)]


__all__ = ["LANGUAGES", "Problems", "attempt", "numbers", "typed", "zones"]
