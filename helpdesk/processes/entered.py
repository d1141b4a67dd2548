"""The application entered for one piece of work at the command line, and left without an open connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from helpdesk.config import Settings


@contextmanager
def entered(settings: Settings) -> Iterator[Flask]:
    """An app of its own inside its context."""
    from helpdesk.app import create_app
    from helpdesk.extensions import db

    app = create_app(settings)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()
            app.extensions["writers"].engine.dispose()
