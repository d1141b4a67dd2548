"""What is different when the demo runs: its own folder, this machine only, one login per role told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpdesk.config import Database, Redis, Settings
from helpdesk.demo import shop
from helpdesk.errors import HelpdeskError
from helpdesk.processes.tree import Prepared, part

FOLDER = Path("demo-data")
SEEDING = "demo.seeding"  # there while the sample is being made
DATABASE = "helpdesk.db"
LOOPBACK = "127.0.0.0/8"


def folder() -> Path:
    """Where the demo lives unless --data or HELPDESK_DATA says otherwise."""
    return Path(os.environ["HELPDESK_DATA"]) if os.environ.get("HELPDESK_DATA") else FOLDER


def settings(given: Settings) -> Settings:
    """Bound to this machine, on embedded defaults, allowed to talk to itself."""
    allowed = tuple(dict.fromkeys((*given.network.allow_private, LOOPBACK)))
    return replace(
        given,
        server=replace(given.server, host="127.0.0.1", secure_cookies=False),
        database=Database(),
        redis=Redis(),
        network=replace(given.network, allow_private=allowed),
        channels=(),
    )


def check(found: Settings) -> None:
    """Refuse a folder that holds something else, before anything is written into it; clear a half-made demo."""
    if (found.data / SEEDING).exists():
        shutil.rmtree(found.data)
    if not found.data.exists() or (found.data / DATABASE).exists():
        return
    others = [path.name for path in found.data.iterdir() if path.name not in ("run", "queue", "secret.key")]
    if others:
        raise HelpdeskError(f"{found.data.absolute()} is not empty; a demo needs an empty folder.")


def parts(app: Any) -> dict[str, Callable[[], object]]:
    """The demo's doors: a pretended Telegram, and the mailbox that answers arrive in."""
    return {"demo": part(app, "demo", "helpdesk.demo.serve")}


def greet(url: str, found: Prepared, *, say: Callable[[str], None]) -> None:
    """Where to go and how to sign in."""
    say("")
    say(f"  The inbox        {url}/")
    say(f"  Be a customer    {url}/demo")
    say(f"  Write mail       to {shop.ADDRESS}, SMTP server {found.smtp}")
    for role, login in found.logins.items():
        title = "Administrator" if role == "admin" else role.title()
        say(f"  {title:<16} {login['email']:<22} password {login['password']}")
    say("")
