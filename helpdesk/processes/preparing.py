"""What is done once before the parts start, in a child of its own: migrations, the folder's kind, declared channels."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpdesk.config import Settings
from helpdesk.errors import HelpdeskError

LOGINS = "logins.json"


def migrate(settings: Settings) -> None:
    """Bring the database to the newest schema. Raises HelpdeskError with one sentence."""
    from sqlalchemy.exc import OperationalError

    from helpdesk.database import writer_engine
    from helpdesk.migrate import upgrade

    engine = writer_engine(settings)
    try:
        upgrade(engine)
    except OperationalError as error:
        reason = (str(error.orig).strip().splitlines() or ["no details"])[0]
        raise HelpdeskError(f"The database cannot be opened: {reason}.") from error
    finally:
        engine.dispose()


def real(settings: Settings) -> dict[str, Any]:
    """For `up`: refuses a demo's folder."""
    migrate(settings)
    if _kind(settings) == "demo":
        raise HelpdeskError(
            f"{settings.data.absolute()} is a demo's folder; `helpdesk demo` runs it. Choose another with --data."
        )
    _declare(settings)
    return {}


def _kind(settings: Settings) -> str:
    """`instance.kind`, read without the whole app, which is being imported elsewhere meanwhile."""
    from sqlalchemy.orm import Session

    from helpdesk.database import writer_engine
    from helpdesk.services import settings as desk_settings

    engine = writer_engine(settings)
    try:
        with Session(engine) as session:
            return str(desk_settings.get(session, "instance.kind"))
    finally:
        engine.dispose()


def _declare(settings: Settings) -> None:
    """Channels of config.toml become rows that the settings page only shows."""
    if not settings.channels:
        return
    from helpdesk.processes.entered import entered
    from helpdesk.services import declared
    from helpdesk.unit_of_work import unit_of_work

    with entered(settings), unit_of_work(actor="operator") as work:
        declared.sync(work, settings.channels)


def demo(settings: Settings) -> dict[str, Any]:
    """For `demo`: fills an empty folder once, refuses a real one."""
    migrate(settings)
    from sqlalchemy import func, select

    from helpdesk.app import create_app
    from helpdesk.extensions import db
    from helpdesk.models import Agent

    logins, kind = settings.data / LOGINS, _kind(settings)
    app = create_app(settings)
    with app.app_context():
        people = db.session.scalar(select(func.count()).select_from(Agent))
        db.session.remove()
        if kind != "demo" and people:
            raise HelpdeskError(f"{settings.data.absolute()} holds a real helpdesk; a demo needs an empty folder.")
    found = _logins(logins, settings) if kind == "demo" else _seed(app, settings)
    from helpdesk.demo import places, ports

    chosen = places.settle(app, f"http://{settings.server.host}:{settings.server.port}")
    return {"logins": found, "smtp": f"{ports.HOST}:{chosen.mail_in}"}


def _logins(path: Path, settings: Settings) -> dict[str, dict[str, str]]:
    """Those of the first start."""
    with suppress(OSError, ValueError):
        return dict(json.loads(path.read_text(encoding="utf-8")))
    raise HelpdeskError(f"{path} is gone; remove the folder {settings.data} to make a new demo.")


def _seed(app: Any, settings: Settings) -> dict[str, dict[str, str]]:
    import click

    from helpdesk.demo.seed import seed
    from helpdesk.processes.demo import SEEDING
    from helpdesk.processes.tree import write_private

    marker = settings.data / SEEDING
    marker.touch()
    click.echo("Making a sample shop, once…", err=True)
    found: dict[str, dict[str, str]] = seed(app, lambda text: click.echo(f"  {text}", err=True))
    write_private(settings.data / LOGINS, json.dumps(found, indent=2) + "\n")
    marker.unlink()
    return found
