"""An authorisation server: consent, PKCE, rotating refresh tokens, and what a mail server asks about a token.

with AuthServer() as auth:
    code = auth.consent(address_the_browser_was_sent_to)     # what a person's press would bring back
    auth.revoke()                                             # from now on invalid_grant
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

from flask import Flask, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT, SECRET = "desk-client", "desk-secret-canary"


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@dataclass
class AuthServer:
    """`questions`: every form the token endpoint got. `rotate`: each refresh token is good once."""

    account: str = "support@example.com"
    rotate: bool = True
    lasts_s: int = 3600
    status: int = 200  # another one: the token endpoint only fails
    questions: list[dict[str, str]] = field(default_factory=list)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    delay: threading.Event | None = None
    _codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "sign_in": "other", "oauth_client_id": CLIENT, "oauth_client_secret": SECRET,
            "oauth_authorize_url": f"{self.url}/authorize", "oauth_grant_url": f"{self.url}/token",
            "oauth_scope": "mail offline_access",
        }  # fmt: skip

    # --- what people do ----------------------------------------------------------------------------------------

    def consent(self, address: str) -> dict[str, str]:
        """A person pressed Allow on `address`: the parameters the browser comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        code = secrets.token_urlsafe(16)
        self._codes[code] = (asked["code_challenge"], asked["redirect_uri"])
        return {"code": code, "state": asked["state"]}

    def revoke(self) -> None:
        self.refresh.clear()
        self.access.clear()

    def end_access(self) -> None:
        """Access tokens end early; refresh tokens go on."""
        self.access.clear()

    def good(self, token: str) -> bool:
        return token in self.access

    # --- the token endpoint ------------------------------------------------------------------------------------

    def _app(self) -> Flask:
        app = Flask("auth")

        @app.post("/token")
        def token() -> object:
            form = request.form.to_dict()
            if self.delay is not None:
                self.delay.wait(10)
            with self._lock:
                self.questions.append(form)
                if self.status != 200:
                    return "no", self.status
                if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
                    return jsonify(error="invalid_client"), 401
                kinds = {"authorization_code": self._by_code, "refresh_token": self._by_refresh}
                if not kinds[form["grant_type"]](form):
                    return jsonify(error="invalid_grant"), 400
                return jsonify(self._new_tokens())

        @app.get("/tokeninfo")
        def tokeninfo() -> object:
            """What a mail server asks about a token it was shown."""
            if not self.good(request.args.get("access_token", "")):
                return jsonify(error="invalid_token"), 400
            return jsonify(email=self.account, expires_in=self.lasts_s)

        return app

    def _by_code(self, form: dict[str, str]) -> bool:
        challenge, redirect = self._codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        return fits and redirect == form["redirect_uri"]

    def _by_refresh(self, form: dict[str, str]) -> bool:
        known = form["refresh_token"] in self.refresh
        if known and self.rotate:
            self.refresh.discard(form["refresh_token"])
        return known

    def _new_tokens(self) -> dict[str, object]:
        access, refresh = f"access-{secrets.token_hex(6)}-canary", f"refresh-{secrets.token_hex(6)}-canary"
        self.access.add(access)
        told: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": self.lasts_s}
        if self.rotate or not self.refresh:
            self.refresh.add(refresh)
            told["refresh_token"] = refresh
        return told
