"""One message out: text, files, survey buttons; and templates when the window is closed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from connectors.contract import (
    Contact,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Place,
    Receipt,
    Shared,
    SurveyAsk,
    TemplateUse,
    TemporaryFailure,
)
from connectors.meta.graph import Graph
from connectors.parts import cut

MAX_TEXT = 4096
MAX_CAPTION = 1024
_MB = 1024 * 1024
_MOST = {"image": 5 * _MB, "video": 16 * _MB, "audio": 16 * _MB, "document": 100 * _MB}
_TYPES = {
    "image": frozenset({"image/jpeg", "image/png"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
    "audio": frozenset({"audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg"}),
}

Step = Callable[[], str]


def send(graph: Graph, number_id: str, key: str, outbound: Outbound) -> Receipt:
    """Raises OutcomeUnknown also when an earlier part went out and a later one did not: a repeat would double it."""
    for file in outbound.files:
        _kind(file)
    steps = list(_steps(graph, number_id, key, outbound))
    if not steps:
        raise PermanentFailure("There is nothing in this message that WhatsApp could carry.")
    sent: list[str] = []
    for step in steps:
        try:
            sent.append(step())
        except (TemporaryFailure, PermanentFailure) as error:
            if not sent:
                raise
            raise OutcomeUnknown(f"{len(sent)} of {len(steps)} parts arrived; then: {error}") from error
    return Receipt(sent[0], external_ids=tuple(sent))


def _steps(graph: Graph, number_id: str, key: str, outbound: Outbound) -> Iterator[Step]:
    common = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(outbound.to[0].value),
        "biz_opaque_callback_data": f"hd-{key}-{outbound.delivery_id}",
    }
    quote = {"context": {"message_id": outbound.reply_to_external_id}} if outbound.reply_to_external_id else {}

    def message(content: dict[str, Any]) -> str:
        answer = graph.post(f"{number_id}/messages", {**common, **content}, sends=True)
        try:
            return str(answer["messages"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise OutcomeUnknown("WhatsApp's answer could not be read; the message may have arrived.") from None

    if outbound.template:
        yield lambda: message(_template(outbound.template))  # type: ignore[arg-type]
        return
    if outbound.survey:
        yield lambda: message({"type": "interactive", "interactive": question(outbound.survey)})  # type: ignore[arg-type]
        return
    parts, files = cut(outbound.text.strip(), MAX_TEXT), list(outbound.files)
    caption = ""
    if files and len(parts) == 1 and len(parts[0]) <= MAX_CAPTION and _kind(files[0]) != "audio":
        caption = parts.pop()
    for part in parts:
        content = {"type": "text", "text": {"body": part, "preview_url": False}, **quote}
        yield lambda content=content: message(content)  # type: ignore[misc]
        quote = {}
    for file in files:
        yield lambda file=file, caption=caption, quote=quote: message(  # type: ignore[misc]
            {**_file(graph, number_id, file, caption), **quote}
        )
        caption, quote = "", {}
    if outbound.shared:
        content = {**_shared(outbound.shared), **quote}
        yield lambda content=content: message(content)  # type: ignore[misc]


def _shared(shared: Shared) -> dict[str, Any]:
    if isinstance(shared, Place):
        spot = {"latitude": shared.latitude, "longitude": shared.longitude}
        named = {"name": shared.title, "address": shared.address}
        return {"type": "location", "location": {**spot, **{k: v for k, v in named.items() if v}}}
    if isinstance(shared, Contact):
        name = {"formatted_name": shared.name, "first_name": shared.name}
        return {"type": "contacts", "contacts": [{"name": name, "phones": [{"phone": shared.phone, "type": "WORK"}]}]}
    raise PermanentFailure("Stickers cannot be sent to WhatsApp from here.")


def _recipient(value: str) -> dict[str, str]:
    return {"recipient": value} if "." in value else {"to": value.lstrip("+")}


def _kind(file: OutFile) -> str:
    kind = next((k for k, types in _TYPES.items() if file.content_type in types), "document")
    if kind != "document" and file.size_bytes > _MOST[kind]:
        kind = "document"  # a larger picture is taken as a document
    if file.size_bytes > _MOST[kind]:
        raise PermanentFailure(f"{file.filename} is larger than {_MOST[kind] // _MB} MB, the most WhatsApp takes.")
    return kind


def _file(graph: Graph, number_id: str, file: OutFile, caption: str) -> dict[str, Any]:
    kind = _kind(file)
    body = {"messaging_product": "whatsapp", "type": file.content_type}
    stored = graph.post(f"{number_id}/media", body, [("file", (file.filename, file.read(), file.content_type))])
    content: dict[str, Any] = {"id": str(stored.get("id") or "")}
    if caption and kind != "audio":
        content["caption"] = caption
    if kind == "document":
        content["filename"] = file.filename
    return {"type": kind, kind: content}


def _template(used: TemplateUse) -> dict[str, Any]:
    """Values may hold no line breaks and no run of blanks."""
    values = [{"type": "text", "text": re.sub(r"\s+", " ", value).strip() or "–"} for value in used.values]
    components = [{"type": "body", "parameters": values}] if values else []
    template = {"name": used.name, "language": {"code": used.language}, "components": components}
    return {"type": "template", "template": template}


def question(ask: SurveyAsk) -> dict[str, Any]:
    """Three choices are buttons, up to ten are a list."""
    ids = [(f"csat:{ask.token}:{score}", label) for score, label in ask.choices]
    body = {"body": {"text": ask.question}}
    if len(ids) <= 3:
        buttons = [{"type": "reply", "reply": {"id": id_, "title": label[:20]}} for id_, label in ids]
        return {"type": "button", **body, "action": {"buttons": buttons}}
    rows = [{"id": id_, "title": label[:24]} for id_, label in ids[:10]]
    return {"type": "list", **body, "action": {"button": "★", "sections": [{"title": "★", "rows": rows}]}}
