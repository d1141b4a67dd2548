"""Public comments below posts of the page (Facebook) or the account (Instagram).

A comment and what is written below it is one conversation with an address of its own, `comment:<id of the first>`: what
is sent there is public. `private:<id of a comment>` leads to the writer alone, once, and from then on to their messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.contract import Address, File, Inbound, InboundMessage, InboundRemoval
from connectors.payloads import address, digest, id_of, moment, nfc, pick, text_of

PUBLIC = "comment:"
PRIVATE = "private:"


def read(change: Any, kind: str, account: str, entry: dict[str, Any]) -> Iterator[Inbound]:
    """What one change says; nothing for changes that are no comment."""
    value, field = pick(change, "value"), text_of(change.get("field"))
    if field == "feed" and value.get("item") == "comment":
        yield from _facebook(value, kind, account)
    elif field in ("comments", "live_comments"):
        yield from _instagram(value, kind, account, entry)


def _facebook(value: dict[str, Any], kind: str, page: str) -> Iterator[Inbound]:
    comment, post, parent = (id_of(value.get(key)) for key in ("comment_id", "post_id", "parent_id"))
    verb = text_of(value.get("verb"))
    if not comment:
        return
    if verb == "remove":
        yield InboundRemoval(f"gone:{comment}"[:200], comment)
        return
    if verb not in ("add", "edited", "edit"):
        return
    top = comment if parent in ("", post) else parent
    writer = pick(value, "from")
    photo = address(value.get("photo"))
    yield _message(
        kind=kind, account=page, comment=comment, top=top, writer=id_of(writer.get("id")),
        name=nfc(writer.get("name")), text=text_of(value.get("message")).strip(),
        files=(File("photo.jpg", "image/jpeg", ref=photo),) if photo else (),
        sent_at=moment(value.get("created_time"), per_second=1), edits=comment if verb != "add" else "",
        meta={"post_id": post, "post": address(pick(value, "post").get("permalink_url"))},
    )  # fmt: skip


def _instagram(value: dict[str, Any], kind: str, account: str, entry: dict[str, Any]) -> Iterator[Inbound]:
    comment, parent = id_of(value.get("id")), id_of(value.get("parent_id"))
    writer = pick(value, "from")
    if not comment:
        return
    yield _message(
        kind=kind, account=account, comment=comment, top=parent or comment, writer=id_of(writer.get("id")),
        name=nfc(writer.get("username")), text=text_of(value.get("text")).strip(), files=(),
        sent_at=moment(entry.get("time"), per_second=1 if len(str(entry.get("time"))) < 12 else 1000), edits="",
        meta={"post_id": id_of(pick(value, "media").get("id")), "post": ""},
    )  # fmt: skip


def _message(
    *, kind: str, account: str, comment: str, top: str, writer: str, name: str, text: str, files: tuple[File, ...],
    sent_at: Any, edits: str, meta: dict[str, str],
) -> InboundMessage:  # fmt: skip
    thread = Address(kind, PUBLIC + top, account, name if comment == top else "")
    ours, begins = writer == account, comment == top
    known = begins and bool(writer) and not ours
    shown = text or ("" if files else "[?]")
    if not begins and not ours and name:
        shown = f"{name}: {shown}"
    stamp = digest(shown.encode())[:12] if edits else ""
    return InboundMessage(
        external_id=f"{comment}:edit:{stamp}"[:200] if edits else comment,
        sender=Address(kind, account, account) if ours else thread,
        to=(thread,) if ours else (),
        kind="echo" if ours else "message",
        text=shown,
        reply_text=shown,
        sent_at=sent_at,
        files=files,
        message_id=comment,
        sender_verified=True,
        edits_external_id="" if ours else edits,
        meta={"public": "comment", "comment_id": comment, **{k: v for k, v in meta.items() if v}},
        also=(Address(kind, writer, account, name),) if known else (),
        opens=(Address(kind, PRIVATE + comment, account, name),) if known else (),
    )
