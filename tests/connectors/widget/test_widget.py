"""Who may embed the widget, and whose word is taken for who they are."""

from __future__ import annotations

import pytest

from connectors.contract import ChannelConfig, InPlace, Rates, Sends
from connectors.widget.connector import Widget

OWN = "https://desk.example"


def widget(**settings: object) -> Widget:
    return Widget(ChannelConfig(1, "w-1", "Site", settings))


def test_it_is_read_in_place_and_rated_in_place():
    assert isinstance(widget(), InPlace) and isinstance(widget(), Rates) and not isinstance(widget(), Sends)


@pytest.mark.parametrize(
    ("allowed", "origin", "may"),
    [
        ("", OWN, True),
        ("", "https://desk.example:443", True),
        ("", "http://desk.example", False),
        ("", "https://shop.example", False),
        ("shop.example", "https://shop.example", True),
        ("shop.example", "http://shop.example", True),
        ("shop.example", "https://shop.example:8443", False),
        ("shop.example:8443", "https://shop.example:8443", True),
        ("shop.example", "https://www.shop.example", False),
        ("shop.example", "https://evilshop.example", False),
        ("shop.example", "https://shop.example.evil.example", False),
        ("*.shop.example", "https://www.shop.example", True),
        ("*.shop.example", "https://shop.example", False),
        ("*.shop.example", "https://xshop.example", False),
        ("https://shop.example", "https://shop.example", True),
        ("https://shop.example", "http://shop.example", False),
        ("a.example\nSHOP.example/\n", "https://shop.example", True),
        ("shop.example", "https://shop.example@evil.example", False),
        ("shop.example", "null", False),
        ("shop.example", "", False),
        ("shop.example", "https://shop.example:99999", False),
        ("shop.example", "file://shop.example", False),
        ("*", "null", True),
        ("*", "https://any.example", True),
    ],
)
def test_origins(allowed, origin, may):
    assert widget(allowed_domains=allowed).origin_allowed(origin, OWN) is may


def test_frame_ancestors_say_the_same_and_cannot_be_broken_out_of():
    assert widget().frame_ancestors() == ("'self'",)
    assert widget(allowed_domains="*").frame_ancestors() == ("*",)
    broken = "shop.example\nx;script-src\n'unsafe-inline'\nchữ.example"
    assert widget(allowed_domains=broken).frame_ancestors() == ("'self'", "shop.example")


def test_the_reference_signature_is_ours():
    signed = "7bf8c047500e2f49a98a3dc4137cab592027b7c9e754699cdc5947e75fc32fbe"
    site = widget(identity_secret="widget_hmac_token_0001")
    assert site.verify_identity("user-42", "lan@khach.example", signed)
    assert site.verify_identity("user-42", "", signed.upper())


@pytest.mark.parametrize(
    ("user_id", "email", "signature"),
    [
        ("user-43", "", "7bf8c047500e2f49a98a3dc4137cab592027b7c9e754699cdc5947e75fc32fbe"),
        ("", "user-42@x.example", "7bf8c047500e2f49a98a3dc4137cab592027b7c9e754699cdc5947e75fc32fbe"),
        ("user-42", "", ""),
        ("user-42", "", "chữ"),
        ("", "", "33d520b8582054457c11b44a2a1b1e9e1df26dcdad78b417ae5c6bf0b9c457e8"),
    ],
)
def test_a_wrong_signature_proves_nothing(user_id, email, signature):
    assert not widget(identity_secret="widget_hmac_token_0001").verify_identity(user_id, email, signature)


def test_without_a_secret_nobody_is_verified():
    empty_key = "a23888e155f086b93aa1a5a0a0e63b96c680c1a11628a841bb45511e2dc69ca2"
    assert not widget().verify_identity("user-42", "", empty_key)
    assert not widget(identity_secret="").verify_identity("user-42", "", empty_key)
