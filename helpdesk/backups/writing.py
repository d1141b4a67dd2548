"""Save a desk while it runs: first a consistent copy of the database, then the files it may refer to."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from helpdesk.backups import DATABASE, FILES, FORMAT, KEY, MANIFEST
from helpdesk.config import Settings
from helpdesk.errors import HelpdeskError
from helpdesk.signing import Keyring, read_secrets
from helpdesk.storage import Storage

PAGES = 2000

Progress = Callable[[str, int], Any]


def fingerprints(settings: Settings) -> list[str]:
    """Short marks of the listed secrets, newest first: enough to tell keys apart, useless to find them."""
    ring = Keyring(read_secrets(settings.data, settings.secret_key))
    count = len(read_secrets(settings.data, settings.secret_key))
    return [ring.sign("fingerprint", "backup", index)[:12] for index in range(count)]


def write(settings: Settings, target: Path, *, with_key: bool, progress: Progress) -> dict[str, Any]:
    """Write `target` (0600), complete or not at all. Raises HelpdeskError. Returns the manifest."""
    if target.exists():
        raise HelpdeskError(f"{target} exists already; a backup overwrites nothing.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent or ".", prefix=".helpdesk-backup-") as scratch:
            copy = Path(scratch) / DATABASE
            _copy_database(settings, copy)
            manifest = _manifest(settings, with_key)
            fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                _fill(tar, settings, manifest, copy, progress, with_key)
                tar.close()
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _manifest(settings: Settings, with_key: bool) -> dict[str, Any]:
    stored = Storage(settings.data / "files").all()
    return {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": "sqlite" if settings.sqlite else "postgresql",
        "keys": fingerprints(settings),
        "with_key": with_key,
        "files": len(stored),
    }


def _fill(
    tar: tarfile.TarFile, settings: Settings, manifest: dict[str, Any], copy: Path, progress: Progress, with_key: bool
) -> None:
    _add_text(tar, MANIFEST, json.dumps(manifest, indent=2))
    if with_key:
        _add_text(tar, KEY, "\n".join(read_secrets(settings.data, settings.secret_key)) + "\n")
    tar.add(copy, DATABASE)
    stored = Storage(settings.data / "files").all()
    with progress("Files", len(stored)) as bar:
        for path in stored:
            try:
                tar.add(path, f"{FILES}{path.name}", recursive=False)
            except FileNotFoundError:
                continue  # an orphan that was swept meanwhile
            finally:
                bar.update(1)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


# --- the database --------------------------------------------------------------------------------------------


def _copy_database(settings: Settings, copy: Path) -> None:
    if settings.sqlite:
        _copy_sqlite(Path(settings.database_url.removeprefix("sqlite:///")), copy)
    else:
        run_postgres("pg_dump", settings, ["--format=custom", "--no-owner", "--no-acl", f"--file={copy}"])


def _copy_sqlite(source: Path, copy: Path) -> None:
    """SQLite's online backup: the copy is of one moment, writers go on meanwhile."""
    origin, made = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(copy)
    try:
        origin.backup(made, pages=PAGES, sleep=0.005)
    except sqlite3.Error as error:
        raise HelpdeskError(f"The database could not be copied: {error}.") from error
    finally:
        made.close()
        origin.close()


def run_postgres(program: str, settings: Settings, arguments: list[str]) -> None:
    """pg_dump or pg_restore against the configured database; the password goes by the environment, not the command."""
    url = make_url(settings.database_url)
    environment = {**os.environ, "PGPASSWORD": str(url.password or "")}
    place = [f"--dbname={url.set(drivername='postgresql', password=None).render_as_string(hide_password=False)}"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            [program, *place, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise HelpdeskError(f"{program} is needed for this database and was not found.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no details"])[-1]
        raise HelpdeskError(f"{program} failed: {last}")
