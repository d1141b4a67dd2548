"""Rows of the list as HTML. A row is the same for everybody who reads it in one language, zone and list, so that what
was painted within the minute (ages are told in minutes) is painted once."""

from __future__ import annotations

import time
from functools import lru_cache

from flask import current_app, g
from markupsafe import Markup

from helpdesk.inbox.queries import Asked, Row

KEPT = 1500  # rows of about three kilobytes


def row_html(row: Row, asked: Asked, query: str, selected: int | None) -> Markup:
    """`query`: the list's address; `selected`: the number of the open ticket."""
    sprite = current_app.jinja_env.globals["asset"]("icons.svg")  # type: ignore[operator]
    minute = int(time.time() // 60)
    return _painted(row, asked, query, row.number == selected, g.viewer.locale, g.viewer.timezone, sprite, minute)


@lru_cache(maxsize=KEPT)
def _painted(
    row: Row, asked: Asked, query: str, open_: bool, _locale: str, _zone: str, _sprite: str, _minute: int
) -> Markup:
    template = current_app.jinja_env.get_template("inbox/_row.html")
    selected = row.number if open_ else None
    return Markup(template.render(row=row, asked=asked, list_query=query, selected=selected))  # noqa: S704 - our own
