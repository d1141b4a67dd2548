"""Instagram messages and comments. Not yet tried against the live service."""

from __future__ import annotations

from typing import ClassVar

from connectors.contract import Limits, Setting, TestStep
from connectors.meta.graph import VERSION, Graph
from connectors.meta.sending import Sender, by_bytes
from connectors.meta.social import MAX_FILE_BYTES, WEEK_H, WINDOWS, Social, config_key

MAX_BYTES = 1000
API_BASE = "https://graph.instagram.com"
FIELDS = "messages,messaging_postbacks,messaging_seen,message_edit,comments"


class Instagram(Social):
    channel: ClassVar[str] = "instagram"
    label: ClassVar[str] = "Instagram"
    icon: ClassVar[str] = "brand-instagram"
    identity_kind: ClassVar[str] = "instagram"
    object: ClassVar[str] = "instagram"
    name_fields: ClassVar[str] = "name,username"
    post_fields: ClassVar[str] = "caption,permalink"
    hidden_field: ClassVar[str] = "hide"
    limits: ClassVar[Limits] = Limits(
        max_length=4000,
        max_file_bytes=MAX_FILE_BYTES,
        max_files=10,
        formats=frozenset({"text", "files"}),
        reply_window_hours=WEEK_H,
        windows=WINDOWS,
        after_window="Answer on another channel; Instagram takes nothing until they write again.",
    )
    guide: ClassVar[tuple[str, ...]] = (
        "Make the Instagram account a professional one, and let connected tools read its messages (Settings → Messages).",
        "On developers.facebook.com create an app of type Business and add Instagram. Choose one of the two ways to sign in: "
        "with Instagram, or with the Facebook page the account is linked to.",
        "Copy the secret of that way (the Instagram app secret, or the app secret), and make up a verify token.",
        "Make an access token with instagram_business_basic, instagram_business_manage_messages and "
        "instagram_business_manage_comments.",
        "Save, then paste the address shown here as callback URL, with the same verify token, and test the connection.",
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("account_id", "Instagram account ID", required=True, help="The long number of the professional account."),
        Setting("access_token", "Access token", "secret"),
        Setting("app_secret", "App secret", "secret", help="Of the way to sign in you chose; it signs the events."),
        Setting("verify_token", "Verify token", "secret", help="Any long word; enter the same at Meta."),
        Setting("page_id", "Facebook page ID", help="Only when you sign in with Facebook: the page the account is linked to."),
        Setting("comments", "Comments become tickets", "bool", default=True),
        Setting("human_agent", "Answer until 7 days", "bool", default=False, help="Needs Meta's Human Agent permission."),
        Setting(
            "api_base", "API address", default=API_BASE, guards_secrets=True, group="Network",
            help="https://graph.facebook.com when you sign in with Facebook.",
        ),
        Setting("api_version", "API version", default=VERSION, group="Network"),
    )  # fmt: skip

    @property
    def account(self) -> str:
        return str(self.config.get("account_id")).strip()

    def sender(self, graph: Graph) -> Sender:
        page = str(self.config.get("page_id")).strip()
        return Sender(
            graph,
            f"{page}/messages" if page else "me/messages",
            below="replies",
            key=config_key(self.config),
            human_agent=bool(self.config.get("human_agent", False)),
            tags=False,
            uploads=bool(page),
            split=by_bytes(MAX_BYTES),
        )

    def subscribe(self, graph: Graph) -> TestStep:
        page = str(self.config.get("page_id")).strip()
        graph.post(f"{page or 'me'}/subscribed_apps", {"subscribed_fields": FIELDS})
        return TestStep("Events", True, "The account sends its events to the app.")
