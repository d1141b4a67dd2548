"""Errors of doors that machines and scripts use: always an RFC 9457 problem document, never a page."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from helpdesk.errors import HelpdeskError, Invalid


def tell_problem(status: int, title: str, detail: str, **extra: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Response(json.dumps(body), status, mimetype="application/problem+json")


def tell_error(error: HelpdeskError) -> Response:
    fields = {"errors": error.fields} if isinstance(error, Invalid) else {}
    return tell_problem(error.status, error.title, error.message, **fields, **error.extra)


def tell_http_error(error: HTTPException) -> Response:
    response = tell_problem(error.code or 500, error.name, error.description or "")
    if error.code == 429:
        response.headers["Retry-After"] = "60"
    return response
