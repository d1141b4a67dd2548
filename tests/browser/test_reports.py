"""Reports and the survey page in a real browser: without script, on a phone, in the dark, with axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import Agent, Invitation, Response, Ticket
from helpdesk.services import own_links, surveys, tickets
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work
from tests.reports.conftest import built_shop
from tests.servers.browser import DESKTOP, PHONE, assert_accessible

pytestmark = pytest.mark.browser

NOVEMBER = "from=2026-11-01&to=2026-11-21"


@pytest.fixture
def boss(make: Any) -> Agent:
    with built_shop(make) as shop:
        return shop.admin


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_supervisor_reads_a_number_and_sees_the_tickets_behind_it(boss: Agent, sign_in: Callable[..., Page]) -> None:
    page = sign_in(boss, f"/reports/?{NOVEMBER}")
    expect(page.get_by_role("heading", name="SLA and satisfaction")).to_be_visible()
    expect(page.get_by_role("link", name="First reply in time")).to_contain_text("55.6")
    expect(page.get_by_role("img", name="Ratings: 5, 1; 4, 1; 3, 1; 2, 0; 1, 1")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("region", name="By team").get_by_role("link", name="5", exact=True).click()
    expect(page.get_by_role("heading", name="Tickets: 5")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(6)
    assert_accessible(page)
    page.get_by_role("link", name="Back to the report").click()
    page.locator("summary", has_text="All teams").click()
    page.get_by_label("Team", exact=True).select_option("Returns")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("link", name="Tickets", exact=False).first).to_be_visible()
    assert "team=" in page.url
    with page.expect_download() as download:
        page.locator("summary", has_text="Export").click()
        page.get_by_role("link", name="By team (CSV)").click()
    assert download.value.suggested_filename == "overview-teams-2026-11-01-2026-11-21.csv"


@pytest.mark.looks
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_report_fits_a_phone_and_passes_axe(boss: Agent, sign_in: Callable[..., Page], scheme: str) -> None:
    page = sign_in(boss, f"/reports/?{NOVEMBER}", viewport=PHONE, color_scheme=scheme)
    for tab in ("", "sla", "csat", "agents", "list/ratings"):
        page.goto(f"/reports/{tab}?{NOVEMBER}")
        assert fits(page), tab
        assert_accessible(page)


@pytest.fixture
def asked(make: Any) -> str:
    """The token of a survey that was sent to an English speaker."""
    with unit_of_work() as work:
        desk_settings.put(work, "survey.csat.delay_minutes", 0)
        desk_settings.put(work, "survey.quiet_from", 0)
        desk_settings.put(work, "survey.quiet_until", 0)
        desk_settings.put(work, "brand.name", "Đồi Gió")
        desk_settings.put(work, "brand.colour", "#7a3b2e")
    viewer = make.viewer("agent", name="Linh")
    got = make.inbound(make.channel("widget"), "Teapot lid arrived cracked", sender=Address("widget", "lan"))
    with unit_of_work(actor=viewer.actor) as work:
        ticket = work.session.get_one(Ticket, got.ticket_id)
        ticket.customer.locale = "en"
        tickets.set_status(work, viewer, ticket, "solved")
    with unit_of_work() as work:
        invitation = work.session.scalars(select(Invitation)).one()
        surveys.send(work, invitation.id)
        return invitation.token


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_rating_without_script_by_keyboard(browser: Browser, live: str, asked: str, viewport: Any, scheme: Any) -> None:
    context = browser.new_context(base_url=live, viewport=viewport, color_scheme=scheme, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/s/{asked}?score=4")
    expect(page.get_by_role("heading", name="How was our help about “Teapot lid arrived cracked”?")).to_be_visible()
    expect(page.get_by_role("radio", name="4, Good")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Slow")).to_be_hidden()
    page.get_by_role("radio", name="4, Good").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="2, Poor")).to_be_checked()
    page.get_by_role("checkbox", name="Slow").check()
    page.get_by_role("textbox", name="Anything to add?").fill("Nine days!")
    db.session.rollback()
    assert db.session.scalar(select(Response.id)) is None
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Thank you for telling us.")).to_be_visible()
    db.session.rollback()
    stored = db.session.scalars(select(Response)).one()
    assert (stored.score, stored.reason_code, stored.comment) == (2, "slow", "Nine days!")
    context.close()


@pytest.mark.looks
def test_the_survey_pages_pass_axe(browser: Browser, live: str, asked: str) -> None:
    for viewport, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
        context = browser.new_context(base_url=live, viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        for address in (f"/s/{asked}", f"/s/{asked}?score=2", f"/u/{asked}", "/s/forged"):
            page.goto(address)
            assert fits(page), address
            assert_accessible(page)
        context.close()


@pytest.mark.looks
def test_own_requests_and_help_pass_axe_and_work_without_script(browser: Browser, live: str, make: Any) -> None:
    mail = make.channel("email", config={"address": "hello@shop.example", "smtp_host": "127.0.0.1", "smtp_port": 1})
    lan = Address("email", "lan@mail.example", name="Lan")
    got = make.inbound(mail, "The lid arrived cracked", subject="Teapot " + "x" * 200, sender=lan)
    with unit_of_work() as work:
        ticket = work.session.get_one(Ticket, got.ticket_id)
        ticket.customer.locale = "en"
        one, every = (own_links.path(ticket.identity_id or 0, id_, work.now) for id_ in (ticket.id, 0))
    for viewport, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
        context = browser.new_context(base_url=live, viewport=viewport, color_scheme=scheme, locale="en-US")
        page = context.new_page()
        for address in (one, every, "/help", "/p/forged"):
            page.goto(address)
            assert fits(page), address
            assert_accessible(page)
        context.close()
    context = browser.new_context(base_url=live, viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(every)
    page.get_by_role("link", name="Teapot").click()
    page.get_by_role("textbox", name="Your answer").fill("Here is a picture of it.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text("We have your message")
    expect(page.get_by_role("listitem").last).to_contain_text("Here is a picture of it.")
    context.close()
