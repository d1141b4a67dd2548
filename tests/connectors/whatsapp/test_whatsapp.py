"""The WhatsApp connector by itself: ids instead of numbers, marks, media by id, templates, survey buttons."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors import registry
from connectors.contract import (
    Address,
    ChannelConfig,
    Contact,
    File,
    InboundRating,
    InboundRemoval,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Place,
    Raw,
    SurveyAsk,
    Template,
    TemplateUse,
    TemporaryFailure,
    WebRequest,
)
from tests.connectors.kits import LOOPBACK
from tests.servers.graph import NUMBER, FakeGraph, signed

pytestmark = pytest.mark.processes

USER = "VN.13491208655302741918"
LAN = Address("whatsapp", USER, NUMBER)
MESSAGES = f"/v25.0/{NUMBER}/messages"


@pytest.fixture
def graph() -> Any:
    with FakeGraph() as fake:
        yield fake


def made(graph: FakeGraph | None = None, **more: Any) -> Any:
    settings = {**(graph.whatsapp() if graph else {"phone_number_id": NUMBER, "app_secret": "s"}), **more}
    return registry.build("whatsapp", ChannelConfig(1, "wa-1", "WhatsApp", settings, allow_private=LOOPBACK))


def example(name: str) -> dict[str, Any]:
    path = Path(connectors.__file__).parent / "whatsapp" / "examples" / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def read(name: str) -> list[Any]:
    return list(made().parse(Raw("r", json.dumps(example(name)).encode())))


def out(text: str = "Đơn đang giao ạ", to: Address = LAN, **more: Any) -> Outbound:
    return Outbound(88, (to,), text, last_heard_at=datetime.now(UTC), **more)


# --- in ------------------------------------------------------------------------------------------------------


def test_people_are_known_by_their_id_and_found_by_their_number() -> None:
    (message,) = read("text")
    assert message.sender == Address("whatsapp", USER, NUMBER, "Lan Trần")
    assert message.also == (Address("phone", "+84901234567", name="Lan Trần"),)
    (hidden,) = read("reply_hidden_number")
    assert (hidden.sender.username, hidden.also) == ("minh.nguyen", ())
    assert hidden.reply_to_external_id == "wamid.OUT0001"


def test_files_are_named_by_id() -> None:
    (image,), (paper,), (voice,) = read("image"), read("document"), read("voice")
    assert (image.text, image.files[0].ref) == ("Hộp bị móp", "1003383421387256")
    assert (paper.files[0].filename, paper.text) == ("hoá đơn.pdf", "Gửi shop")
    assert voice.files[0].content_type == "audio/ogg"


def test_marks_taps_edits_and_removals() -> None:
    assert [(m.sent_external_id, m.state) for m in read("delivered") + read("read")] == [
        ("wamid.OUT0001", "delivered"), ("wamid.OUT0001", "read"),
    ]  # fmt: skip
    assert "24 hours" in read("failed")[0].reason
    (tap,), (listed,) = read("rating"), read("list_reply")
    assert isinstance(tap, InboundRating) and (tap.token, tap.score, listed.score) == ("T1", 5, 4)
    assert read("edited")[0].edits_external_id == "wamid.IN0003" and read("edited")[0].text == "Hộp bị móp góc"
    assert read("revoked") == [InboundRemoval("gone:wamid.IN0019", "wamid.IN0003")]
    assert read("reaction") == read("number_changed") == [] and read("unsupported")[0].text == "[?]"
    (echo,) = read("echo_app")
    assert (echo.kind, echo.to[0].value) == ("echo", "84901234567")


def test_a_batch_is_stored_item_by_item_and_a_repeat_is_recognised() -> None:
    message, status = example("text"), example("delivered")
    value = message["entry"][0]["changes"][0]["value"]
    value["statuses"] = status["entry"][0]["changes"][0]["value"]["statuses"]
    body, headers = signed(message, "s")
    raws = made().accept(WebRequest("POST", headers, body)).raws
    assert [r.external_id for r in raws] == [value["messages"][0]["id"], "delivered:wamid.OUT0001"]
    assert [len(made().parse(raw)) for raw in raws] == [1, 1]
    assert made().accept(WebRequest("POST", headers, body)).raws == raws


def test_events_of_another_number_are_left_alone() -> None:
    assert list(made(phone_number_id="999").parse(Raw("r", json.dumps(example("text")).encode()))) == []


def test_media_is_fetched_by_id_with_the_token(graph: FakeGraph) -> None:
    graph.media["/media/1003"] = b"jpeg"
    connector = made(graph)
    assert connector.fetch(File("a.jpg", "image/jpeg", ref="1003")).data == b"jpeg"
    assert graph.called("/media/1003")[0].headers["authorization"] == "Bearer graph-canary-token-1"
    assert "no such" in connector.fetch(File("a.jpg", "image/jpeg", ref="404")).problem
    graph.fail("/v25.0/1004", 200, {"id": "1004", "url": "https://evil.example/x", "file_size": 4})
    assert "does not belong" in connector.fetch(File("a.jpg", "image/jpeg", ref="1004")).problem
    graph.fail("/v25.0/1005", 200, {"id": "1005", "url": f"{graph.url}/x", "file_size": 10**9})
    assert "larger than" in connector.fetch(File("a.mp4", "video/mp4", ref="1005")).problem


# --- out -----------------------------------------------------------------------------------------------------


def test_an_answer_goes_to_the_id_or_the_number(graph: FakeGraph) -> None:
    receipt = made(graph).send(out(reply_to_external_id="wamid.IN0003"))
    made(graph).send(out("Dạ", Address("whatsapp", "84901234567", NUMBER)))
    first, second = graph.sent()
    assert first == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": USER, "type": "text",
        "text": {"body": "Đơn đang giao ạ", "preview_url": False}, "context": {"message_id": "wamid.IN0003"},
        "biz_opaque_callback_data": "hd-wa-1-88",
    }  # fmt: skip
    assert second["to"] == "84901234567" and "recipient" not in second
    assert receipt.external_id == "wamid.OUT1"


def test_files_are_uploaded_and_captioned(graph: FakeGraph) -> None:
    paper = OutFile("hoá đơn.pdf", "application/pdf", 3, lambda: b"pdf")
    made(graph).send(out("Hoá đơn ạ", files=(paper,)))
    (body,) = graph.sent()
    assert body["document"] == {"id": "media-1", "caption": "Hoá đơn ạ", "filename": "hoá đơn.pdf"}
    assert graph.called(f"/v25.0/{NUMBER}/media")[0].files["file"] == ("hoá đơn.pdf", b"pdf")
    with pytest.raises(PermanentFailure, match="100 MB"):
        made(graph).send(out(files=(OutFile("a.zip", "application/zip", 2**27, lambda: b""),)))


def test_three_choices_are_buttons_and_five_a_list(graph: FakeGraph) -> None:
    for count in (3, 5):
        choices = tuple((n, f"{n} sao rất là hài lòng luôn ạ") for n in range(1, count + 1))
        made(graph).send(out("", survey=SurveyAsk("tok", "Chấm điểm?", choices, "https://desk.example/s")))
    three, five = (body["interactive"] for body in graph.sent())
    assert [b["reply"]["id"] for b in three["action"]["buttons"]] == ["csat:tok:1", "csat:tok:2", "csat:tok:3"]
    rows = five["action"]["sections"][0]["rows"]
    assert len(rows) == 5 and all(len(r["title"]) <= 24 for r in rows)


def test_templates_are_declared_and_sent_with_their_values_in_order(graph: FakeGraph) -> None:
    lines = "ticket_update | vi | Chào {{customer}}, về #{{ticket}}: {{text}}\nbroken line\n"
    assert made(templates=lines).templates() == (
        Template("ticket_update", "vi", "Chào {{customer}}, về #{{ticket}}: {{text}}"),
    )
    made(graph).send(out("…", template=TemplateUse("ticket_update", "vi", ("Lan", "1042", "Đơn\nđang giao"))))
    template = graph.sent()[0]["template"]
    assert (template["name"], template["language"]) == ("ticket_update", {"code": "vi"})
    assert [p["text"] for p in template["components"][0]["parameters"]] == ["Lan", "1042", "Đơn đang giao"]


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [(131047, PermanentFailure, "template"), (131026, PermanentFailure, "cannot deliver"), (130429, TemporaryFailure, "wait"),
     (131016, TemporaryFailure, "problem"), (190, PermanentFailure, "expired"), (132001, PermanentFailure, "template")],
)  # fmt: skip
def test_codes_are_said_in_plain_words(graph: FakeGraph, code: int, error: type, words: str) -> None:
    graph.refuse(code)
    with pytest.raises(error, match=words):
        made(graph).send(out())


def test_a_lost_answer_is_unknown(graph: FakeGraph) -> None:
    graph.drop(MESSAGES)
    with pytest.raises(OutcomeUnknown):
        made(graph).send(out())


def test_testing_the_connection_names_the_number(graph: FakeGraph) -> None:
    steps = list(made(graph).test())
    assert [s.ok for s in steps] == [True, True, True] and "+84 28 7300 0111" in steps[0].detail


@pytest.mark.parametrize(("typed", "kept"), [("+84 90 123 45 67", "84901234567"), (USER, USER)])
def test_addresses_have_one_spelling(typed: str, kept: str) -> None:
    assert made().normalise(typed) == kept
    with pytest.raises(ValueError, match="phone number"):
        made().normalise("Lan")


def test_a_place_and_a_contact_go_out_as_what_they_are(graph):
    made(graph).send(out("", shared=Place(10.776889, 106.700806, "Sao Mai", "12 Lý Thường Kiệt")))
    made(graph).send(out("Số của shop ạ", shared=Contact("Sao Mai", "+842473082686")))
    place, words, card = graph.sent()
    spot = {"latitude": 10.776889, "longitude": 106.700806, "name": "Sao Mai", "address": "12 Lý Thường Kiệt"}
    assert place["type"] == "location" and place["location"] == spot
    assert words["text"]["body"] == "Số của shop ạ"
    assert card["contacts"] == [
        {
            "name": {"formatted_name": "Sao Mai", "first_name": "Sao Mai"},
            "phones": [{"phone": "+842473082686", "type": "WORK"}],
        }
    ]
