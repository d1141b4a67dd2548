"""Facebook Messenger and the comments on a page. Not yet tried against the live service."""

from __future__ import annotations

from typing import ClassVar

from connectors import links
from connectors.contract import Limits, Setting, TestStep
from connectors.meta.graph import API_BASE, VERSION, Graph
from connectors.meta.sending import Sender, by_characters
from connectors.meta.social import MAX_FILE_BYTES, WEEK_H, WINDOWS, Social, config_key

MAX_TEXT = 2000
FIELDS = "messages,messaging_postbacks,message_deliveries,message_reads,message_echoes,message_edits,messaging_referrals,feed"


class Messenger(Social):
    channel: ClassVar[str] = "messenger"
    label: ClassVar[str] = "Messenger"
    icon: ClassVar[str] = "brand-messenger"
    identity_kind: ClassVar[str] = "messenger"
    notifies: ClassVar[bool] = True
    object: ClassVar[str] = "page"
    name_fields: ClassVar[str] = "first_name,last_name"
    post_fields: ClassVar[str] = "message,story,permalink_url"
    hidden_field: ClassVar[str] = "is_hidden"
    limits: ClassVar[Limits] = Limits(
        max_length=4 * MAX_TEXT,
        max_file_bytes=MAX_FILE_BYTES,
        max_files=10,
        formats=frozenset({"text", "files"}),
        reply_window_hours=WEEK_H,
        windows=WINDOWS,
        after_window="Answer on another channel; Messenger takes nothing until they write again.",
    )
    guide: ClassVar[tuple[str, ...]] = (
        "On developers.facebook.com create an app of type Business, add Messenger, and link your page to it.",
        "Under App settings → Basic copy the app secret. Make up a verify token: any long word.",
        "Under Messenger → API settings make an access token for the page. The app needs pages_messaging and "
        "pages_manage_metadata; for comments also pages_read_engagement, pages_read_user_content and "
        "pages_manage_engagement.",
        "Save, then paste the address shown here as callback URL, with the same verify token.",
        "Test connection: it switches the page's events on. Then write to the page from your own account.",
        "To answer after 24 hours, ask Meta for the Human Agent permission and tick Answer until 7 days once it is given.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("page_id", "Page ID", required=True, help="The long number of the page."),
        Setting("access_token", "Page access token", "secret", help="One that does not expire."),
        Setting("app_secret", "App secret", "secret", help="It signs the events."),
        Setting("verify_token", "Verify token", "secret", help="Any long word; enter the same at Meta."),
        Setting("comments", "Comments become tickets", "bool", default=True),
        Setting(
            "human_agent", "Answer until 7 days", "bool", default=False, help="Needs Meta's Human Agent permission."
        ),
        Setting("api_base", "API address", default=API_BASE, guards_secrets=True, group="Network"),
        Setting("api_version", "API version", default=VERSION, group="Network"),
    )

    @property
    def account(self) -> str:
        return str(self.config.get("page_id")).strip()

    def invitation(self, token: str) -> str:
        return links.messenger(self.account, token)

    def opening(self, words: str) -> str:
        return self.invitation(words)

    def sender(self, graph: Graph) -> Sender:
        return Sender(
            graph,
            f"{self.account}/messages",
            below="comments",
            key=config_key(self.config),
            human_agent=bool(self.config.get("human_agent", False)),
            tags=True,
            uploads=True,
            split=by_characters(MAX_TEXT),
        )

    def subscribe(self, graph: Graph) -> TestStep:
        graph.post(f"{self.account}/subscribed_apps", {"subscribed_fields": FIELDS})
        return TestStep("Events", True, "The page sends its events to the app.")
