"""Errors as pages: in the reader's language, with a way on; for programs in plain English."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask


@pytest.mark.parametrize("path", ["/nosuch", "/tickets/999999", "/settings/nosuch", "/get/1/2/forged"])
def test_what_is_not_there_says_so_in_the_reader_s_language(make: Any, path: str) -> None:
    client = make.client(make.agent("admin", locale="vi"))
    page = client.get(path, headers={"Accept": "text/html", "Accept-Language": "vi"})
    assert page.status_code == 404
    assert "Không tìm thấy" in page.text
    assert "Not Found" not in page.text and "The requested URL" not in page.text
    assert 'href="/"' in page.text


def test_a_program_reads_plain_english(make: Any) -> None:
    answer = make.client(make.agent("admin", locale="vi")).get("/nosuch", headers={"Accept": "application/json"})
    assert answer.status_code == 404 and answer.mimetype == "application/problem+json"
    assert answer.get_json()["title"] == "Not Found"


def test_a_button_s_error_comes_as_a_translated_toast(make: Any) -> None:
    client = make.client(make.agent("admin", locale="vi"))
    toast = client.post("/nosuch", headers={"HX-Request": "true"})
    assert toast.status_code == 404 and "Không tìm thấy" in toast.text and "data-toast" in toast.text


def test_a_page_that_was_open_too_long_says_so_to_its_reader(make: Any, app: Flask) -> None:
    """The token is looked at before the reader is; the page is theirs all the same."""
    linh = make.client(make.agent(locale="vi"))
    app.config["WTF_CSRF_ENABLED"] = True
    answer = linh.post("/me", data={"name": "Linh"}, headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "Trang này đã mở quá lâu" in answer.text
    assert "CSRF token" not in answer.text and 'aria-label="Chế độ xem"' in answer.text
