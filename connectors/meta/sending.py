"""One message out by Messenger or Instagram: to a person, below a comment, or in private to a comment's writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import (
    Address,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Receipt,
    SurveyAsk,
    TemporaryFailure,
)
from connectors.meta.comments import PRIVATE, PUBLIC
from connectors.meta.graph import Graph
from connectors.parts import cut

FREE = timedelta(hours=24)
MAX_REPLIES = 13
MAX_TITLE = 20
ONLY_PERSONS = "After 24 hours only a person may answer here, nothing automatic."
TOO_LATE = "More than 24 hours have passed since the customer wrote; use another channel."
ONLY_TEXT = "Below a post only text can be answered."
SENTENCES = (ONLY_PERSONS, TOO_LATE, ONLY_TEXT)
MAX_FILE_BYTES = 25 * 1024 * 1024

Step = Callable[[], tuple[str, str]]  # id of what was made, and whom it reached


class Sender:
    """How one account sends. `path`: where messages go; `below`: what answers to a comment are called.

    `human_agent`: Meta allows this app to answer for 7 days. `longest` measures text as the channel counts it.
    """

    def __init__(
        self, graph: Graph, path: str, *, below: str, key: str, human_agent: bool, tags: bool, uploads: bool,
        split: Callable[[str], list[str]],
    ) -> None:  # fmt: skip
        self.graph, self.path, self.below, self.key = graph, path, below, key
        self.human_agent, self.tags, self.uploads, self.split = human_agent, tags, uploads, split

    def send(self, outbound: Outbound) -> Receipt:
        """Raises OutcomeUnknown also when an earlier part went out and a later one did not: a repeat would double it."""
        for file in outbound.files:
            self._check(file)
        steps = list(self._steps(outbound))
        if not steps:
            raise PermanentFailure("There is nothing in this message that could be sent.")
        made: list[tuple[str, str]] = []
        for step in steps:
            try:
                made.append(step())
            except (TemporaryFailure, PermanentFailure) as error:
                if not made:
                    raise
                raise OutcomeUnknown(f"{len(made)} of {len(steps)} parts arrived; then: {error}") from error
        return Receipt(made[0][0], external_ids=tuple(m[0] for m in made), reached=_reached(outbound, made[0][1]))

    def _steps(self, outbound: Outbound) -> Iterator[Step]:
        to = outbound.to[0].value
        if to.startswith(PUBLIC):
            if outbound.files or outbound.survey:
                raise PermanentFailure(ONLY_TEXT)
            yield lambda: (str(self.graph.post(f"{to.removeprefix(PUBLIC)}/{self.below}",
                                               {"message": outbound.text.strip()}, sends=True)["id"]), "")  # fmt: skip
            return
        envelope = self._envelope(outbound, to)
        if outbound.survey:
            yield self._message(envelope, _question(outbound.survey), outbound)
            return
        parts = [outbound.text.strip()] if to.startswith(PRIVATE) else self.split(outbound.text.strip())
        for part in parts:
            if part:
                yield self._message(envelope, {"text": part}, outbound)
        for file in outbound.files:
            yield self._file(envelope, file, outbound)

    def _envelope(self, outbound: Outbound, to: str) -> dict[str, Any]:
        """To whom, and by what right: within 24 hours as an answer, then as a person's late answer, where allowed."""
        if to.startswith(PRIVATE):
            return {"recipient": {"comment_id": to.removeprefix(PRIVATE)}}
        recipient = {"recipient": {"id": to}}
        heard = outbound.last_heard_at
        if heard is None or datetime.now(UTC) - heard < FREE:
            return {**recipient, "messaging_type": "RESPONSE"} if self.tags else recipient
        if outbound.automatic or outbound.survey:
            raise PermanentFailure(ONLY_PERSONS)
        if not self.human_agent:
            raise PermanentFailure(TOO_LATE)
        return {**recipient, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}

    def _message(self, envelope: dict[str, Any], content: dict[str, Any], outbound: Outbound) -> Step:
        marked = {**content, "metadata": f"hd-{self.key}-{outbound.delivery_id}"} if self.tags else content

        def step() -> tuple[str, str]:
            return _made(self.graph.post(self.path, {**envelope, "message": marked}, sends=True))

        return step

    def _file(self, envelope: dict[str, Any], file: OutFile, outbound: Outbound) -> Step:
        kind = file.content_type.partition("/")[0]
        kind = kind if kind in ("image", "video", "audio") else "file"

        def step() -> tuple[str, str]:
            upload = ("filedata", (file.filename, file.read(), file.content_type))
            attachment = {"attachment": {"type": kind, "payload": {"is_reusable": False}}}
            if self.tags:
                mark = {"metadata": f"hd-{self.key}-{outbound.delivery_id}"}
                body = {**envelope, "message": {**attachment, **mark}}
                return _made(self.graph.post(self.path, body, [upload], sends=True))
            place = self.path.removesuffix("messages") + "message_attachments"
            stored = self.graph.post(place, {"platform": "instagram", "message": attachment}, [upload])
            payload = {"attachment_id": stored.get("attachment_id")}
            message = {"attachment": {"type": kind, "payload": payload}}
            return _made(self.graph.post(self.path, {**envelope, "message": message}, sends=True))

        return step

    def _check(self, file: OutFile) -> None:
        if not self.uploads:
            raise PermanentFailure("Instagram takes files only from accounts that are linked to a Facebook page.")
        if file.size_bytes > MAX_FILE_BYTES:
            raise PermanentFailure(f"{file.filename} is larger than 25 MB, the most Meta takes.")


def _made(answer: dict[str, Any]) -> tuple[str, str]:
    return str(answer.get("message_id") or ""), str(answer.get("recipient_id") or "")


def _reached(outbound: Outbound, person: str) -> Address | None:
    """A private answer to a comment reached a person, who is written to by their own id from then on."""
    to = outbound.to[0]
    return Address(to.kind, person, to.scope, to.name) if person and to.value.startswith(PRIVATE) else None


def _question(ask: SurveyAsk) -> dict[str, Any]:
    if len(ask.choices) > MAX_REPLIES:
        return {"text": f"{ask.question}\n{ask.url}"}
    replies = [
        {"content_type": "text", "title": label[:MAX_TITLE], "payload": f"csat:{ask.token}:{score}"}
        for score, label in ask.choices
    ]
    return {"text": ask.question, "quick_replies": replies}


def by_characters(longest: int) -> Callable[[str], list[str]]:
    return lambda text: cut(text, longest)


def by_bytes(longest: int) -> Callable[[str], list[str]]:
    """For channels that count bytes: parts of characters, halved until each fits."""

    def split(text: str) -> list[str]:
        parts: list[str] = []
        for part in cut(text, longest):
            small = len(part.encode()) <= longest
            parts += [part] if small else [p for half in cut(part, len(part) // 2 + 1) for p in split(half)]
        return parts

    return split
