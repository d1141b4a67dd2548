"""The application, sending what was built for browsers packed, where its build left a packed copy beside it.

Pages themselves are not packed here: a packed answer that holds both a secret and what somebody typed tells the secret by
its length.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, request
from werkzeug.utils import safe_join


class Application(Flask):
    def send_static_file(self, filename: str) -> Response:
        beside = safe_join(str(self.static_folder), f"{filename}.gz")
        packed = beside is not None and Path(beside).is_file()
        if packed and "gzip" in request.accept_encodings:
            response = super().send_static_file(f"{filename}.gz")  # says what it is and how it is packed by its name
        else:
            response = super().send_static_file(filename)
        if packed:
            response.vary.add("Accept-Encoding")
        return response
