"""The navigation every page carries: views, saved views, pages, and the words that scripts need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from flask import current_app, g, request, url_for
from flask_babel import get_locale, gettext

from helpdesk.access import Viewer
from helpdesk.extensions import db
from helpdesk.inbox.shelves import VIEWS
from helpdesk.models import View
from helpdesk.services import settings as desk_settings
from helpdesk.services import views

_BUILT = "helpdesk.navigation"
_COUNTED = "helpdesk.view_counts"
_SAVED = "helpdesk.saved_views"


@dataclass
class Item:
    key: str
    name: str
    symbol: str
    url: str
    current: bool = False
    counted: bool = False
    count: int = 0


@dataclass
class Navigation:
    brand: str
    shadow: bool  # the whole desk only receives
    role: str
    search_url: str
    profile_url: str
    logout_url: str
    views: list[Item] = field(default_factory=list)
    saved: list[Item] = field(default_factory=list)
    pages: list[Item] = field(default_factory=list)


# Endpoint, words, icon, what one must be allowed to. The page of an endpoint that is not there is left out.
_PAGES = (
    ("customers.index", lambda: gettext("Customers"), "users", "work"),
    ("reports.index", lambda: gettext("Reports"), "chart-bar", "reports"),
    ("reports.board", lambda: gettext("Live board"), "device-tv", "board"),
    ("settings.index", lambda: gettext("Settings"), "settings", "settings"),
)

_NOBODYS = ("customers.search", "customers.new_message", "customers.new_call")


def navigation() -> Navigation:
    """Built once a request; counts are there only where the page computed them (others fetch them after paint)."""
    found: Navigation | None = request.environ.get(_BUILT)
    if found is None:
        found = request.environ[_BUILT] = _build(g.viewer)
    return found


def show_counts(counts: dict[str, int], current: str) -> None:
    """What the page has counted already, and the key of the view it shows."""
    request.environ[_COUNTED] = counts, current


def _build(viewer: Viewer) -> Navigation:
    roles = {"agent": gettext("Agent"), "supervisor": gettext("Supervisor"), "admin": gettext("Administrator")}
    counts, current = request.environ.get(_COUNTED, ({}, ""))
    known = desk_settings.many(db.session(), "brand.name", "shadow_mode")
    return Navigation(
        brand=known["brand.name"],
        shadow=bool(known["shadow_mode"]),
        role=roles[viewer.role],
        search_url=_url("customers.search") or "/search",
        profile_url=_url("accounts.profile"),
        logout_url=_url("accounts.logout"),
        views=[
            Item(
                v.key,
                str(v.name),
                v.symbol,
                url_for("inbox.home", view=v.key),
                v.key == current,
                v.counted,
                counts.get(v.key, 0),
            )
            for v in VIEWS
        ],
        saved=[
            Item(f"v{row.id}", row.name, "filter", url_for("inbox.home", view=f"v{row.id}"), f"v{row.id}" == current)
            for row in saved_views(viewer)
        ],
        pages=[
            Item(
                endpoint,
                words(),
                symbol,
                url_for(endpoint),
                _on(endpoint),
            )
            for endpoint, words, symbol, deed in _PAGES
            if endpoint in current_app.view_functions and viewer.may(deed)
        ],
    )


def _on(endpoint: str) -> bool:
    """Is this one of the pages below it? Search and what the *New* button starts are nobody's."""
    here = request.endpoint or ""
    return here.split(".")[0] == endpoint.split(".")[0] and here not in _NOBODYS


def saved_views(viewer: Viewer) -> list[View]:
    """Own, of own teams, and shared with all; read once a request."""
    found: list[View] | None = request.environ.get(_SAVED)
    if found is None:
        found = request.environ[_SAVED] = views.seen(db.session(), viewer)
    return found


def _url(endpoint: str) -> str:
    return url_for(endpoint) if endpoint in current_app.view_functions else ""


def words() -> dict[str, str]:
    """What scripts say, in the viewer's language."""
    return _words(str(get_locale()))


@lru_cache(maxsize=4)
def _words(_locale: str) -> dict[str, str]:
    """Once a language: every page carries them."""
    return {
        "now": gettext("now"),
        "minutes": gettext("%(n)s m", n="{n}"),
        "hours": gettext("%(n)s h", n="{n}"),
        "hours_minutes": gettext("%(h)s h %(m)s m", h="{h}", m="{m}"),
        "days": gettext("%(d)s d", d="{d}"),
        "days_hours": gettext("%(d)s d %(h)s h", d="{d}", h="{h}"),
        "left": gettext("%(time)s left", time="{time}"),
        "late": gettext("late by %(time)s", time="{time}"),
        "newer": gettext("%(n)s new tickets", n="{n}"),
        "newer_one": gettext("1 new ticket"),
        "arrived": gettext("%(n)s new tickets", n="{n}"),
        "arrived_one": gettext("New ticket: %(name)s", name="{name}"),
        "chosen_most": gettext("The first %(n)s are selected; a deed is about so many at most.", n="{n}"),
        "bulk_done": gettext("Changed: %(n)s", n="{n}"),
        "bulk_undone": gettext("Taken back: %(n)s", n="{n}"),
        "offline": gettext("No connection. What you write is kept on this device."),
        "reconnecting": gettext("Reconnecting… What you write is kept on this device."),
        "waiting_one": gettext("Reconnecting… 1 update waiting. What you write is kept on this device."),
        "waiting": gettext("Reconnecting… %(n)s updates waiting. What you write is kept on this device.", n="{n}"),
        "catching_up": gettext("Catching up…"),
        "signed_out": gettext("You were signed out. What you wrote is kept; sign in again."),
        "worker_stopped": gettext(
            "Messages are stored but not being sent: the worker has stopped. Tell your administrator."
        ),
        "draft_saving": gettext("Saving draft…"),
        "draft_saved": gettext("Draft saved %(time)s", time="{time}"),
        "draft_kept": gettext("Kept on this device"),
        "viewing": gettext("%(name)s viewing", name="{name}"),
        "replying": gettext("%(name)s writing", name="{name}"),
        "is_replying": gettext("%(name)s is replying…", name="{name}"),
        "failed": gettext("That did not work. Nothing was lost; try again."),
        "too_large": gettext("%(name)s is too large.", name="{name}"),
        "uploading": gettext("Uploading %(name)s, %(percent)s %%", name="{name}", percent="{percent}"),
        "upload_failed": gettext("%(name)s could not be uploaded.", name="{name}"),
        "remove": gettext("Remove %(name)s", name="{name}"),
        "sent": gettext("Sent"),
        "undo": gettext("Undo"),
        "nothing_to_undo": gettext("Nothing to undo."),
        "moved_trash": gettext("Moved to the trash"),
        "moved_spam": gettext("Marked as spam"),
        "moved_inbox": gettext("Back in the inbox"),
        "snoozed": gettext("Snoozed"),
        "sender_blocked": gettext("Sender blocked, marked as spam"),
        "choose_assignee": gettext("Assign to… (type a part of the name)"),
        "choose_team": gettext("Give to team…"),
        "choose_priority": gettext("Priority…"),
        "choose_tag": gettext("Add a tag…"),
        "choose_snooze": gettext("Snooze until…"),
        "new_tag": gettext("New tag: %(name)s", name="{name}"),
        "undone_there": gettext("Called back. It is the draft of #%(number)s again.", number="{number}"),
        "undone": gettext("Called back. Your text is in the composer again."),
        "queued_offline": gettext(
            "Your reply is waiting for the connection. "
            "It is kept on this device and goes out once, as soon as you are back."
        ),
        "new_message": gettext("New message from %(name)s", name="{name}"),
        "nothing_found": gettext("Nothing found."),
        "unseen": gettext("New"),
        "to_newest": gettext("To the newest"),
        "message_below": gettext("New message"),
        "empty_reply": gettext("Write something first, or attach a file."),
        "no_connection": gettext("No connection. Try again when you are back online."),
        "selected": gettext("%(n)s selected", n="{n}"),
        "load_pictures_one": gettext("Load 1 picture from the net"),
        "load_pictures": gettext("Load %(n)s pictures from the net", n="{n}"),
        "add_note": gettext("Add note"),
        "send": gettext("Send"),
        "still_uploading": gettext("Sent as soon as the files are uploaded."),
        "suggestions": gettext("Suggestions"),
        "presence_unknown": gettext("Presence unknown"),
        "merged": gettext("#%(from)s was merged into #%(to)s", **{"from": "{from}", "to": "{to}"}),
        "held_review": gettext("Your reply waits for approval."),
        "held_later": gettext("Your reply goes out at its time. Until then it stands below the conversation."),
        "then": gettext("Then: %(status)s", status="{status}"),
        "take_over": gettext("Take over"),
        "taken_over": gettext("%(name)s took this ticket over while you were writing.", name="{name}"),
        "notices": gettext("Notices"),
        "notices_unread": gettext("Notices, %(n)s unread", n="{n}"),
        "open": gettext("Open it"),
        "push_on": gettext("This device is notified, also while no page is open."),
        "push_off": gettext("This device is notified only while a page is open."),
        "push_refused": gettext("This browser refuses notifications; its own settings can allow them."),
        "push_unable": gettext("This browser cannot be notified while no page is open (it needs https)."),
        "push_failed": gettext("This browser could not be prepared for notifications."),
    }


def shortcuts() -> list[tuple[str, str]]:
    """The keyboard map: keys, and what they do."""
    return _shortcuts(str(get_locale()))


@lru_cache(maxsize=4)
def _shortcuts(_locale: str) -> list[tuple[str, str]]:
    return [
        ("j k", gettext("Next, previous ticket")),
        ("Enter o", gettext("Open the ticket")),
        ("u", gettext("Back to the list")),
        ("r", gettext("Reply")),
        ("n", gettext("Note")),
        ("c", gettext("Log a call")),
        ("w", gettext("New message")),
        ("a", gettext("Assign")),
        ("i", gettext("Assign to me")),
        ("t", gettext("Team")),
        ("g", gettext("Tag")),
        ("p", gettext("Priority")),
        ("s", gettext("Snooze")),
        ("e", gettext("Solve")),
        ("m", gettext("Merge")),
        ("#", gettext("Trash")),
        ("!", gettext("Spam")),
        ("x", gettext("Select")),
        ("Shift x", gettext("Select up to here")),
        ("z", gettext("Undo")),
        ("/", gettext("Search")),
        ("Ctrl Enter", gettext("Send")),
        ("Ctrl K", gettext("Command palette")),
        ("?", gettext("This list")),
    ]
