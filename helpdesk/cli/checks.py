"""What `helpdesk doctor` looks at, from the configuration to the address as the world sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from helpdesk.config import Settings
from helpdesk.errors import ConfigError
from helpdesk.processes import folder
from helpdesk.processes.entered import entered


@dataclass
class Result:
    """One line. state: ok, warn or fail; `advice` says what to do."""

    name: str
    state: str
    told: str
    advice: str = ""


def run_checks(settings: Settings, *, offline: bool) -> list[Result]:
    """Each check in turn; what rests on one that failed is left out."""
    settings = folder.with_queue(settings)
    found = [_folder(settings), _key(settings), *_declared(settings)]
    if any(r.state == "fail" for r in found):
        return found
    found.append(_schema(settings))
    if found[-1].state == "fail":
        return found
    with entered(settings):
        found += _desk(settings)
        if not offline:
            found += _outside()
            found += _channels()
    return found


def _folder(settings: Settings) -> Result:
    if not settings.data.exists():
        return Result("data folder", "fail", f"{settings.data.absolute()} does not exist.", "Run `helpdesk init`.")
    try:
        folder.prepare(settings.data)
    except ConfigError as error:
        return Result("data folder", "fail", str(error), "Give this user the right to write there.")
    mode = settings.data.stat().st_mode & 0o077
    if mode:
        return Result("data folder", "warn", f"{settings.data.absolute()} is open to other users.", "chmod 700 it.")
    return Result("data folder", "ok", str(settings.data.absolute()))


def _key(settings: Settings) -> Result:
    from helpdesk.signing import Keyring, read_secrets

    try:
        Keyring(read_secrets(settings.data, settings.secret_key))
    except ConfigError as error:
        return Result("secret key", "fail", str(error), "Run `helpdesk init`, or bring the key back from a backup.")
    path = settings.data / "secret.key"
    if path.exists() and path.stat().st_mode & 0o077:
        return Result("secret key", "fail", f"{path} can be read by others.", f"chmod 600 {path}")
    return Result("secret key", "ok", "present")


def _declared(settings: Settings) -> Iterator[Result]:
    """Channels of the configuration that the next start would refuse."""
    from helpdesk.services import declared

    for number, entry in enumerate(settings.channels):
        try:
            declared.read(entry, number)
        except ConfigError as error:
            yield Result("channels", "fail", str(error), "Correct it, or `helpdesk up` will not start.")


def _schema(settings: Settings) -> Result:
    from sqlalchemy.exc import SQLAlchemyError

    from helpdesk.database import writer_engine
    from helpdesk.migrate import state

    engine = writer_engine(settings)
    try:
        current, newest = state(engine)
    except SQLAlchemyError as error:
        told = (str(getattr(error, "orig", error)).strip().splitlines() or [""])[0]
        return Result("database", "fail", f"It does not answer: {told}", "Check database.url and that the server runs.")
    finally:
        engine.dispose()
    if current != newest:
        return Result(
            "database",
            "fail",
            f"Its schema is at {current}, this version needs {newest}.",
            "Run `helpdesk db upgrade`.",
        )
    return Result("database", "ok", f"{engine.dialect.name}, schema {current}")


def _desk(settings: Settings) -> Iterator[Result]:
    from helpdesk.extensions import db
    from helpdesk.services import health

    facts = health.facts(db.session())
    pid = folder.running(settings.data)
    yield Result("helpdesk up", "ok" if pid else "warn", f"running (process {pid})" if pid else "not running here")
    advice = {
        "queue": "Start Redis or Valkey, or leave redis.url empty and use `helpdesk up`.",
        "workers": "Run `helpdesk up`, or `helpdesk worker` beside `helpdesk web`.",
        "listeners": "Run `helpdesk up`, or `helpdesk listen`; see `helpdesk channel list`.",
        "clock": "Run `helpdesk up`, or `helpdesk clock`.",
        "disk": "Make room: messages cannot be stored on a full disk.",
    }
    for name, part in facts.parts.items():
        if name == "database":
            continue
        state = "ok" if part.state == "ok" else "fail" if pid or name in ("disk",) else "warn"
        yield Result(name, state, part.reason or "well", "" if part.state == "ok" else advice.get(name, ""))
    stuck = [f"{d}: {r['failed']}" for d, r in facts.outbox.items() if r["failed"]]
    if stuck or facts.inbound_failed or facts.deliveries_failed:
        yield Result(
            "waiting for you",
            "warn",
            f"{facts.inbound_failed} messages not taken in, {facts.deliveries_failed} not sent"
            + (f", work given up in {', '.join(stuck)}" if stuck else ""),
            "The health page lists them with Retry.",
        )


def _channels() -> Iterator[Result]:
    from connectors.contract import ConnectorError, Tests
    from helpdesk.extensions import db
    from helpdesk.services import channels

    for channel in channels.every(db.session()):
        name = f"channel {channel.name}"
        try:
            connector = channels.connector_of(channel, db.session())
            steps = list(connector.test()) if isinstance(connector, Tests) else []
        except (ConfigError, ConnectorError, OSError) as error:
            yield Result(name, "fail", str(error))
            continue
        wrong = next((s for s in steps if not s.ok), None)
        if wrong is None:
            yield Result(name, "ok", f"{len(steps)} steps well" if steps else "nothing to try")
        else:
            yield Result(name, "fail", f"{wrong.name}: {wrong.detail}", wrong.advice)


# --- from outside in -----------------------------------------------------------------------------------------


def _outside() -> Iterator[Result]:
    from helpdesk.extensions import db
    from helpdesk.services import outside
    from helpdesk.services import settings as desk_settings

    url = str(desk_settings.get(db.session(), "public_url"))
    if not url:
        yield Result("public address", "warn", "not set", "`helpdesk setting set public_url https://…`; links need it.")
        return
    place = urlsplit(url)
    if place.scheme != "https" and place.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield Result("public address", "warn", f"{url} is not https.", "docs/administrators/install.md shows HTTPS.")
    seen = outside.look(url)
    yield Result("public address", seen.state, seen.told % seen.values, seen.advice)
