"""Every settings page opens for those who may, does not exist for the others, and never shows a secret."""

from __future__ import annotations

from typing import Any

import pytest

ADMIN = (
    "/settings/general", "/settings/brand", "/settings/people", "/settings/people/new", "/settings/teams/new",
    "/settings/channels", "/settings/channels/new/email", "/settings/channels/new/telegram",
    "/settings/channels/new/widget", "/settings/channels/new/phone", "/settings/hours", "/settings/hours/new",
    "/settings/reasons", "/settings/tags", "/settings/tokens", "/settings/health",
)  # fmt: skip
SUPERVISOR = ("/settings/teams", "/settings/sla", "/settings/surveys")
EVERYBODY = ("/settings/macros", "/settings/macros/new", "/me", "/me/security", "/me/sessions", "/me/two-factor")


@pytest.mark.parametrize(("role", "allowed"), [
    ("admin", {*ADMIN, *SUPERVISOR, *EVERYBODY}), ("supervisor", {*SUPERVISOR, *EVERYBODY}), ("agent", {*EVERYBODY}),
])  # fmt: skip
def test_who_may_open_what(make: Any, role: str, allowed: set[str]) -> None:
    client = make.client(make.agent(role))
    answers = {path: client.get(path).status_code for path in (*ADMIN, *SUPERVISOR, *EVERYBODY)}
    assert answers == {path: 200 if path in allowed else 404 for path in answers}


def test_every_page_in_vietnamese(make: Any) -> None:
    client = make.client(make.agent("admin", locale="vi"))
    for path in (*ADMIN, *SUPERVISOR, *EVERYBODY):
        page = client.get(path)
        assert page.status_code == 200, path
        assert '<html lang="vi"' in page.text
