"""The conformance suite: what every connector has to keep to, run over whatever the registry finds."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import connectors
from connectors import contract, registry
from connectors.contract import (
    Accepts,
    Address,
    ConnectorError,
    InboundBounce,
    InboundCall,
    InboundMessage,
    InboundMoved,
    InboundRating,
    InboundReach,
    InboundRemoval,
    InboundReport,
    InPlace,
    Limits,
    Listens,
    Logs,
    Outbound,
    OutcomeUnknown,
    Parses,
    PermanentFailure,
    Rates,
    Raw,
    Refused,
    Sends,
    Setting,
    Settles,
    TemporaryFailure,
    Unparseable,
)
from tests.connectors.kits import CANARY, KITS, Kit

KINDS = sorted(set(registry.kinds()) & set(KITS))
INBOUND = (
    InboundMessage, InboundBounce, InboundRating, InboundReport, InboundReach, InboundRemoval, InboundCall, InboundMoved
)  # fmt: skip
ROOT = Path(connectors.__file__).parent
GARBAGE = {
    "empty": b"",
    "nul": b"\x00" * 64,
    "not utf-8": b"\xff\xfe\xfa{}",
    "half an object": b'{"update_id": 1, "message": {"text": "a',
    "nested arrays": b"[" * 200_000,
    "nested objects": b'{"a":' * 100_000,
    "a huge number": b'{"update_id": ' + b"9" * 5000 + b"}",
    "null": b"null",
    "a string": b'"hello"',
    "wrong types": b'{"update_id": 1, "message": {"message_id": [], "from": 3, "chat": "x", "date": {}, "text": []}}',
    "wrong types in a call": b'{"event": "hangup", "callId": {"a": 1}, "from": [], "duration": {}}',
    "lone surrogates": b'{"update_id": 1, "message": {"message_id": 1, "date": 1, "text": "\\ud83d", "entities": 5}}',
}


def made(kind: str, **settings: object) -> contract.Connector:
    return registry.build(kind, KITS[kind].config(**settings))


def able(protocol: type) -> list[str]:
    """The kinds whose connector can do it."""
    return [kind for kind in KINDS if isinstance(made(kind), protocol)]


def examples(kind: str) -> list[Path]:
    folder = ROOT / kind / "examples"
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_every_kind_has_a_kit():
    assert set(registry.kinds()) <= set(KITS), "add a Kit to tests/connectors/kits.py"


# --- declaration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_declaration_is_complete(kind):
    cls = registry.kind(kind)
    assert cls.channel == kind == cls.__module__.split(".")[1], "the kind is the folder's name"
    assert cls.label and cls.label.strip() == cls.label
    assert re.fullmatch(r"[a-z0-9-]+", cls.icon)
    assert re.fullmatch(r"[a-z]+", cls.identity_kind)
    assert isinstance(cls.limits, Limits)
    assert cls.limits.formats <= {"text", "html", "files"} and "text" in cls.limits.formats
    names = [setting.name for setting in cls.settings]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("kind", "setting"), [pytest.param(k, s, id=f"{k}.{s.name}") for k in KINDS for s in registry.kind(k).settings]
)
def test_a_setting_is_consistent(kind, setting: Setting):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", setting.name)
    assert setting.label
    looks_secret = re.search(r"password|secret|token", setting.name)
    may_be = setting.name.endswith("_key")  # some providers call a public name a key
    assert may_be or setting.secret == bool(looks_secret), (
        "a password, secret or token is of type secret, nothing else is"
    )
    if setting.type == "choice":
        assert setting.default in dict(setting.choices)
    if setting.type == "bool":
        assert isinstance(setting.default, bool)
    if setting.type == "int" and setting.default != "":
        assert isinstance(setting.default, int) and not isinstance(setting.default, bool)
    if setting.secret:
        assert setting.default == "" and not setting.guards_secrets
    if setting.name.endswith(("_host", "_port", "_security", "_base")) and not setting.name.startswith("listen_"):
        assert setting.guards_secrets, "a secret must not follow to a new address by itself"


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_made_without_settings_and_without_network(kind, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: pytest.fail("no network when it is made"))
    connector = registry.build(kind, contract.ChannelConfig(1, "key", "name"))
    assert isinstance(connector.identity_scope, str)


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_something(kind):
    connector = made(kind)
    brings = isinstance(connector, (Parses, Logs, InPlace))
    assert brings, "messages come in by parsing, by an agent's form, or are our own"
    assert not isinstance(connector, (Accepts, Listens)) or isinstance(connector, Parses)
    assert not isinstance(connector, Settles) or isinstance(connector, Rates)


@pytest.mark.parametrize("kind", KINDS)
def test_its_folder_imports_nothing_of_the_helpdesk(kind):
    for path in (ROOT / kind).rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (helpdesk|workers|flask|sqlalchemy)\b", path.read_text(), re.M), path


def test_finding_the_kinds_loads_no_large_library():
    """Every process finds them; only the one that talks to a far side pays for its library."""
    seen = "import sys; from connectors import registry; registry.kinds(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    for heavy in ("telegram", "httpx", "phonenumbers", "asyncio", "imapclient", "pebble", "aiosmtpd"):
        assert f"'{heavy}'" not in loaded.stdout, heavy


# --- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", able(Parses))
def test_there_are_recorded_examples(kind):
    assert examples(kind), f"connectors/{kind}/examples is documentation and test data"


@pytest.mark.parametrize(
    ("kind", "path"), [pytest.param(k, p, id=f"{k}/{p.name}") for k in able(Parses) for p in examples(k)]
)
def test_an_example_reads_the_same_each_time_and_cannot_be_changed(kind, path):
    raw = Raw("example-1", path.read_bytes())
    found = made(kind).parse(raw)
    assert list(found) == list(made(kind).parse(raw))
    for inbound in found:
        assert isinstance(inbound, INBOUND)
        assert inbound.external_id
        with pytest.raises(dataclasses.FrozenInstanceError):
            inbound.external_id = "changed"
        if isinstance(inbound, InboundMessage):
            holds_together(made(kind), inbound)


def holds_together(connector: contract.Connector, message: InboundMessage) -> None:
    assert message.text or message.files or message.html, "a message says something"
    assert bool(message.text.strip()) <= bool(message.reply_text.strip()), "new text is never lost to trimming"
    assert message.sender.kind == connector.identity_kind
    assert message.sender.scope == connector.identity_scope
    assert message.sent_at is None or message.sent_at.utcoffset() is not None
    for text in (message.text, message.html, message.subject, message.sender.name):
        assert "\x00" not in text
        text.encode("utf-8")
    assert "<script" not in message.html.lower() and "javascript:" not in message.html.lower()
    for file in message.files:
        assert file.filename and "/" not in file.filename
        assert file.data is not None or file.ref or file.problem


@pytest.mark.parametrize("kind", able(Parses))
def test_the_same_bytes_twice_are_the_same_message(kind):
    for path in examples(kind):
        first, second = (made(kind).parse(Raw(n, path.read_bytes())) for n in ("one", "two"))
        for left, right in zip(first, second, strict=True):
            if isinstance(left, InboundMessage) and kind != "email":
                assert left.external_id == right.external_id


@pytest.mark.parametrize("kind", able(Parses))
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_unparseable_and_nothing_worse(kind, name):
    assert only_unparseable(kind, GARBAGE[name])


@pytest.mark.parametrize("kind", able(contract.ParsesMany))
def test_reading_many_is_reading_each(kind):
    """Garbage in the middle takes nothing from its neighbours."""
    good = [Raw(path.name, path.read_bytes()) for path in examples(kind)[:6]]
    raws = [*good[:3], Raw("garbage", GARBAGE["nested arrays"]), *good[3:]]
    found = made(kind).parse_many(raws)
    assert len(found) == len(raws)
    for raw, many in zip(raws, found, strict=True):
        if isinstance(many, Unparseable):
            with pytest.raises(Unparseable):
                made(kind).parse(raw)
        else:
            assert list(many) == list(made(kind).parse(raw))


@pytest.mark.parametrize("kind", able(Parses))
def test_truncated_and_damaged_examples_are_read_or_unparseable(kind):
    for path in examples(kind):
        body = path.read_bytes()
        for cut in range(0, len(body), max(1, len(body) // 12)):
            assert only_unparseable(kind, body[:cut])
            assert only_unparseable(kind, body[:cut] + b"\x00\xff" + body[cut + 2 :])


def only_unparseable(kind: str, body: bytes) -> bool:
    """Is it read as something known, or refused in words that tell no secret? Anything else raises."""
    try:
        found = made(kind).parse(Raw("garbage-1", body))
    except Unparseable as error:
        return bool(str(error)) and CANARY not in str(error)
    return all(isinstance(inbound, INBOUND) for inbound in found)


@pytest.mark.parametrize("kind", able(Parses))
def test_a_decomposed_name_is_the_composed_one(kind):
    for path in examples(kind):
        composed = path.read_bytes()
        try:
            text = composed.decode("utf-8")
        except UnicodeDecodeError:
            continue
        as_typed_on_a_mac = unicodedata.normalize("NFD", text).encode()
        ours, theirs = (made(kind).parse(Raw("n", b)) for b in (composed, as_typed_on_a_mac))
        for left, right in zip(ours, theirs, strict=True):
            if isinstance(left, InboundMessage):
                assert right.sender == left.sender
                assert kind == "email" or [f.filename for f in right.files] == [f.filename for f in left.files]
                assert unicodedata.is_normalized("NFC", right.sender.name)


# --- the webhook door ----------------------------------------------------------------------------------------


def webhook(kind: str) -> tuple[Accepts, Kit]:
    connector = made(kind, **KITS[kind].webhook)
    assert isinstance(connector, Accepts)
    return connector, KITS[kind]


@pytest.mark.parametrize("kind", able(Accepts))
def test_a_good_call_is_accepted_and_a_repeat_is_recognised(kind):
    connector, kit = webhook(kind)
    first = connector.accept(kit.call(kit.body))
    again = connector.accept(kit.call(kit.body))
    assert first.raws and all(raw.external_id and raw.body for raw in first.raws)
    assert [raw.external_id for raw in again.raws] == [raw.external_id for raw in first.raws]


@pytest.mark.parametrize("kind", able(Accepts))
def test_a_call_without_or_with_a_wrong_signature_is_refused(kind):
    connector, kit = webhook(kind)
    good = dict(kit.sign(kit.body))
    missing, wrong = {}, {name: value[:-2] + ("aa" if value[-2:] != "aa" else "bb") for name, value in good.items()}
    odd = dict.fromkeys(good, "chữ ký")
    for headers in (missing, wrong, odd, dict.fromkeys(good, "")):
        with pytest.raises(Refused) as refused:
            connector.accept(kit.call(kit.body, headers))
        assert refused.value.status in (401, 403)
        assert CANARY not in repr(refused.value) + str(refused.value)


@pytest.mark.parametrize("kind", able(Accepts))
def test_the_signature_is_over_the_bytes_as_they_came(kind):
    connector, kit = webhook(kind)
    if kit.rewrite is None:
        assert kit.sign(b"a") == kit.sign(b"b"), "a kit whose signature depends on the body must give `rewrite`"
        return
    with pytest.raises(Refused):
        connector.accept(kit.call(kit.rewrite, kit.sign(kit.body)))


@pytest.mark.parametrize("kind", able(Accepts))
@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 50_000, b"\xff\xfe"], ids=["empty", "array", "deep", "bytes"])
def test_a_signed_call_that_makes_no_sense_is_refused(kind, body):
    connector, kit = webhook(kind)
    with pytest.raises(Refused) as refused:
        connector.accept(kit.call(body))
    assert refused.value.status in (400, 413)


@pytest.mark.parametrize("kind", able(Accepts))
def test_a_call_of_ten_megabytes_is_refused(kind):
    connector, kit = webhook(kind)
    with pytest.raises(Refused) as refused:
        connector.accept(kit.call(b" " * 10 * 1024 * 1024))
    assert refused.value.status == 413


@pytest.mark.parametrize("kind", able(Accepts))
def test_without_a_secret_set_every_call_is_refused(kind):
    secrets = {s.name: "" for s in registry.kind(kind).settings if s.secret}
    kit = KITS[kind]
    connector = made(kind, **{**kit.webhook, **secrets})
    for headers in (kit.sign(kit.body), {}, dict.fromkeys(kit.sign(kit.body), "")):
        with pytest.raises(Refused):
            connector.accept(kit.call(kit.body, headers))


def answering(*wanted: str) -> list[str]:
    """Kinds whose kit says how the far side answers so."""
    return [k for k in KINDS if all(w == "unknown" and KITS[k].unknown or w in KITS[k].refusals for w in wanted)]


@pytest.mark.parametrize("kind", answering("unknown"))
def test_an_event_nobody_knows_is_accepted_and_is_nobodys_message(kind):
    connector, kit = webhook(kind)
    accepted = connector.accept(kit.call(kit.unknown))
    for raw in accepted.raws:
        assert not [i for i in connector.parse(raw) if isinstance(i, InboundMessage)]


# --- the network ---------------------------------------------------------------------------------------------


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port nobody listens on, for as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def outbound(kind: str) -> Outbound:
    recipient = KITS[kind].recipient
    assert recipient, f"the kit of {kind} needs a recipient"
    return Outbound(1, (recipient,), "Xin chào", message_id="m-1@desk.example", subject="Xin chào")


def says_no_secret(error: ConnectorError) -> None:
    said = f"{error} {error!r} {error.__cause__!r}"
    assert CANARY not in said
    assert str(error).strip() and "Traceback" not in str(error)


@pytest.mark.parametrize("kind", able(Sends))
def test_a_refused_connection_is_a_temporary_failure_when_sending(kind, closed_port, caplog):
    caplog.set_level(logging.DEBUG)
    connector = registry.build(kind, KITS[kind].config(port=closed_port))
    with pytest.raises(TemporaryFailure) as failure:
        connector.send(outbound(kind))
    says_no_secret(failure.value)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("kind", able(Listens))
def test_a_refused_connection_is_a_temporary_failure_when_listening(kind, closed_port, caplog):
    caplog.set_level(logging.DEBUG)
    connector = registry.build(kind, KITS[kind].config(port=closed_port))
    with pytest.raises(TemporaryFailure) as failure:
        next(connector.listen({}, threading.Event()))
    says_no_secret(failure.value)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("kind", able(Listens))
def test_a_listener_told_to_stop_before_it_began_ends(kind, closed_port):
    stop = threading.Event()
    stop.set()
    connector = registry.build(kind, KITS[kind].config(port=closed_port))
    with contextlib.suppress(TemporaryFailure):  # it may try the connection first
        assert all(not batch.raws for batch in connector.listen({}, stop))


@pytest.mark.parametrize("kind", able(Sends))
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_private_address_is_refused_unless_admitted(kind, host, closed_port):
    connector = registry.build(kind, KITS[kind].config(host, closed_port, private=False))
    with pytest.raises(PermanentFailure) as failure:
        connector.send(outbound(kind))
    assert not failure.value.address_dead, "the customer's address is not to blame"
    says_no_secret(failure.value)


@pytest.mark.parametrize("kind", able(contract.Tests))
def test_testing_a_connection_that_is_refused_says_so_in_a_step(kind, closed_port):
    steps = list(registry.build(kind, KITS[kind].config(port=closed_port)).test())
    assert steps and not steps[-1].ok, "the last step is the one that failed"
    assert all(step.ok for step in steps[:-1]) and all(step.name for step in steps)
    assert CANARY not in repr(steps)


class FarSide:
    """Answers every request alike; `status` 0 takes the request and breaks the connection."""

    def __init__(self, status: int, body: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                if status:
                    self.send_response(status)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = True

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> int:
        self.thread.start()
        return self.server.server_address[1]

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(60)


def told(kind: str, status: int, body: bytes) -> contract.Receipt | ConnectorError:
    """What sending one message comes to when the far side answers so."""
    with FarSide(status, body) as port:
        try:
            return registry.build(kind, KITS[kind].config(port=port)).send(outbound(kind))
        except ConnectorError as error:
            says_no_secret(error)
            return error


SPEAKING = [kind for kind in KINDS if KITS[kind].accepted]


@pytest.mark.parametrize("kind", SPEAKING)
def test_a_message_that_was_taken_has_a_receipt_with_its_id(kind):
    receipt = told(kind, 200, KITS[kind].accepted)
    assert isinstance(receipt, contract.Receipt) and receipt.external_id


@pytest.mark.parametrize("kind", SPEAKING)
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"[" * 50_000], ids=["html", "empty", "array", "deep"])
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(kind, body):
    assert isinstance(told(kind, 200, body), OutcomeUnknown)


@pytest.mark.parametrize("kind", SPEAKING)
def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(kind):
    assert isinstance(told(kind, 0, b""), OutcomeUnknown)


@pytest.mark.parametrize("kind", SPEAKING)
def test_trouble_of_the_far_side_is_worth_another_try(kind):
    assert isinstance(told(kind, 503, b"<html>"), TemporaryFailure)


@pytest.mark.parametrize("kind", [kind for kind in able(Sends) if isinstance(made(kind), Accepts)])
def test_its_kit_knows_what_the_far_side_can_refuse(kind):
    """So that no kind is left out of the tests below: all of these can ask to wait; a window can be closed."""
    limits = registry.kind(kind).limits
    assert {"rate"} | ({"window"} if limits.reply_window_hours else set()) <= set(KITS[kind].refusals)


@pytest.mark.parametrize("kind", answering("rate"))
def test_a_limit_is_obeyed(kind):
    failure = told(kind, *KITS[kind].refusals["rate"])
    assert isinstance(failure, TemporaryFailure) and failure.retry_after and failure.retry_after > 0


@pytest.mark.parametrize("kind", answering("expired"))
def test_an_expired_token_blames_nobody_but_us(kind):
    failure = told(kind, *KITS[kind].refusals["expired"])
    assert isinstance(failure, PermanentFailure) and not failure.address_dead and not failure.blocked
    assert "token" in str(failure)


@pytest.mark.parametrize("kind", answering("blocked"))
def test_somebody_who_shut_the_door_is_not_knocked_at_again(kind):
    failure = told(kind, *KITS[kind].refusals["blocked"])
    assert isinstance(failure, PermanentFailure) and failure.blocked


@pytest.mark.parametrize("kind", answering("window"))
def test_a_closed_window_says_so_and_is_nobodys_fault(kind):
    failure = told(kind, *KITS[kind].refusals["window"])
    assert isinstance(failure, PermanentFailure) and not failure.address_dead and not failure.blocked
    limits = registry.kind(kind).limits
    assert limits.reply_window_hours and limits.windows and limits.after_window
    assert [w.hours for w in limits.windows] == sorted(w.hours for w in limits.windows)


@pytest.mark.parametrize("kind", able(contract.Fetches))
def test_a_file_that_is_too_large_is_named_with_the_reason(kind, closed_port):
    connector = registry.build(kind, KITS[kind].config(port=closed_port))
    huge = contract.File("phim.mp4", "video/mp4", size_bytes=10**12, ref=f"http://127.0.0.1:{closed_port}/x")
    found = connector.fetch(huge)
    assert found.data is None and found.problem and found.filename == "phim.mp4"


# --- an agent's form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", able(Logs))
def test_a_good_form_is_a_message(kind):
    message = made(kind).read(KITS[kind].form)
    assert isinstance(message, InboundMessage)
    holds_together(made(kind), message)


@pytest.mark.parametrize("kind", able(Logs))
def test_a_bad_form_names_the_field(kind):
    with pytest.raises(ValueError) as error:
        made(kind).read({})
    field, sentence = error.value.args
    assert field and sentence[0].isupper() and sentence.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_normalising_is_idempotent(kind):
    connector, recipient = made(kind), KITS[kind].recipient
    value = recipient.value if recipient else "0912345678" if kind == "phone" else "v-1"
    once = connector.normalise(value)
    assert connector.normalise(once) == once
    assert isinstance(Address(connector.identity_kind, once, connector.identity_scope), Address)
