"""A browser that keeps its cookies and sends the CSRF token of the page it last saw, as a person's does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from helpdesk.extensions import db


class Person:
    """Opens pages and sends their forms. `page` is the last answer."""

    def __init__(self, app: Flask, **environ: Any) -> None:
        self.client: FlaskClient = app.test_client()
        self.environ = environ
        self.page: Any = None

    def open(self, path: str, **more: Any) -> Any:
        self.page = self._ask("get", path, **more)
        return self.page

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """Tests share one application context; a request has its own: nothing remembered of the one before."""
        for name in list(g):
            g.pop(name)
        db.session.remove()
        return getattr(self.client, method)(path, environ_overrides=self.environ, **more)

    def send(self, path: str, *, look: str = "", follow: bool = False, **fields: Any) -> Any:
        """POST with the token of `look` (the page itself unless named)."""
        shown = self._ask("get", look or path)
        token = re.search(r'name="csrf-token" content="([^"]+)"', shown.text)
        data = {"csrf_token": token[1] if token else "", **fields}
        self.page = self._ask("post", path, data=data, follow_redirects=follow)
        return self.page

    def sign_in(self, agent: Any, password: str | None = None, **more: Any) -> Any:
        from tests.factories import PASSWORD

        return self.send("/login", email=agent.email, password=password or PASSWORD, **more)

    @property
    def inside(self) -> bool:
        return bool(self._ask("get", "/me").status_code == 200)


@pytest.fixture
def person(app: Flask) -> Callable[..., Person]:
    return lambda **environ: Person(app, **environ)
