"""How a function becomes a route: scope, strict input, one transaction, repeat-safe POSTs, and its line in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import msgspec
from flask import Blueprint, Response, g, request

from helpdesk.api import repeats
from helpdesk.errors import Forbidden, HelpdeskError, Invalid
from helpdesk.extensions import db
from helpdesk.unit_of_work import UnitOfWork, unit_of_work

bp = Blueprint("api", "helpdesk.api.views", url_prefix="/api")
JSON = "application/json"
Declare = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Route:
    """One operation, as the document tells it. `path` with {names}."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    scope: str
    query: Any = None
    body: Any = None
    returns: Any = None
    status: int = 200
    upload: bool = False
    download: bool = False


ROUTES: list[Route] = []


class BadRequest(HelpdeskError):
    status = 400
    title = "This is not JSON"


class UnsupportedType(HelpdeskError):
    status = 415
    title = "Send application/json"


def read(path: str, *, tag: str, query: Any = None, returns: Any = None, download: bool = False) -> Declare:
    """A GET. The function gets the query (when declared) and the path's values."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        _remember("GET", path, function, tag=tag, scope="read", query=query, returns=returns, download=download)

        @wraps(function)
        def view(**values: Any) -> Response:
            _require("read")
            given = (_query(query),) if query is not None else ()
            found = function(*given, **values)
            return found if isinstance(found, Response) else answer(found)

        bp.add_url_rule(f"/v1{path}", function.__name__, view, methods=["GET"])
        return function

    return declare


def write(
    method: str,
    path: str,
    *,
    tag: str,
    show: Callable[[Any], Any],
    body: Any = None,
    returns: Any = None,
    status: int = 200,
    upload: bool = False,
) -> Declare:
    """A change. The function runs in one transaction; what it gives back (plain JSON) `show` turns into the answer."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        _remember(
            method, path, function, tag=tag, scope="write", body=body, returns=returns, status=status, upload=upload
        )

        @wraps(function)
        def view(**values: Any) -> Response:
            _require("write")
            given = (_body(body),) if body is not None else ()
            key = repeats.key() if method == "POST" else None

            def act(work: UnitOfWork) -> Any:
                return function(work, *given, **values)

            if key is None:
                with unit_of_work(actor=g.viewer.actor) as work:
                    ref = act(work)
                return answer(_shown(show, ref), status)
            return repeats.once(key, act, lambda ref: msgspec.to_builtins(_shown(show, ref)), status)

        bp.add_url_rule(f"/v1{path}", function.__name__, view, methods=[method])
        return function

    return declare


def _shown(show: Callable[[Any], Any], ref: Any) -> Any:
    db.session.rollback()  # what was just written, not what this request saw before
    return show(ref)


def answer(found: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(found), status, mimetype=JSON)


def _remember(method: str, path: str, function: Any, **more: Any) -> None:
    plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
    summary = (function.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
    ROUTES.append(Route(method, f"/api/v1{plain}", function.__name__, summary, **more))


# --- scopes ------------------------------------------------------------------------------------------------------


def _require(needed: str) -> None:
    """Reading needs any scope but nothing else; writing needs `write`."""
    scopes = g.viewer.scopes or frozenset()
    if needed == "write" and "write" not in scopes:
        raise Forbidden("This token may only read; it needs the scope write.")
    if needed == "read" and not scopes & {"read", "write", "admin"}:
        raise Forbidden("This token has no scope that may read.")


# --- strict input ------------------------------------------------------------------------------------------------

_NAMED = (
    re.compile(r"unknown field `([^`]+)`"),
    re.compile(r"missing required field `([^`]+)`"),
)
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`")


def _body(kind: Any) -> Any:
    if request.mimetype != JSON:
        raise UnsupportedType(f"The body must be {JSON}.")
    try:
        return msgspec.json.decode(request.get_data() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadRequest("The body is not valid JSON.") from None


def _query(kind: Any) -> Any:
    given = request.args.to_dict(flat=True)
    twice = [name for name in given if len(request.args.getlist(name)) > 1]
    if twice:
        raise Invalid(fields={twice[0]: "Given more than once."})
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None


def _refused(said: str) -> Invalid:
    """One sentence, under the field it is about."""
    place = _PATH.search(said)
    inside = place[1] if place else ""
    sentence = _PATH.sub("", said)
    for pattern in _NAMED:
        named = pattern.search(said)
        if named:
            field = ".".join(p for p in (inside.removesuffix("..."), named[1]) if p)
            return Invalid(fields={field: sentence})
    return Invalid(fields={inside or "body": sentence})
