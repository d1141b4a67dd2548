"""First run, signing in and settings in a real browser: by roles and names, by keyboard, on a phone, with axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from connectors.email import probe
from connectors.email.providers import Found, Server
from helpdesk.services import desk_defaults
from helpdesk.unit_of_work import unit_of_work
from tests.factories import PASSWORD
from tests.servers.browser import DESKTOP, PHONE, WAIT_MS, assert_accessible
from tests.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.browser

PAGES = (
    "/settings/general", "/settings/brand", "/settings/people", "/settings/people/new", "/settings/teams",
    "/settings/channels", "/settings/channels/new/email", "/settings/channels/new/widget", "/settings/hours",
    "/settings/hours/new", "/settings/sla", "/settings/sla/new", "/settings/surveys", "/settings/reasons",
    "/settings/tags", "/settings/macros/new", "/settings/tokens", "/settings/health",
    "/me", "/me/security", "/me/sessions", "/me/two-factor",
)  # fmt: skip


@pytest.fixture
def anonymous(browser: Browser, live: str) -> Any:
    context = browser.new_context(base_url=live, viewport=DESKTOP, locale="en-GB")
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def test_from_nothing_to_a_connected_widget_in_under_two_minutes(anonymous: Page) -> None:
    page = anonymous
    page.goto("/")
    expect(page.get_by_role("heading", name="Set up your helpdesk")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Your name").fill("Hoàng Minh")
    page.get_by_role("textbox", name="Email").fill("minh@doigio.example")
    page.get_by_label("Password").fill("short")
    page.get_by_label("Name of the business").fill("Đồi Gió")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Use at least 8 characters.")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Hoàng Minh")
    page.get_by_label("Password").fill("con đường xưa em đi")
    page.get_by_role("radio", name="Chat widget").check(force=True)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("is connected")).to_be_visible()
    assert "<script async src=" in page.get_by_label("Script tag").input_value()
    assert_accessible(page)
    page.get_by_role("link", name="Open the inbox").click()
    expect(page.get_by_role("heading", name="Needs reply")).to_be_visible()


def test_sign_in_and_out_by_keyboard(anonymous: Page, make: Any) -> None:
    agent = make.agent()
    page = anonymous
    page.goto("/me")
    assert_accessible(page)
    page.keyboard.type(agent.email)  # the first field has the focus
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That email and password do not match.")
    expect(page.get_by_label("Email")).to_have_value(agent.email)
    page.keyboard.type(PASSWORD)  # after an error the password has it
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    page.get_by_label("Account:").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.looks
@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize(
    "options", [{"theme": "light"}, {"theme": "dark", "locale": "vi"}], ids=["light-en", "dark-vi"]
)
def test_axe_finds_nothing_serious(sign_in: Callable[..., Page], make: Any, options: dict[str, str], part: int) -> None:
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
    make.team("Sales")
    page = sign_in(make.agent("admin", **options), "/me")
    for path in PAGES[part::4]:
        page.goto(path)
        assert_accessible(page)


@pytest.mark.looks
def test_nothing_is_wider_than_a_phone(sign_in: Callable[..., Page], make: Any) -> None:
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
    page = sign_in(make.agent("admin"), "/me", viewport=PHONE)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), path
        expect(page.get_by_role("navigation", name="Settings").get_by_role("link").first).to_be_visible()


def test_the_steps_of_a_connection_test_appear(
    sign_in: Callable[..., Page], make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without reloading: what was typed, secrets too, is still in the form; what would work is one press away."""
    with SmtpSink() as sink:
        known = Found(smtp=Server(sink.host, sink.port, "none"))
        monkeypatch.setattr(probe, "detect", lambda *_: known)
        page = sign_in(make.agent("admin"), "/settings/channels/new/email")
        outgoing = page.get_by_role("group", name="Outgoing mail (SMTP)")
        page.get_by_label("Address", exact=True).fill("hello@doigio.example")
        outgoing.get_by_label("Server").fill("smtp.doigio.invalid")
        outgoing.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Test connection").click()
        panel = page.get_by_role("region", name="Test connection")
        panel.get_by_role("button", name=f"Use {sink.host} · {sink.port} · none and test again").click()
        expect(outgoing.get_by_label("Server")).to_have_value(sink.host)
        expect(outgoing.get_by_label("Security")).to_have_value("none")
        expect(panel.get_by_role("listitem").last).to_contain_text(
            "two-factor login most providers ask for an app password"
        )
        expect(panel.get_by_role("listitem").first).to_contain_text("SMTP: name")
        expect(panel).to_be_in_viewport()
        expect(outgoing.get_by_label("Password")).to_have_value("wrong")
        expect(page.get_by_text("Changes are not saved")).to_be_visible()
        outgoing.get_by_label("Password").fill(sink.password)
        page.get_by_role("button", name="Test connection").click()
        expect(panel.get_by_role("listitem").last).to_contain_text("The server takes our mail.")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_text("Never shown again, not even to you.")).to_be_visible()
        assert f'"{sink.password}"' not in page.content()
