"""A seeded desk of any size, written straight into a migrated SQLite file: tickets, customers, messages, agents."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helpdesk.config import Settings
from helpdesk.database import writer_engine
from helpdesk.migrate import upgrade
from helpdesk.signing import make_secret

AGENTS, TEAMS, CHANNELS = 40, 6, 4
NOW = datetime.now(UTC)
WORDS = [
    "order",
    "refund",
    "delivery",
    "teapot",
    "invoice",
    "giao hàng",
    "hoàn tiền",
    "đổi trả",
    "glaze",
    "bowl",
    "late",
    "broken",
]


def build(data: Path, tickets: int, *, seed: int = 7) -> Path:
    """DATA/helpdesk.db with `tickets` tickets (5 % unsolved), three messages each for the newest 30,000, else one."""
    settings = Settings(data=data)
    data.mkdir(parents=True, exist_ok=True)
    make_secret(data)
    upgrade(writer_engine(settings))
    path = data / "helpdesk.db"
    dice = random.Random(seed)
    database = sqlite3.connect(path)
    database.execute("pragma synchronous=off")
    fill(
        database,
        "teams",
        (
            {"id": i, "name": f"Team {i}", "status_after_send": "pending", "close_after_days": 14}
            for i in range(1, TEAMS + 1)
        ),
    )
    fill(database, "agents", (_agent(i) for i in range(1, AGENTS + 1)))
    fill(
        database, "team_members", ({"team_id": 1 + i % TEAMS, "agent_id": i, "leads": 0} for i in range(1, AGENTS + 1))
    )
    fill(database, "channels", (_channel(i) for i in range(1, CHANNELS + 1)))
    customers = max(tickets // 5, 10)
    fill(database, "customers", (_customer(i) for i in range(1, customers + 1)))
    fill(database, "identities", (_identity(i) for i in range(1, customers + 1)))
    fill(database, "tickets", (_ticket(i, tickets, customers, dice) for i in range(1, tickets + 1)))
    fill(database, "messages", _messages(tickets, customers, dice))
    fill(database, "counters", [{"name": "ticket", "value": tickets + 1000}])
    fill(database, "settings", [{"key": "setup.done", "value": "true"}])
    fill(
        database,
        "events",
        (
            {
                "seq": i,
                "type": "setting_changed",
                "actor": "system",
                "data": "{}",
                "reason": "",
                "created_at": text(NOW),
            }
            for i in [tickets * 4]
        ),
    )
    database.commit()
    database.execute("analyze")
    database.commit()
    database.close()
    return path


def fill(database: sqlite3.Connection, table: str, rows: Any) -> None:
    """Insert dicts; columns that must not be null and are not given get a plain value of their type."""
    columns = {r[1]: (r[2], r[3]) for r in database.execute(f"pragma table_info({table})")}
    iterator = iter(rows)
    first = next(iterator)
    defaults = {
        c: 0 if "INT" in t or "BOOL" in t else "{}" if "JSON" in t else ""
        for c, (t, needed) in columns.items()
        if needed and c not in first
    }
    names = [*first, *(c for c in defaults if c != "id")]
    statement = f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"  # noqa: S608 - our own names

    def tuples() -> Iterator[tuple[Any, ...]]:
        tail = tuple(defaults[c] for c in names[len(first) :])
        yield (*first.values(), *tail)
        for row in iterator:
            yield (*row.values(), *tail)

    database.executemany(statement, tuples())


def text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _agent(i: int) -> dict[str, Any]:
    role = "admin" if i == 1 else "agent"
    return {
        "id": i,
        "email": f"agent{i}@desk.example",
        "name": f"Agent {i}",
        "role": role,
        "locale": "en",
        "timezone": "UTC",
        "theme": "auto",
        "available": 1,
        "created_at": text(NOW),
    }


def _channel(i: int) -> dict[str, Any]:
    return {
        "id": i,
        "key": f"channel{i}",
        "kind": "widget",
        "name": f"Chat {i}",
        "enabled": 1,
        "version": 1,
        "settings": "{}",
        "created_at": text(NOW),
    }


def _customer(i: int) -> dict[str, Any]:
    return {
        "id": i,
        "name": f"Customer {i}",
        "name_folded": f"customer {i}",
        "created_at": text(NOW),
        "updated_at": text(NOW),
        "last_contact_at": text(NOW - timedelta(minutes=i)),
    }


def _identity(i: int) -> dict[str, Any]:
    return {"id": i, "customer_id": i, "kind": "widget", "scope": "", "value": f"visitor-{i}", "created_at": text(NOW)}


def _ticket(i: int, total: int, customers: int, dice: random.Random) -> dict[str, Any]:
    unsolved = dice.random() < 0.05
    at = NOW - timedelta(minutes=(total - i) * 1_000_000 / total)
    young = at > NOW - timedelta(days=10)  # older solved ones would be closed by the clock while we measure
    done = dice.choice(("solved", "closed", "closed")) if young else "closed"
    status = dice.choice(("new", "open", "open", "pending")) if unsolved else done
    team = dice.randint(0, TEAMS)
    return {
        "id": i,
        "number": 1000 + i,
        "subject": f"{dice.choice(WORDS)} {i}",
        "status": status,
        "priority": "normal",
        "shelf": "open" if unsolved else status,
        "customer_id": dice.randint(1, customers),
        "channel_id": dice.randint(1, CHANNELS),
        "assignee_id": dice.randint(1, AGENTS) if dice.random() < 0.8 else None,
        "team_id": team or None,
        "visible_team_id": team,
        "needs_reply": int(status in ("new", "open")),
        "preview": "Where is it?",
        "last_author": "customer",
        "seq": i,
        "message_count": 1,
        "sla_due_at": text(at + timedelta(hours=8)) if unsolved else None,
        "sla_soon_at": text(at + timedelta(hours=6)) if unsolved else None,
        "created_at": text(at),
        "updated_at": text(at),
        "last_activity_at": text(at),
        "solved_at": None if unsolved else text(at),
    }


def _messages(total: int, customers: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    id_ = 0
    for ticket in range(1, total + 1):
        for n in range(20 if ticket > total - 200 else 3 if ticket > total - 30_000 else 1):
            id_ += 1
            inward = n % 2 == 0
            yield {
                "id": id_,
                "ticket_id": ticket,
                "seq": ticket,
                "kind": "reply",
                "direction": "in" if inward else "out",
                "public": 1,
                "author_type": "customer" if inward else "agent",
                "agent_id": None if inward else 1 + ticket % AGENTS,
                "customer_id": 1 + ticket % customers,
                "channel_id": 1 + ticket % CHANNELS,
                "identity_id": 1 + ticket % customers,
                "text": " ".join(dice.choice(WORDS) for _ in range(12)),
                "auto": "no",
                "created_at": text(NOW - timedelta(minutes=total - ticket)),
            }
