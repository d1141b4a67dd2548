"""Signs of life: /healthz for load balancers, /readyz for monitoring, /metrics for Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from helpdesk.config import Settings
from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.public import metrics
from helpdesk.services import health

bp = Blueprint("health", __name__)
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]
CSRF_EXEMPT = True
bp.record_once(lambda state: metrics.init_app(state.app))


@bp.get("/healthz")
def healthz() -> Response:
    """200 when this process serves; asks nobody else."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> Response:
    """200 only when every part is well; names of hosts, channels and errors only for those who may read metrics."""
    facts = health.facts(db.session())
    told: dict[str, Any] = facts.to_json()
    if not _trusted():
        told = {
            "status": told["status"],
            "parts": {name: {"state": part.state} for name, part in facts.parts.items()},
        }
    response = jsonify(told)
    response.status_code = 200 if facts.ready else 503
    return response


@bp.get("/metrics")
def prometheus() -> Response:
    """For a Prometheus with the token, or on this machine; others see nothing here."""
    if not _trusted():
        raise NotFound
    body, kind = metrics.render(health.facts(db.session()))
    return Response(body, content_type=kind)


def _trusted() -> bool:
    """The metrics token, or a direct call from this machine. A forwarded call is not direct, whoever forwards it."""
    settings: Settings = current_app.extensions["settings"]
    token = settings.server.metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
        return True
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip"))
    return not forwarded and _loopback(request.remote_addr or "")


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
