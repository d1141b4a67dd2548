"""Files on disk by content: DATA/files/aa/<sha256>, written completely before anything refers to them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class Storage:
    """Content-addressed; `put` is durable when it returns (fsync, then rename)."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # a relative DATA means that of where we started, whoever sends the file

    def path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Store and return the sha256 (hex). Storing the same content again is free."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists() and path.stat().st_size == len(data):
            os.utime(path)  # young again: the sweep of orphans must not take what is about to be referred to
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Raises FileNotFoundError."""
        return self.path(sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def all(self) -> list[Path]:
        return [p for p in self.root.glob("??/*") if not p.name.startswith(".")] if self.root.exists() else []
