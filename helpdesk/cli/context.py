"""What commands share: settings, the app, one unit of work, tables and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from helpdesk.config import Settings, load
from helpdesk.errors import HelpdeskError

if TYPE_CHECKING:
    from flask import Flask

    from helpdesk.unit_of_work import UnitOfWork

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def settings() -> Settings:
    """The configuration, with the queue of a running `helpdesk up` where none is named."""
    from helpdesk.processes.folder import with_queue

    return with_queue(load())


@contextmanager
def app(found: Settings | None = None, *, migrated: bool = True) -> Iterator[Flask]:
    """The application, entered. Raises HelpdeskError when there is no migrated database yet."""
    from flask_babel import force_locale

    from helpdesk import logs
    from helpdesk.processes.entered import entered

    found = found or settings()
    logs.configure(found, "cli")
    with entered(found) as made, force_locale("en"):  # commands speak English throughout
        if migrated:
            _require_schema(found)
        yield made


def _require_schema(found: Settings) -> None:
    from sqlalchemy import inspect

    from helpdesk.extensions import db

    missing = found.sqlite and not Path(found.database_url.removeprefix("sqlite:///")).exists()
    if missing or not inspect(db.engine).has_table("settings"):
        raise HelpdeskError(
            f"There is no helpdesk in {found.data.absolute()} yet; `helpdesk init` or `helpdesk up` makes one."
        )


@contextmanager
def writing() -> Iterator[UnitOfWork]:
    """One unit of work by the operator at the command line."""
    from helpdesk.unit_of_work import unit_of_work

    with app(), unit_of_work(actor="operator") as work:
        yield work


def bar(what: str, count: int) -> Any:
    """Progress: a bar on a terminal, a line otherwise; `update(n)` moves it."""
    return click.progressbar(length=count, label=what, show_pos=True)


def no_bar(what: str, count: int) -> Any:
    """For output that a program reads."""
    return click.progressbar(length=count, label=what, hidden=True)


def show(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Columns of text, as wide as they need to be."""
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    heads = [c.replace("_", " ") for c in columns]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(heads)]
    for row in (heads, *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
