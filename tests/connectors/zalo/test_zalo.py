"""The Zalo connector by itself: signatures, reading, sending, and a refresh token that works once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

import connectors
from connectors import registry
from connectors.contract import (
    Address,
    ChannelConfig,
    File,
    InboundMessage,
    InboundRating,
    InboundReport,
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
from connectors.zalo.api import access_token
from tests.connectors.kits import LOOPBACK
from tests.servers.zalo import OA_ID, USER, FakeZalo, event, signed

pytestmark = pytest.mark.processes

EXAMPLES = Path(connectors.__file__).parent / "zalo" / "examples"
LAN = Address("zalo", USER, OA_ID)
CS = "/v3.0/oa/message/cs"
# Published vector: secret, body, and the signature over exactly these bytes.
GOLDEN = (
    '{"app_id":"1234567890123456789","sender":{"id":"246845883529197922"},"user_id_by_app":"552177279717587730",'
    '"recipient":{"id":"388613280878808645"},"event_name":"user_send_text","message":{"text":"Đơn 20931 chưa giao",'
    '"msg_id":"96d3cdf3af150460909"},"timestamp":"1781000000123"}'
)
GOLDEN_MAC = "fa897a2d23eaf36ae269777a21852869ba676bfb264d9ebb9f22bde6a1992ad7"


class Kept:
    """A vault with a real lock, as two processes would share it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lock = Lock()
        self.history: list[dict[str, str]] = []

    def read(self, seed: str) -> dict[str, str]:
        return dict(self.values)

    def alone(self) -> Any:
        return self.lock

    def keep(self, seed: str, values: Any) -> None:
        self.values = dict(values)
        self.history.append(self.values)


@pytest.fixture
def zalo() -> Any:
    with FakeZalo() as fake:
        yield fake


def config(fake: FakeZalo | None = None, **more: Any) -> ChannelConfig:
    settings = fake.settings(**more) if fake else {"oa_id": OA_ID, "oa_secret": "OaSecretKey0001", **more}
    return ChannelConfig(1, "z-1", "Zalo", settings, allow_private=LOOPBACK, vault=Kept())


def made(fake: FakeZalo | None = None, **more: Any) -> Any:
    return registry.build("zalo", config(fake, **more))


def read(name: str) -> list[Any]:
    return list(made().parse(Raw("r", (EXAMPLES / f"{name}.json").read_bytes())))


# --- in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [f"mac={GOLDEN_MAC}", GOLDEN_MAC, f"mac={GOLDEN_MAC.upper()}"])
def test_the_published_signature_is_accepted_with_and_without_its_prefix(header: str) -> None:
    accepted = made().accept(WebRequest("POST", {"x-zevent-signature": header}, GOLDEN.encode()))
    assert [raw.external_id for raw in accepted.raws] == ["user_send_text:96d3cdf3af150460909"]


def test_one_changed_byte_is_refused() -> None:
    body = GOLDEN.replace("chưa", "chua").encode()
    with pytest.raises(Refused, match="wrong"):
        made().accept(WebRequest("POST", {"x-zevent-signature": f"mac={GOLDEN_MAC}"}, body))


def test_another_scheme_can_be_chosen() -> None:
    headers = {"x-zevent-signature": f"mac={GOLDEN_MAC}"}
    with pytest.raises(Refused):
        made(signature="hmac").accept(WebRequest("POST", headers, GOLDEN.encode()))


def test_text_files_places_and_stickers_are_read() -> None:
    (text,), (image,), (file,) = read("text"), read("image"), read("file")
    assert (text.text, text.sender, text.external_id) == ("Đơn 20931 chưa giao", LAN, "96d3cdf3af150460909")
    assert text.sent_at.isoformat() == "2026-06-09T10:13:20.123000+00:00"
    assert image.text == "Hộp bị móp" and image.files[0].ref == "https://f1.photo.talk.zdn.vn/o.jpg"
    assert (file.files[0].filename, file.files[0].content_type) == ("hoá-đơn.pdf", "application/pdf")
    assert "10.776889,106.700806" in read("location")[0].text
    assert read("sticker")[0].kind == "sticker"
    assert read("quote")[0].reply_to_external_id == "e1a60e8890be9de4c4ab"
    assert read("unknown_event") == []


def test_marks_taps_and_forms_are_read() -> None:
    assert read("seen") == [InboundReport(read("seen")[0].external_id, "e1a60e8890be9de4c4ab", "read")]
    assert read("received")[0].state == "delivered"
    assert read("template_received")[0].sent_external_id == "a4d0243feee163bd3af2"
    (tap,) = read("rating")
    assert isinstance(tap, InboundRating) and (tap.token, tap.score) == ("tok_8f2a", 5)
    (form,) = read("submit_info")
    assert form.meta == {"contact": "84901234567"} and form.also == (), "a number typed in proves nothing"


def test_what_was_written_in_the_oa_app_is_an_echo() -> None:
    (echo,) = read("echo_text")
    assert isinstance(echo, InboundMessage)
    assert (echo.kind, echo.to, echo.text) == ("echo", (LAN,), "Dạ shop kiểm tra ngay ạ")


def test_names_are_asked_for_once(zalo: FakeZalo) -> None:
    message = read("text")[0]
    connector = made(zalo)
    assert connector.complete(message, known=False).sender.name == "Lan Trần"
    assert connector.complete(message, known=True) == message
    assert len(zalo.called("/v3.0/oa/user/detail")) == 1


def test_files_come_from_zalos_hosts_only(zalo: FakeZalo) -> None:
    zalo.media["/o.jpg"] = b"jpeg"
    connector = made(zalo)
    assert connector.fetch(File("a.jpg", "image/jpeg", ref=f"{zalo.url}/o.jpg")).data == b"jpeg"
    for ref in ("https://evil.example/o.jpg", "http://169.254.169.254/latest", "https://zdn.vn.evil.example/x",
                "https://user@f1.zdn.vn/x", "https://f1.zdn.vn:8080/x", "http://f1.zdn.vn/x"):  # fmt: skip
        found = connector.fetch(File("a.jpg", "image/jpeg", ref=ref))
        assert found.data is None and "does not belong" in found.problem, ref
    large = connector.fetch(File("a.mp4", "video/mp4", size_bytes=200 * 2**20, ref=f"{zalo.url}/o.jpg"))
    assert "larger than" in large.problem


# --- out -----------------------------------------------------------------------------------------------------


def out(text: str = "Chào bạn", **more: Any) -> Outbound:
    return Outbound(1, (LAN,), text, **more)


def test_a_text_goes_out_as_described(zalo: FakeZalo) -> None:
    receipt = made(zalo).send(out(reply_to_external_id="96d3"))
    (call,) = zalo.called(CS)
    assert call.values == {"recipient": {"user_id": USER}, "message": {"text": "Chào bạn", "quote_message_id": "96d3"}}
    assert call.headers["access_token"] == "access-canary-1" and receipt.external_id.startswith("out-")


def test_a_long_text_and_files_become_parts_with_an_id_each(zalo: FakeZalo) -> None:
    picture = OutFile("a.png", "image/png", 3, lambda: b"png")
    paper = OutFile("hoá đơn.pdf", "application/pdf", 3, lambda: b"pdf")
    receipt = made(zalo).send(out("chữ " * 700, files=(picture, paper)))
    sent = zalo.sent()
    assert [sorted(m) for m in sent] == [["text"], ["text"], ["attachment"], ["attachment"]]
    assert all(len(m.get("text", "")) <= 2000 for m in sent) and len(set(receipt.external_ids)) == 4
    assert sent[3]["attachment"]["type"] == "file" and sent[3]["attachment"]["payload"]["token"].startswith("up-")
    uploads = [c for c in zalo.calls if c.path.startswith("/v2.0/oa/upload")]
    assert [(c.path, c.files["file"][1]) for c in uploads] == [
        ("/v2.0/oa/upload/image", b"png"), ("/v2.0/oa/upload/file", b"pdf"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "size"), [("a.zip", "application/zip", 10), ("a.png", "image/png", 2**21)])
def test_what_zalo_does_not_take_is_said_before_anything_leaves(
    zalo: FakeZalo, name: str, kind: str, size: int
) -> None:
    with pytest.raises(PermanentFailure, match=name):
        made(zalo).send(out(files=(OutFile(name, kind, size, lambda: b""),)))
    assert zalo.calls == []


def test_a_survey_is_asked_with_buttons(zalo: FakeZalo) -> None:
    ask = SurveyAsk("tok", "Bạn hài lòng chứ?", ((5, "Tốt"), (1, "Tệ")), "https://desk.example/s/tok")
    made(zalo).send(out("", survey=ask))
    buttons = zalo.sent()[0]["attachment"]["payload"]["buttons"]
    assert [b["payload"] for b in buttons] == ["csat:tok:5", "csat:tok:1"]


def test_name_and_phone_are_asked_for_with_the_acknowledgement_only_while_they_are_unknown(zalo: FakeZalo) -> None:
    asking = made(zalo, ask_contact=True)
    asking.send(out("Đã nhận", automatic=True, locale="vi"))
    words, form = zalo.sent()
    assert words == {"text": "Đã nhận"} and form["attachment"]["payload"]["template_type"] == "request_user_info"
    asking.send(out("Đã nhận", automatic=True, phones=("+84901234567",)))
    asking.send(out("Một người viết"))
    assert len(zalo.sent()) == 4, "only the first was followed by the form"


def test_nobody_is_asked_for_name_and_phone_unless_it_is_wanted(zalo: FakeZalo) -> None:
    made(zalo).send(out("Đã nhận", automatic=True))
    assert zalo.sent() == [{"text": "Đã nhận"}]


def test_a_form_zalo_does_not_take_costs_the_message_nothing(zalo: FakeZalo) -> None:
    connector = made(zalo, ask_contact=True)
    zalo.errors = [0, -233]
    assert len(connector.send(out("Đã nhận", automatic=True)).external_ids) == 1


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [(-32, TemporaryFailure, "wait"), (-230, PermanentFailure, "7 days"), (-213, PermanentFailure, "48 hours"),
     (-224, PermanentFailure, "plan"), (-99999, PermanentFailure, "-99999")],
)  # fmt: skip
def test_codes_are_said_in_plain_words(zalo: FakeZalo, code: int, error: type[Exception], words: str) -> None:
    zalo.errors.append(code)
    with pytest.raises(error, match=words):
        made(zalo).send(out())


def test_a_fault_of_the_account_is_told_apart(zalo: FakeZalo) -> None:
    zalo.errors.append(-224)
    with pytest.raises(PermanentFailure) as failure:
        made(zalo).send(out())
    assert failure.value.account and not failure.value.blocked


def test_a_lost_answer_is_unknown(zalo: FakeZalo) -> None:
    connector = made(zalo)
    for trouble in (zalo.drop, zalo.garble):
        trouble(CS)
        with pytest.raises(OutcomeUnknown):
            connector.send(out())


def test_half_a_message_is_unknown_not_sent_again(zalo: FakeZalo) -> None:
    zalo.errors += [0, -32]
    with pytest.raises(OutcomeUnknown, match="1 of 2"):
        made(zalo).send(out("chữ " * 700))


# --- the refresh token ---------------------------------------------------------------------------------------


def test_an_expired_token_is_renewed_once_and_the_call_repeated(zalo: FakeZalo) -> None:
    connector = made(zalo)
    connector.send(out("một"))
    zalo.expire()
    connector.send(out("hai"))
    assert (zalo.renewals, [m["text"] for m in zalo.sent()]) == (2, ["một", "hai", "hai"])


def test_many_at_once_use_the_refresh_token_once(zalo: FakeZalo) -> None:
    shared = config(zalo)
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: access_token(shared), range(16)))
    assert (tokens, zalo.renewals) == ({"access-canary-1"}, 1)
    assert shared.vault.history[-1]["refresh_token"] == "refresh-canary-1"


def test_a_token_near_its_end_is_renewed_with_the_newest_refresh_token(zalo: FakeZalo) -> None:
    shared = config(zalo)
    access_token(shared)
    shared.vault.values["expires_at"] = "0"
    assert access_token(shared) == "access-canary-2"


def test_a_refused_refresh_token_says_what_to_do(zalo: FakeZalo) -> None:
    with pytest.raises(PermanentFailure, match="new one") as failure:
        made(zalo, refresh_token="used-canary").send(out())
    assert failure.value.account and "canary" not in str(failure.value)


def test_testing_the_connection_names_the_account(zalo: FakeZalo) -> None:
    steps = list(made(zalo).test())
    assert [s.ok for s in steps] == [True, True, True] and steps[-1].detail == "Sao Mai"


def test_testing_a_channel_that_is_not_saved_uses_no_token_up(zalo: FakeZalo) -> None:
    unsaved = ChannelConfig(0, "test", "test", zalo.settings(), allow_private=LOOPBACK)
    assert all(step.ok for step in registry.build("zalo", unsaved).test())
    assert zalo.renewals == 0


def test_the_fake_signs_as_zalo_does() -> None:
    body, headers = signed(event("user_send_text", text="Chào"))
    accepted = made(oa_secret="oa-canary-secret-1").accept(WebRequest("POST", headers, body))
    assert json.loads(accepted.raws[0].body)["message"]["text"] == "Chào"
