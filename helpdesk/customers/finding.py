"""The search page, and the same results as JSON for whatever opens as one types."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from helpdesk.customers.blueprint import bp, me
from helpdesk.extensions import db
from helpdesk.services import search as finder
from helpdesk.services.snippets import Snippet
from helpdesk.words import STATUS_WORDS

FEW = 8


@bp.get("/search")
def search() -> str | BaseResponse:
    """`q`: words and operators. `fragment=1`: JSON {tickets, customers, jump} with the marks as [text, found] pairs."""
    typed = request.args.get("q", "")
    if request.args.get("fragment"):
        return _json(finder.search(db.session, me(), typed, limit=FEW))
    results = finder.search(db.session, me(), typed, cursor=request.args.get("cursor", ""))
    if results.jump is not None and typed.strip().startswith("#"):
        return redirect(url_for("inbox.ticket", number=results.jump))
    more = url_for("customers.search", q=typed, cursor=results.next_cursor) if results.next_cursor else ""
    part = "search/_hits.html" if request.headers.get("HX-Request") else "search/index.html"
    return render_template(part, results=results, typed=typed, more=more)


def _json(results: finder.Results) -> Response:
    tickets: list[dict[str, Any]] = [
        {
            "number": h.number,
            "subject": _plain(h.subject),
            "marked": h.subject,
            "snippet": h.snippet,
            "status": h.status,
            "status_word": str(STATUS_WORDS[h.status]),
            "customer": h.customer,
            "channel": h.channel,
            "at": h.at.isoformat(),
            "url": url_for("inbox.ticket", number=h.number),
        }
        for h in results.hits[:FEW]
    ]
    customers = [
        {
            "id": p.id,
            "name": p.name,
            "marked": p.marked,
            "label": _plain(p.label),
            "url": url_for("customers.profile", customer_id=p.id),
        }
        for p in results.people
    ]
    jump = None
    if results.jump is not None:
        jump = {"number": results.jump, "url": url_for("inbox.ticket", number=results.jump)}
    return jsonify(tickets=tickets, customers=customers, jump=jump)


def _plain(snippet: Snippet) -> str:
    return "".join(piece for piece, _found in snippet)
