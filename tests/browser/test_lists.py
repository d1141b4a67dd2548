"""Lists, notices, search and outages as agents meet them in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from connectors.contract import Address
from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Agent, EventRow, Lease, Ticket, View
from helpdesk.services import replies, tickets
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.processes.running import until
from tests.servers.browser import PHONE, assert_accessible

SignIn = Callable[..., Page]
SHELF = ("Ấm trà bị nứt nắp", "Shop ơi em chờ ba ngày rồi", "Do you ship to Singapore?", "Xin hoá đơn đỏ")


@pytest.fixture
def shop(make: Any) -> Any:
    class Shop:
        channel = make.channel("widget")
        linh = make.agent("admin", name="Trần Linh")
        minh = make.agent("agent", name="Minh Hoàng")

        def says(self, text: str, who: str = "lan") -> Any:
            return make.inbound(self.channel, text, sender=Address("widget", f"v-{who}", name=who.title()))

        def fill(self, count: int = 4) -> None:
            for i in range(count):
                self.says(SHELF[i % 4], f"customer{i}")

        def does(self, agent: Agent, number: int, act: Any) -> None:
            with unit_of_work(actor=f"agent:{agent.id}") as work:
                ticket = work.session.query(Ticket).filter_by(number=number).one()
                act(work, viewer_of(work.session.merge(agent)), ticket)

    return Shop()


def rows(page: Page) -> Any:
    return page.get_by_role("list", name="Tickets").get_by_role("listitem")


def listens(page: Page) -> None:
    page.wait_for_function("() => window.hdLive?.connected")


def shown(page: Page) -> list[str]:
    """Tickets of the list from top to bottom, with what each row says of its state, and the counts beside it."""
    script = """() => [
        ...[...document.querySelectorAll('#rows > [data-id]')].map((r) => `${r.dataset.number} ${r.dataset.status}`),
        ...[...document.querySelectorAll('.hd-nav [data-count]')].map((c) => `${c.dataset.count} ${c.textContent}`),
    ]"""
    found: list[str] = page.evaluate(script)
    return found


def test_notices_are_counted_and_read_on_every_device(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    desk, phone = sign_in(shop.minh), sign_in(shop.minh, viewport=PHONE)
    listens(desk)
    listens(phone)
    shop.does(shop.linh, 1001, lambda work, me, t: tickets.assign(work, me, t, shop.minh.id))
    shop.does(
        shop.linh, 1002, lambda work, me, t: replies.note(work, me, t, Written(text="@Minh"), mentions=[shop.minh.id])
    )
    bell = desk.locator("[data-bell] summary")
    expect(bell).to_have_text(re.compile("Notices, 2 unread"))
    expect(phone.locator("[data-unread]").first).to_have_text("2")
    bell.click()
    listed = desk.get_by_role("list", name="Notices")
    expect(listed.get_by_role("listitem")).to_have_count(2)
    listed.get_by_role("link", name=re.compile("mentioned you")).click()
    expect(desk.get_by_role("heading", name=SHELF[1])).to_be_visible()
    expect(phone.locator("[data-unread]").first).to_have_text("1")
    bell.click()
    desk.get_by_role("button", name="Mark all as read").click()
    expect(phone.locator("[data-unread]").first).to_be_hidden()


def test_a_list_is_narrowed_by_clicking_and_kept_as_a_view(shop: Any, sign_in: SignIn) -> None:
    shop.fill(3)
    shop.does(shop.linh, 1002, lambda work, me, t: tickets.set_priority(work, me, t, "urgent"))
    linh = sign_in(shop.linh, "/?view=open")
    linh.locator("[data-filter-menu] summary").first.click()
    linh.locator("[data-condition=priority] summary").click()
    linh.get_by_role("checkbox", name="Urgent").check()
    linh.get_by_role("checkbox", name="High").check()
    linh.get_by_role("button", name="Filter", exact=True).last.click()
    expect(rows(linh)).to_have_count(1)
    expect(linh.get_by_role("group", name="Filters")).to_contain_text("Priority is")
    linh.get_by_role("button", name="Save as view").click()
    dialog = linh.get_by_role("dialog", name="Save as view")
    dialog.get_by_role("textbox", name="Name").fill("Burning")
    dialog.get_by_role("combobox", name="Who sees it").select_option("all")
    dialog.get_by_role("button", name="Save").click()
    views = sign_in(shop.minh).get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name=re.compile("Burning"))).to_contain_text("1")

    # Changed where it stands, and saved again.
    linh.get_by_role("button", name=re.compile("Change filter Priority")).click()
    linh.get_by_role("checkbox", name="Normal").check()
    linh.get_by_role("button", name="Filter", exact=True).last.click()
    expect(rows(linh)).to_have_count(3)
    linh.get_by_role("button", name="Save changes to Burning").click()
    expect(rows(linh)).to_have_count(3)
    expect(views.get_by_role("link", name=re.compile("Burning"))).to_be_visible()


def test_many_are_chosen_by_keys_changed_and_taken_back(shop: Any, sign_in: SignIn) -> None:
    shop.fill(24)  # more than one step
    linh = sign_in(shop.linh, "/?view=open")
    expect(rows(linh)).to_have_count(24)
    linh.keyboard.press("j")
    linh.keyboard.press("x")
    for _ in range(22):
        linh.keyboard.press("j")
    linh.keyboard.press("Shift+X")
    bar = linh.get_by_role("toolbar", name="Bulk actions")
    expect(bar).to_contain_text("23 selected")
    bar.get_by_role("button", name="Assign to me").click()
    expect(linh.get_by_text("Changed: 23")).to_be_visible()
    db.session.rollback()
    assert db.session.query(Ticket).filter_by(assignee_id=shop.linh.id).count() == 23
    linh.keyboard.press("z")
    expect(linh.get_by_text("Taken back: 23")).to_be_visible()
    db.session.rollback()
    assert db.session.query(Ticket).filter_by(assignee_id=shop.linh.id).count() == 0


def test_the_whole_list_is_chosen_also_what_is_not_loaded(shop: Any, sign_in: SignIn) -> None:
    shop.fill(60)
    shop.says("Not of the list", "closed")
    shop.does(shop.minh, 1061, lambda work, me, t: tickets.set_status(work, me, t, "solved"))
    linh = sign_in(shop.linh, "/?view=open")
    linh.keyboard.press("j")
    linh.keyboard.press("x")
    bar = linh.get_by_role("toolbar", name="Bulk actions")
    bar.get_by_role("checkbox", name="Select all").check()
    loaded = rows(linh).locator("[data-check]").count()
    assert loaded < 60
    bar.get_by_role("button", name="Select the whole list").click()
    expect(bar).to_contain_text("60 selected")
    linh.keyboard.press("p")
    linh.keyboard.type("urgent")
    linh.keyboard.press("Enter")
    expect(linh.get_by_text("Changed: 60")).to_be_visible()
    db.session.rollback()
    assert db.session.query(Ticket).filter_by(priority="urgent").count() == 60
    linh.get_by_role("button", name="Undo", exact=True).click()
    expect(linh.get_by_text("Taken back: 60")).to_be_visible()
    db.session.rollback()
    assert db.session.query(Ticket).filter_by(priority="urgent").count() == 0


def test_counts_of_saved_views_follow_while_the_page_is_open(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    with unit_of_work() as work:
        work.session.add(View(name="Urgent ones", filter={"view": "open", "priority": "urgent"}, position=1))
    linh = sign_in(shop.linh, "/?view=open")
    listens(linh)
    view = linh.get_by_role("navigation", name="Views").get_by_role("link", name=re.compile("^Urgent ones"))
    expect(view.locator("[data-count]")).to_have_text("")
    shop.does(shop.minh, 1002, lambda work, me, t: tickets.set_priority(work, me, t, "urgent"))
    expect(view).to_contain_text("1")


def quarter_of_an_hour(work: Any, ticket_id: int) -> None:
    """More happened than is told one by one: the page starts afresh."""
    events = [{"type": "tags_changed", "ticket_id": ticket_id, "data": {}, "created_at": work.now} for _ in range(520)]
    work.session.execute(insert(EventRow), events)


@pytest.mark.parametrize("long", [False, True], ids=["a while", "a quarter of an hour"])
def test_after_an_outage_the_page_equals_a_fresh_one(long: bool, shop: Any, sign_in: SignIn) -> None:
    shop.fill(3)
    linh = sign_in(shop.linh, "/?view=open")
    listens(linh)
    linh.get_by_role("link", name=re.compile(SHELF[0])).click()
    expect(linh.get_by_role("textbox", name="Reply")).to_be_visible()
    linh.get_by_role("textbox", name="Reply").fill("half a sentence")
    linh.context.set_offline(True)
    expect(linh.get_by_text("No connection. What you write is kept")).to_be_visible()
    for i in range(3):
        shop.says(f"While you were away {i}", f"new{i}")
    shop.says("And one more thing", "customer0")
    shop.does(shop.minh, 1002, lambda work, me, t: tickets.set_status(work, me, t, "solved"))
    if long:
        shop.does(shop.minh, 1001, lambda work, me, t: quarter_of_an_hour(work, t.id))
    linh.context.set_offline(False)
    expect(linh.get_by_text("And one more thing").first).to_be_visible()
    expect(linh.locator("#live-bar")).to_be_hidden()
    expect(linh.get_by_role("textbox", name="Reply")).to_have_value("half a sentence")
    expect(linh.get_by_role("log")).to_contain_text("And one more thing")
    fresh = sign_in(shop.linh, "/?view=open")
    expect(rows(fresh)).to_have_count(5)

    def as_fresh() -> bool:
        linh.evaluate("() => document.querySelector('[data-newer]:not([hidden])')?.click()")
        mine, wanted = shown(linh), shown(fresh)
        return set(mine) == set(wanted) and [r for r in mine if r[0] != "v"] == [r for r in wanted if r[0] != "v"]

    until(as_fresh, what="the page of a fresh load")


def test_the_bar_says_that_the_worker_has_stopped_and_when_it_is_back(shop: Any, sign_in: SignIn) -> None:
    with unit_of_work() as work:
        long_ago = work.now - timedelta(minutes=5)
        work.session.add(Lease(name="worker:deliveries", until=long_ago, beat_at=long_ago))
    linh = sign_in(shop.linh)
    expect(linh.get_by_text("the worker has stopped")).to_be_visible()
    with unit_of_work() as work:
        work.session.get_one(Lease, "worker:deliveries").beat_at = work.now
    shop.says("Hello")
    expect(linh.get_by_text("the worker has stopped")).to_be_hidden()


def test_arrivals_are_announced_and_a_ticket_is_answered_without_a_mouse(shop: Any, sign_in: SignIn) -> None:
    linh = sign_in(shop.linh)
    listens(linh)
    shop.says("Ấm trà bị nứt nắp", "lan")
    expect(linh.locator("#announce")).to_have_text(re.compile("New ticket: Lan: Ấm trà"))
    linh.keyboard.press("j")
    linh.keyboard.press("Enter")
    expect(linh.get_by_role("heading", name="Ấm trà bị nứt nắp")).to_be_visible()
    # A key that belongs to a syllable being composed (Telex, VNI) triggers nothing.
    linh.evaluate("""() => document.body.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'e', isComposing: true, bubbles: true }))""")
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("new")
    linh.keyboard.press("i")
    linh.keyboard.press("r")
    expect(linh.get_by_role("textbox", name="Reply")).to_be_focused()
    linh.keyboard.type("Em gửi nắp mới hôm nay ạ.")
    linh.keyboard.press("Control+Enter")
    expect(linh.get_by_role("log").get_by_text("Em gửi nắp mới hôm nay ạ.")).to_be_visible()
    linh.keyboard.press("Escape")
    linh.keyboard.press("e")
    expect(linh.get_by_role("combobox", name="Status")).to_have_value("solved")


def test_the_search_box_completes_by_keys(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    shop.does(shop.linh, 1001, lambda work, me, t: tickets.assign(work, me, t, shop.minh.id))
    linh = sign_in(shop.linh)
    linh.keyboard.press("/")
    box = linh.get_by_role("searchbox", name="Search")
    expect(box).to_be_focused()
    linh.keyboard.type("assi")
    expect(linh.get_by_role("option", name=re.compile("assignee:"))).to_be_visible()
    linh.keyboard.press("ArrowDown")
    linh.keyboard.press("Enter")
    expect(box).to_have_value("assignee:")
    linh.keyboard.type("minh")
    option = linh.get_by_role("option", name=re.compile("Minh Hoàng"))
    expect(option).to_be_visible()
    linh.keyboard.press("ArrowDown")
    linh.keyboard.press("Enter")
    expect(box).to_have_value('assignee:"Minh Hoàng" ')
    linh.keyboard.press("Enter")
    found = linh.get_by_role("region", name="Tickets").get_by_role("listitem")
    expect(found).to_have_count(1)
    expect(found).to_contain_text(SHELF[0])


def test_without_a_connection_no_old_ticket_is_shown(shop: Any, sign_in: SignIn) -> None:
    shop.fill(1)
    linh = sign_in(shop.linh, "/tickets/1001")
    linh.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    linh.wait_for_function("() => caches.keys().then((names) => names.length === 1)")
    kept = linh.evaluate("""async () => {
        const [name] = await caches.keys();
        const kept = await (await caches.open(name)).keys();
        return kept.map((r) => new URL(r.url).pathname);
    }""")
    assert "/offline" in kept and all(p == "/offline" or p.startswith("/static/dist/") for p in kept), kept
    manifest = linh.evaluate("() => fetch('/manifest.webmanifest').then((r) => r.json())")
    assert {i["sizes"] for i in manifest["icons"]} == {"192x192", "512x512"} and manifest["display"] == "standalone"
    linh.context.set_offline(True)
    linh.goto("/tickets/1001")
    expect(linh.get_by_role("heading", name="No connection")).to_be_visible()
    assert SHELF[0] not in linh.content()
    linh.context.set_offline(False)


def test_on_a_tablet_views_and_customer_are_drawers(shop: Any, sign_in: SignIn) -> None:
    shop.fill(3)
    for width, height in ((820, 1180), (1024, 768)):
        page = sign_in(shop.linh, "/tickets/1001", viewport={"width": width, "height": height}, has_touch=True)
        expect(page.get_by_role("list", name="Tickets")).to_be_visible()
        expect(page.get_by_role("textbox", name="Reply")).to_be_in_viewport()
        views, customer = page.get_by_role("navigation", name="Views"), page.get_by_role("region", name="Customer")
        expect(views).to_be_hidden()
        expect(customer).to_be_hidden()
        page.get_by_role("button", name="Customer panel").click()
        expect(customer).to_be_visible()
        customer.get_by_role("button", name="Close").click()
        expect(customer).to_be_hidden()
        page.get_by_role("button", name="Open views").click()
        views.get_by_role("link", name=re.compile("^Unassigned")).click()
        expect(page.get_by_role("heading", name="Unassigned")).to_be_visible()
        expect(views).to_be_hidden()


@pytest.mark.looks
def test_at_320_pixels_and_at_200_percent_nothing_needs_scrolling_sideways(shop: Any, sign_in: SignIn) -> None:
    shop.fill(2)
    page = sign_in(shop.linh)
    paths = ("/?view=open&priority=normal,high", "/tickets/1001", "/me/notices", "/views", "/notices", "/search")
    for path, width in [(p, w) for p in paths for w in (320, 720)]:
        page.set_viewport_size({"width": width, "height": 640})
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


@pytest.mark.looks
def test_axe_finds_nothing_in_either_language_or_theme(shop: Any, make: Any, sign_in: SignIn) -> None:
    shop.fill(3)
    for locale, scheme in (("en", "light"), ("vi", "dark")):
        agent = make.agent("admin", name=f"Lý Mai {locale}", locale=locale)
        shop.does(shop.minh, 1001, lambda work, me, t, a=agent: tickets.assign(work, None, t, a.id))
        page = sign_in(agent, "/?view=open&priority=normal", color_scheme=scheme)
        page.locator("[data-filter-menu] summary").first.click()
        page.locator("[data-condition=status] summary").click()
        assert_accessible(page)
        page.keyboard.press("Escape")
        page.locator("[data-bell] summary").click()
        page.locator(".hd-notice").first.wait_for()
        assert_accessible(page)
        page.locator("[data-bell] summary").click()
        page.locator("[data-select-many]").click()
        page.locator("[data-check]").first.check()
        assert_accessible(page)
        for path in ("/me/notices", "/notices", "/search?q=tra", "/offline"):
            page.goto(path)
            assert_accessible(page)
        page.set_viewport_size({"width": 820, "height": 1180})
        page.goto("/tickets/1001")
        page.locator("#aside .hd-ids").wait_for(state="attached")
        assert_accessible(page)
