"""Fixtures every test may use. The database is SQLite, or PostgreSQL with HELPDESK_TEST_DB=postgresql."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from helpdesk.app import create_app
from helpdesk.config import Database, Limits, Network, Server, Settings
from helpdesk.database import writer_engine
from helpdesk.extensions import db
from helpdesk.migrate import upgrade
from helpdesk.signing import make_secret
from tests.quick import compile_once
from tests.servers.machine import memory_folder

compile_once()
if memory := memory_folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)  # where pytest makes the folders of its tests
POSTGRESQL = os.environ.get("HELPDESK_TEST_DB") == "postgresql"
OUTSIDE = ("browser", "dovecot", "processes", "slow")  # marks of what stands on more than our own code
TIMER = pytest.StashKey[Any]()
REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"


def missing(reason: str) -> None:
    """What the machine lacks is a skip, or with REQUIRE_ALL=1 a failure."""
    if REQUIRE_ALL:
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the other database; begin with what takes longest, so that no worker ends alone.

    What stands on a browser, processes, sockets or threads is tried once more when it fails: one bad moment of the
    machine is no reason to fail a whole run, and a real fault fails twice. The summary lists it under RERUN.
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if any(item.get_closest_marker(mark) for mark in OUTSIDE):
            item.add_marker(pytest.mark.flaky(reruns=1))
    other = {item for item in items if _not_here(item)}
    if other:
        config.hook.pytest_deselected(items=list(other))
    items[:] = sorted((item for item in items if item not in other), key=_rank)


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """What pytest-timeout was about to set for this test, kept for its second attempt."""
    item.stash[TIMER] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A second attempt has all its time again (the timer is set once a test), and none of the first one's litter."""
    if getattr(item, "execution_count", 1) < 2:
        return
    hook = item.config.pluginmanager.hook
    hook.pytest_timeout_cancel_timer(item=item)
    hook.pytest_timeout_set_timer(item=item, settings=item.stash[TIMER])
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):  # pytest keeps the frames of a failure there
        if hasattr(sys, name):
            delattr(sys, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def _not_here(item: pytest.Item) -> bool:
    """On PostgreSQL run only what touches the database: the rest, the same on any, has run on SQLite already.

    A test marked `only` (it reads one engine's plan, say) is no test on the other engine. Pages in a browser and real
    mailboxes ask the database nothing that tests of services and screens do not ask, too: of these only what is marked
    `database` runs on both, the whole way of a message through all processes (test_journey.py) before all.
    """
    here = "postgresql" if POSTGRESQL else "sqlite"
    if any(mark.args != (here,) for mark in item.iter_markers("only")):
        return True
    if not POSTGRESQL or item.get_closest_marker("database"):
        return False
    touches = {"template", "postgres_server"} & set(getattr(item, "fixturenames", ()))
    return not touches or any(item.get_closest_marker(mark) for mark in ("browser", "dovecot"))


def _rank(item: pytest.Item) -> int:
    return 0 if item.get_closest_marker("slow") else 1 if item.get_closest_marker("browser") else 2


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A private PostgreSQL, only when the suite runs on it or a test asks for it."""
    from tests.servers import Missing
    from tests.servers.postgres import Postgres

    try:
        with Postgres() as server:
            yield server
    except Missing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """A migrated, empty database to copy for each test."""
    folder = tmp_path_factory.mktemp("template")
    if POSTGRESQL:
        server = request.getfixturevalue("postgres_server")
        url = server.create_database("helpdesk_template")
        engine = create_engine(Settings(database=Database(url=url)).database_url)
        upgrade(engine)
        engine.dispose()
        return server
    settings = Settings(data=folder)
    engine = writer_engine(settings)
    upgrade(engine)
    engine.dispose()
    return folder / "helpdesk.db"


@pytest.fixture
def database(template: Any, tmp_path: Path) -> Iterator[Database]:
    """An own copy of the migrated database."""
    data = tmp_path / "data"
    data.mkdir()
    if not POSTGRESQL:
        shutil.copy(template, data / "helpdesk.db")
        yield Database()
        return
    url = template.create_database(template="helpdesk_template")
    yield Database(url=url)
    template.drop_database(url.rpartition("/")[2])


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    data = tmp_path / "data"
    make_secret(data)
    return Settings(
        data=data,
        database=database,
        server=Server(),
        limits=Limits(login_per_minute=1000, api_per_minute=10000, widget_messages_per_minute=1000),
        network=Network(allow_private=("127.0.0.0/8",)),
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application inside an app context; no queue: tests drain by hand (`drain`)."""
    app = create_app(settings, serving=True)
    app.testing = True
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


@pytest.fixture
def make(app: Flask) -> Any:
    """Factories: see tests/factories.py."""
    from tests.factories import Make

    return Make(app)


@pytest.fixture
def drain(app: Flask) -> Callable[..., int]:
    """Run what is due in the named drains (all without a name), as the workers would; returns how many rows."""
    from workers.jobs import DRAINS, run

    def _drain(*names: str) -> int:
        total, last = 0, -1
        while total != last:
            last = total
            for name in names or DRAINS:
                total += run(name)
        return total

    return _drain


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
