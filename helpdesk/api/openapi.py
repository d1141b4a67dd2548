"""The OpenAPI 3.1 document, made from the routes and shapes themselves, so that it cannot say anything else."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from helpdesk import __version__ as VERSION
from helpdesk.api import shapes
from helpdesk.api.routing import ROUTES, Route

REF = "#/components/schemas/{name}"
TAGS = ("Tickets", "Messages", "Customers", "Events", "Satisfaction", "Reports", "Desk")
PROBLEMS = {
    400: "The body is not JSON",
    401: "No working token",
    403: "Seen, but not allowed to this token",
    404: "It does not exist, or the token may not know that it does",
    409: "Something changed meanwhile; with `seen_seq`, the answer carries what is new (`messages`, `seq`)",
    413: "Too large",
    415: "Send application/json",
    422: "A field is wrong or unknown; `errors` names it",
    429: "Too many requests",
}
ABOUT = """Everything the inbox does, for programs. The same services and the same access policy as the pages: a token
has its agent's rights, narrowed to its scopes (read, write, admin).

Ids are strings, ticket numbers and `seq` are numbers, times are RFC 3339 in UTC. Lists are pages
`{"items", "next_cursor"}`; send `cursor` back to go on.
`Idempotency-Key` on a POST makes a repeat harmless. Problems follow RFC 9457."""


@cache
def _schemas() -> tuple[dict[int, Any], dict[str, Any]]:
    """Schema of each declared type by its place in the routes, and the components they name."""
    kinds = [k for r in ROUTES for k in (r.query, r.body, r.returns) if k is not None] + [shapes.Problem]
    unique = list(dict.fromkeys(kinds))
    found, components = msgspec.json.schema_components(unique, ref_template=REF)
    return {id(kind): schema for kind, schema in zip(unique, found, strict=True)}, components


def schema(kind: Any) -> dict[str, Any]:
    return dict(_schemas()[0][id(kind)])


def resolved(kind: Any) -> dict[str, Any]:
    """The object schema behind a reference."""
    found = schema(kind)
    return dict(_schemas()[1][found["$ref"].rsplit("/", 1)[1]]) if "$ref" in found else found


def document(base: str) -> dict[str, Any]:
    """The whole document. `base`: this desk's address."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Helpdesk API", "version": VERSION, "description": ABOUT},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas()[1],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "description": f"Needs the scope `{route.scope}`.",
        "parameters": _parameters(route),
        "responses": {str(route.status): _good(route), **_bad(route)},
    }
    if route.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema(route.body)}}}
    if route.upload:
        form = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        told["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return told


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"{(\w+)}", route.path):
        kind = {"type": "string"} if name in ("token", "name") else {"type": "integer"}
        found.append({"name": name, "in": "path", "required": True, "schema": kind})
    if route.query is not None:
        query = resolved(route.query)
        for name, kind in query["properties"].items():
            needed = name in query.get("required", [])
            found.append({"name": name, "in": "query", "required": needed, "schema": kind})
    if route.method == "POST":
        key = {"type": "string", "maxLength": 200}
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
    return found


def _good(route: Route) -> dict[str, Any]:
    if route.download:
        return {
            "description": "The file",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    return {"description": "OK", "content": {"application/json": {"schema": schema(route.returns)}}}


def _bad(route: Route) -> dict[str, Any]:
    codes = [401, 403, 404, 422, 429]
    if route.method != "GET":
        codes += [409]
    if route.body is not None:
        codes += [400, 415]
    if route.upload:
        codes += [413]
    content = {"application/problem+json": {"schema": schema(shapes.Problem)}}
    return {str(code): {"description": PROBLEMS[code], "content": content} for code in sorted(codes)}


# --- for people --------------------------------------------------------------------------------------------------


@cache
def page() -> dict[str, Any]:
    """What /api/docs shows: operations by tag, and every shape's fields."""
    tags: dict[str, list[dict[str, Any]]] = {tag: [] for tag in TAGS}
    for route in ROUTES:
        tags.setdefault(route.tag, []).append(
            {
                "method": route.method,
                "path": route.path,
                "id": route.name,
                "summary": _words(route.summary),
                "scope": route.scope,
                "status": route.status,
                "query": _fields(resolved(route.query)) if route.query is not None else [],
                "about": _words(resolved(route.query).get("description", "")) if route.query is not None else "",
                "body": _name(schema(route.body)) if route.body is not None else "",
                "returns": _name(schema(route.returns)) if route.returns is not None else "",
                "upload": route.upload,
            }
        )
    components = {
        n: (_words(c.get("description", "")), _fields(c)) for n, c in _schemas()[1].items() if "properties" in c
    }
    problems = {code: _words(said) for code, said in PROBLEMS.items()}
    return {"tags": tags, "shapes": components, "problems": problems, "about": _words(ABOUT)}


def _words(markdown: str) -> str:
    return markdown.replace("`", "")


def _fields(component: dict[str, Any]) -> list[dict[str, Any]]:
    needed = component.get("required", [])
    return [{"name": n, "type": _name(s), "needed": n in needed} for n, s in component["properties"].items()]


def _name(found: dict[str, Any]) -> str:
    """A schema as a person reads it."""
    if "$ref" in found:
        return str(found["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in found:
        return " | ".join(dict.fromkeys(_name(s) for s in found["anyOf"]))
    if "enum" in found:
        return " | ".join(str(v) or '""' for v in found["enum"])
    if found.get("type") == "array":
        return f"[{_name(found.get('items', {}))}]"
    return str(found.get("format") or found.get("type") or "any")
