"""What people bring along: customers as CSV, old mail as message files or mbox. Doing it twice changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connectors import registry
from connectors.contract import Address, Raw
from connectors.email.cli import split_mbox
from connectors.email.identity import external_id
from helpdesk.access import Viewer, viewer_of
from helpdesk.errors import Conflict, HelpdeskError, Invalid
from helpdesk.extensions import db
from helpdesk.folding import one_line
from helpdesk.models import Agent, Channel, Customer
from helpdesk.services import customers, listening
from helpdesk.unit_of_work import UnitOfWork, savepoint, unit_of_work

MAIL = "message/rfc822"
PER_TRANSACTION = 200
MAILS_PER_TRANSACTION = 50
# A column of the CSV that holds addresses of a kind; several are parted by ";".
ADDRESSES = ("email", "phone")
FACTS = ("name", "given_name", "salutation", "organization", "locale", "timezone", "notes")
YES = ("1", "yes", "true", "x", "có")

Progress = Callable[[str, int], Any]


@dataclass
class Told:
    """What became of the rows; `problems`: (line of the file, one sentence), those rows are left out."""

    made: int = 0
    completed: int = 0
    known: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


class _NotReally(Exception):
    """Rolls a rehearsal back."""


# --- customers -----------------------------------------------------------------------------------------------


def read_customers(path: Path, *, rehearse: bool, progress: Progress) -> Told:
    """Customers of a CSV file with a header line (UTF-8; "," ";" or a tab between columns).

    Columns: name, given_name, salutation, email, phone, organization, locale, timezone, notes, vip. Whoever has one of
    the addresses already is completed: what is known stays. `rehearse`: say what would happen, change nothing.
    Raises HelpdeskError when the file cannot be read or has none of these columns.
    """
    rows = _rows(path)
    told = Told()
    with progress("customers", len(rows)) as bar:
        for start in range(0, len(rows), PER_TRANSACTION):
            some = rows[start : start + PER_TRANSACTION]
            try:
                with unit_of_work(actor="operator") as work:
                    viewer = _administrator(work)
                    for line, row in some:
                        _row(work, viewer, line, row, told)
                    if rehearse:
                        raise _NotReally
            except _NotReally:
                pass
            bar.update(len(some))
    return told


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line, values by known column) of each row that says anything."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise HelpdeskError(f"{path} is not UTF-8; save it as CSV UTF-8.") from None
    head = text.splitlines()[0] if text.strip() else ""
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=max(",;\t", key=head.count))
    columns = {name: one_line(name or "", 100).strip().lower().replace(" ", "_") for name in reader.fieldnames or ()}
    if not set(columns.values()) & {"name", "given_name", *ADDRESSES}:
        raise HelpdeskError(f"{path} has none of the columns name, email, phone in its first line.")
    found = []
    for row in reader:
        values = {columns[k]: (v or "").strip() for k, v in row.items() if k in columns and not isinstance(v, list)}
        if any(values.values()):
            found.append((reader.line_num, values))
    return found


def _administrator(work: UnitOfWork) -> Viewer:
    """Imports see every customer, as an administrator does."""
    statement = select(Agent).where(Agent.role == "admin", Agent.disabled_at.is_(None)).order_by(Agent.id).limit(1)
    agent = work.session.scalar(statement)
    if agent is None:
        raise HelpdeskError("There is no administrator yet; `helpdesk init` makes one.")
    return viewer_of(agent)


def _row(work: UnitOfWork, viewer: Viewer, line: int, row: Mapping[str, str], told: Told) -> None:
    try:
        with savepoint(work):
            made, changed = _take(work, viewer, row)
    except Invalid as error:
        told.problems.append((line, " ".join(f"{k}: {v}" for k, v in error.fields.items())))
    except Conflict as error:
        told.problems.append((line, error.message))
    else:
        told.made += made
        told.completed += changed and not made
        told.known += not (made or changed)


def _take(work: UnitOfWork, viewer: Viewer, row: Mapping[str, str]) -> tuple[bool, bool]:
    """(made, changed)"""
    addresses = [a for kind in ADDRESSES for a in _addresses(work, kind, row.get(kind, ""))]
    owners = {i.customer_id for i in (customers.owner(work.session, a) for a in addresses) if i is not None}
    if len(owners) > 1:
        raise Conflict("Its addresses belong to several customers; merge them first.")
    if owners:
        customer = work.session.get_one(Customer, owners.pop())
        made = False
    else:
        first = addresses[0] if addresses else None
        customer = customers.create(work, viewer, name=row.get("name", ""), address=first)
        made = True
    before = len(customer.identities)
    for address in addresses:
        customers.put_identity(work, viewer, customer, address)
    values = {name: row[name] for name in FACTS if row.get(name) and not _known(customer, name)}
    if row.get("vip", "").lower() in YES and not customer.vip:
        values["vip"] = "1"
    customers.update(work, viewer, customer.id, values)
    return made, bool(values) or len(customer.identities) != before


def _addresses(work: UnitOfWork, kind: str, typed: str) -> list[Address]:
    return [customers.read_address(work.session, kind, one.strip(), kind) for one in typed.split(";") if one.strip()]


def _known(customer: Customer, name: str) -> bool:
    return bool(customer.organization_id if name == "organization" else getattr(customer, name))


# --- mail ----------------------------------------------------------------------------------------------------


def read_mail(paths: Sequence[Path], channel: Channel, *, progress: Progress) -> tuple[int, int]:
    """Store the mails of message files, mboxes and folders of them as history of an email channel.

    (new, known already). They go through the channel's door like any other mail and end as tickets that start no
    clock, no automatic answer and no survey. Workers take them in. Raises HelpdeskError for another kind of channel.
    """
    if getattr(registry.kind(channel.kind), "history", "") != MAIL:
        raise HelpdeskError(f"{channel.name} is a channel of kind {channel.kind}; mail goes into an email channel.")
    channel_id, new, seen = channel.id, 0, 0
    files = [f for path in paths for f in _files(path)]
    with progress("mail", len(files)) as bar:
        for file in files:
            for raws in _batches(file):
                listening.keep(raws)
                with unit_of_work(actor="operator") as work:
                    new += listening.store(work, channel_id, raws)
                seen += len(raws)
            bar.update(1)
    return new, seen - new


def _files(path: Path) -> list[Path]:
    """A folder stands for the files in it, at any depth."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _batches(file: Path) -> Iterator[list[Raw]]:
    batch: list[Raw] = []
    for content in split_mbox(file.read_bytes()):
        if content.strip():
            batch.append(Raw(external_id(content), content, MAIL, history=True, meta={"door": "import"}))
        if len(batch) == MAILS_PER_TRANSACTION:
            yield batch
            batch = []
    if batch:
        yield batch


def waiting(channel_id: int) -> int:
    """Raws of the channel that no worker has taken in yet."""
    from sqlalchemy import func

    from helpdesk.models import Inbound

    db.session.rollback()
    pending = select(func.count()).where(Inbound.channel_id == channel_id, Inbound.state == "pending")
    return db.session.scalar(pending) or 0
