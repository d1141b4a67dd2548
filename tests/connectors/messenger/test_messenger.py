"""Messenger and Instagram by themselves: the door, reading, sending; one page's events out of an app's batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors import registry
from connectors.contract import (
    Address,
    ChannelConfig,
    Evidence,
    InboundMessage,
    InboundRating,
    InboundRemoval,
    Outbound,
    OutcomeUnknown,
    OutFile,
    PermanentFailure,
    Raw,
    Refused,
    SurveyAsk,
    TemporaryFailure,
    WebRequest,
)
from connectors.meta.door import signature
from tests.connectors.kits import LOOPBACK
from tests.servers.graph import IG_PERSON, INSTAGRAM, PAGE, PERSON, VERIFY, FakeGraph, signed

pytestmark = pytest.mark.processes

LAN = Address("messenger", PERSON, PAGE)
MESSAGES = f"/v25.0/{PAGE}/messages"
NOW = datetime.now(UTC)


@pytest.fixture
def graph() -> Any:
    with FakeGraph() as fake:
        yield fake


def made(kind: str = "messenger", graph: FakeGraph | None = None, **more: Any) -> Any:
    offline = {"page_id": PAGE, "account_id": INSTAGRAM, "verify_token": VERIFY, "app_secret": "s"}
    settings = {**getattr(graph, kind)(), **more} if graph else {**offline, **more}
    return registry.build(kind, ChannelConfig(1, "ch-1", "Page", settings, allow_private=LOOPBACK))


def example(kind: str, name: str) -> dict[str, Any]:
    path = Path(connectors.__file__).parent / kind / "examples" / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def read(kind: str, name: str, **settings: Any) -> list[Any]:
    return list(made(kind, **settings).parse(Raw("r", json.dumps(example(kind, name)).encode())))


# --- the door ------------------------------------------------------------------------------------------------


def ask(**query: str) -> WebRequest:
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444", **query}
    return WebRequest("GET", {}, b"", asked)


def test_the_challenge_is_answered_and_nothing_is_stored() -> None:
    accepted = made().accept(ask())
    assert (accepted.raws, accepted.body) == ((), "1158201444")


@pytest.mark.parametrize("query", [{"hub.verify_token": "wrong"}, {"hub.mode": "x"}, {"hub.challenge": "<script>"},
                                   {"hub.verify_token": ""}])  # fmt: skip
def test_a_wrong_challenge_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        made().accept(ask(**query))
    with pytest.raises(Refused):
        made(verify_token="").accept(ask(**query))


def test_the_published_signature_is_over_the_bytes_as_they_came() -> None:
    call = example("whatsapp", "text")
    body = json.dumps(call, ensure_ascii=False, separators=(",", ":")).encode()
    good = "sha256=31f801937df4f17e0e8a2b0abb56936731d047e6f7c516e97a46084cfdf14539"
    assert signature(body, "meta_app_secret_0001") == good
    secret = {"phone_number_id": "106540352242922", "app_secret": "meta_app_secret_0001"}
    accept = registry.build("whatsapp", ChannelConfig(1, "w", "WA", secret)).accept  # type: ignore[attr-defined]
    assert len(accept(WebRequest("POST", {"x-hub-signature-256": good}, body)).raws) == 1
    with pytest.raises(Refused):
        accept(WebRequest("POST", {"x-hub-signature-256": good}, json.dumps(call).encode()))


def test_a_batch_is_stored_event_by_event_and_other_pages_are_left_out() -> None:
    one, two = example("messenger", "text"), example("messenger", "image_reply")
    other = {**one["entry"][0], "id": "999"}
    call = {"object": "page", "entry": [one["entry"][0], other, two["entry"][0]]}
    body, headers = signed(call, "s")
    raws = made().accept(WebRequest("POST", headers, body)).raws
    assert [raw.external_id for raw in raws] == ["mid:m_AbCdEf0001", "mid:m_AbCdEf0002"]
    again, headers = signed({"object": "page", "entry": [two["entry"][0]]}, "s")
    (repeat,) = made().accept(WebRequest("POST", headers, again)).raws
    assert (repeat.external_id, repeat.body) == (raws[1].external_id, raws[1].body)


# --- reading -------------------------------------------------------------------------------------------------


def test_messages_answers_taps_and_shared_things() -> None:
    (text,), (image,), (tap,) = read("messenger", "text"), read("messenger", "image_reply"), read("messenger", "rating")
    assert (text.text, text.sender, text.sent_at.year) == ("Đơn 20931 của tôi chưa giao", LAN, 2026)
    assert (image.reply_to_external_id, image.files[0].content_type) == ("m_OUT0001", "image/jpeg")
    assert isinstance(tap, InboundRating) and (tap.token, tap.score) == ("T1", 5)
    assert read("messenger", "file")[0].files[0].filename == "hoa-don.pdf"
    assert read("messenger", "shared_post")[0].text == "Ấm đất Bát Tràng\nhttps://shop.example/am-dat"
    assert read("messenger", "standby")[0].text == "Alo shop ơi"
    assert read("messenger", "edited")[0].edits_external_id == "m_AbCdEf0001"
    assert read("messenger", "reaction") == read("messenger", "like") == []


def test_marks_come_by_id_and_by_watermark() -> None:
    by_id, up_to = read("messenger", "delivered")
    assert (by_id.sent_external_id, by_id.state) == ("m_OUT0001", "delivered")
    assert (up_to.sender, up_to.up_to.timestamp()) == (LAN, 1781000040.0)
    assert read("messenger", "read")[0].state == "read"
    assert read("instagram", "read")[0].sent_external_id == "aWdfOUT0001"


def test_an_echo_of_ours_carries_our_mark() -> None:
    call = example("messenger", "echo_own")
    call["entry"][0]["messaging"][0]["message"]["metadata"] = "hd-ch-1-88"
    (echo,) = made().parse(Raw("r", json.dumps(call).encode()))
    assert (echo.kind, echo.to, echo.meta) == ("echo", (LAN,), {"delivery_id": "88"})
    (theirs,) = read("messenger", "echo_page_inbox")
    assert (theirs.kind, theirs.meta) == ("echo", {})


def test_a_link_says_which_ticket_it_belongs_to() -> None:
    call = example("messenger", "text")
    call["entry"][0]["messaging"][0]["message"]["referral"] = {"ref": "88-abc", "source": "SHORTLINK"}
    (message,) = made().parse(Raw("r", json.dumps(call).encode()))
    assert message.evidence == Evidence(token="88-abc")


def test_instagram_stories_removals_and_tests() -> None:
    assert read("instagram", "story_reply")[0].quoted_text.startswith("https://lookaside")
    assert read("instagram", "deleted") == [InboundRemoval("gone:aWdfZAG1faXRl0001", "aWdfZAG1faXRl0001")]
    assert read("instagram", "unsupported")[0].text == "[?]"
    assert read("instagram", "dashboard_test") == []


def test_a_comment_is_a_public_conversation_of_its_own() -> None:
    (comment,) = read("messenger", "comment")
    thread = Address("messenger", "comment:5550001_7001", PAGE, "Hương Nguyễn")
    assert (comment.sender, comment.external_id, comment.meta["public"]) == (thread, "5550001_7001", "comment")
    assert [a.value for a in comment.also] == ["6700000000000009"]
    assert [a.value for a in comment.opens] == ["private:5550001_7001"]
    (below,) = read("messenger", "comment_reply")
    assert (below.sender.value, below.text, below.also) == (thread.value, "Minh Phạm: Mình cũng hỏi ạ", ())
    (ours,) = read("messenger", "comment_by_page")
    assert (ours.kind, ours.to[0].value) == ("echo", thread.value)
    assert read("messenger", "comment_removed") == [InboundRemoval("gone:5550001_7001", "5550001_7001")]
    assert read("messenger", "comment_edited")[0].edits_external_id == "5550001_7001"
    assert read("messenger", "comment", comments=False) == []
    assert read("instagram", "comment_reply")[0].sender.value == "comment:17900000000000001"


def test_names_and_posts_are_asked_for(graph: FakeGraph) -> None:
    connector = made(graph=graph)
    assert connector.complete(read("messenger", "text")[0], known=False).sender.name == "Lan Trần"
    shown = connector.complete(read("messenger", "comment")[0], known=True).meta
    assert shown["post_text"] == "Ấm đất Bát Tràng đã về" and shown["post"].startswith("https://www.facebook.com")
    theirs = made("instagram", graph).complete(read("instagram", "text")[0], known=False).sender
    assert (theirs.name, theirs.username) == ("Lan", "lan.tran")


# --- sending -------------------------------------------------------------------------------------------------


def out(text: str = "Đơn đang giao ạ", to: Address = LAN, **more: Any) -> Outbound:
    return Outbound(88, (to,), text, **{"last_heard_at": NOW, **more})


def test_an_answer_goes_out_marked(graph: FakeGraph) -> None:
    receipt = made(graph=graph).send(out())
    assert graph.called(MESSAGES)[0].values == {
        "recipient": {"id": PERSON}, "messaging_type": "RESPONSE",
        "message": {"text": "Đơn đang giao ạ", "metadata": "hd-ch-1-88"},
    }  # fmt: skip
    assert receipt.external_id == "m_out1" and receipt.reached is None
    assert "access_token" not in str(graph.calls[0].path)


def test_files_are_uploaded_with_the_message(graph: FakeGraph) -> None:
    made(graph=graph).send(out("", files=(OutFile("a.jpg", "image/jpeg", 4, lambda: b"jpeg"),)))
    (call,) = graph.called(MESSAGES)
    assert call.files["filedata"] == ("a.jpg", b"jpeg")
    assert call.values["message"]["attachment"]["type"] == "image" and call.values["recipient"] == {"id": PERSON}


def test_after_a_day_only_a_person_and_only_with_the_permission(graph: FakeGraph) -> None:
    late = {"last_heard_at": NOW - timedelta(hours=30)}
    with pytest.raises(PermanentFailure, match="24 hours"):
        made(graph=graph).send(out(**late))
    allowed = made(graph=graph, human_agent=True)
    with pytest.raises(PermanentFailure, match="automatic"):
        allowed.send(out(automatic=True, **late))
    assert graph.sent() == []
    allowed.send(out(**late))
    assert graph.sent()[0]["tag"] == "HUMAN_AGENT"


def test_the_window_is_what_the_account_may() -> None:
    assert made().limits_for(PERSON).reply_window_hours == 24
    assert made(human_agent=True).limits_for(PERSON).reply_window_hours == 168
    assert made().limits_for("comment:1_2").reply_window_hours is None


def test_a_comment_is_answered_in_public_or_in_private(graph: FakeGraph) -> None:
    connector = made(graph=graph)
    public = connector.send(out("Dạ còn ạ", Address("messenger", "comment:5550001_7001", PAGE)))
    assert graph.calls[0].path == "/v25.0/5550001_7001/comments" and public.external_id.startswith("5550001_")
    private = connector.send(out("Shop nhắn riêng ạ", Address("messenger", "private:5550001_7001", PAGE, "Hương")))
    assert graph.calls[1].values["recipient"] == {"comment_id": "5550001_7001"}
    assert private.reached == Address("messenger", PERSON, PAGE, "Hương")
    with pytest.raises(PermanentFailure, match="only text"):
        files = (OutFile("a.jpg", "image/jpeg", 4, lambda: b""),)
        connector.send(out("", Address("messenger", "comment:5550001_7001", PAGE), files=files))


def test_a_comment_can_be_hidden_and_shown_again(graph: FakeGraph) -> None:
    made(graph=graph).hide("5550001_7001", True)
    made("instagram", graph).hide("17900000000000001", True)
    made(graph=graph).hide("5550001_7001", False)
    assert graph.hidden == {"5550001_7001": False, "17900000000000001": True}
    assert [sorted(c.values) for c in graph.calls] == [["is_hidden"], ["hide"], ["is_hidden"]]


def test_a_survey_has_buttons(graph: FakeGraph) -> None:
    survey = SurveyAsk(
        "tok", "Bạn hài lòng chứ?", ((5, "Rất hài lòng với cửa hàng"), (1, "Tệ")), "https://desk.example/s"
    )
    made(graph=graph).send(out("", survey=survey))
    replies = graph.sent()[0]["message"]["quick_replies"]
    assert [r["payload"] for r in replies] == ["csat:tok:5", "csat:tok:1"] and len(replies[0]["title"]) <= 20


def test_instagram_counts_bytes_and_takes_files_only_with_a_page(graph: FakeGraph) -> None:
    to = Address("instagram", IG_PERSON, INSTAGRAM)
    made("instagram", graph).send(out("Chữ có dấu " * 90, to))
    texts = [body["message"]["text"] for body in graph.sent()]
    assert len(texts) > 1 and all(len(t.encode()) <= 1000 for t in texts)
    assert "messaging_type" not in graph.sent()[0] and graph.calls[0].path == "/v25.0/me/messages"
    picture = (OutFile("a.jpg", "image/jpeg", 4, lambda: b"jpeg"),)
    with pytest.raises(PermanentFailure, match="Facebook page"):
        made("instagram", graph).send(out("", to, files=picture))
    made("instagram", graph, page_id=PAGE).send(out("", to, files=picture))
    assert graph.sent()[-1]["message"]["attachment"]["payload"] == {"attachment_id": "att-" + str(len(texts) + 1)}


@pytest.mark.parametrize(
    ("code", "subcode", "error", "words"),
    [(190, 0, PermanentFailure, "expired"), (10, 2018278, PermanentFailure, "over"), (551, 0, PermanentFailure, "not take"),
     (613, 0, TemporaryFailure, "wait"), (2, 0, TemporaryFailure, "problem"), (10, 1893063, PermanentFailure, "not let"),
     (100, 2018001, PermanentFailure, "no such person"), (9999, 0, PermanentFailure, "9999")],
)  # fmt: skip
def test_codes_are_said_in_plain_words(graph: FakeGraph, code: int, subcode: int, error: type, words: str) -> None:
    graph.refuse(code, subcode)
    with pytest.raises(error, match=words) as failure:
        made(graph=graph).send(out())
    assert getattr(failure.value, "account", False) == (code == 190 or subcode == 1893063)
    assert getattr(failure.value, "blocked", False) == (code == 551)


def test_a_lost_answer_is_unknown(graph: FakeGraph) -> None:
    for trouble in (graph.drop, graph.garble):
        trouble(MESSAGES)
        with pytest.raises(OutcomeUnknown):
            made(graph=graph).send(out())


def test_testing_the_connection_switches_events_on(graph: FakeGraph) -> None:
    for kind in ("messenger", "instagram"):
        steps = list(made(kind, graph).test())
        assert [s.ok for s in steps] == [True, True, True], steps
    assert "feed" in graph.called(f"/v25.0/{PAGE}/subscribed_apps")[0].values["subscribed_fields"]
    assert not list(made(graph=graph, access_token="bad-canary").test())[-1].ok


def test_every_example_says_who_it_is_from() -> None:
    for kind in ("messenger", "instagram"):
        for path in sorted((Path(connectors.__file__).parent / kind / "examples").glob("*.json")):
            for found in made(kind).parse(Raw("r", path.read_bytes())):
                assert not isinstance(found, InboundMessage) or found.sender.value or found.kind == "echo", path
