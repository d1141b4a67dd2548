"""Ports of the demo's own small servers: the usual ones when free, kept from one start to the next where possible."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
FILE = "ports.json"


@dataclass(frozen=True)
class Ports:
    """mail_in: where any mail program may deliver to the shop; mail_out: where the shop's answers arrive; bot: the
    pretended Telegram."""

    mail_in: int
    mail_out: int
    bot: int


def folder(data: Path) -> Path:
    """Where the demo keeps what is not the product's: ports, mails that arrived, chats."""
    return data / "demo"


def read(data: Path) -> Ports | None:
    with suppress(OSError, ValueError, TypeError):
        return Ports(**json.loads((folder(data) / FILE).read_text(encoding="utf-8")))
    return None


def choose(data: Path) -> Ports:
    """Those of the last start while they are free, else others; written down."""
    last = read(data) or Ports(2525, 2526, 8081)
    taken: set[int] = set()
    chosen = {name: _free(port, taken) for name, port in asdict(last).items()}
    folder(data).mkdir(parents=True, exist_ok=True)
    (folder(data) / FILE).write_text(json.dumps(chosen), encoding="utf-8")
    return Ports(**chosen)


def _free(wanted: int, taken: set[int]) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            found = int(probe.getsockname()[1])
            if found not in taken:
                taken.add(found)
                return found
    raise OSError("no free port")


def mail_settings(chosen: Ports) -> dict[str, Any]:
    """Settings of the shop's email channel that name ports."""
    out = {"smtp_host": HOST, "smtp_port": chosen.mail_out, "smtp_security": "none"}
    return {"listen_port": chosen.mail_in, **out}


def bot_address(chosen: Ports) -> str:
    return f"http://{HOST}:{chosen.bot}"
