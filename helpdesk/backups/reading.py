"""Bring a desk back into an empty folder. Nothing old leaves again by itself."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from helpdesk.backups import DATABASE, FORMAT, KEY, MANIFEST
from helpdesk.backups.writing import Progress, fingerprints, run_postgres
from helpdesk.config import Settings
from helpdesk.errors import HelpdeskError
from helpdesk.processes import folder
from helpdesk.storage import Storage

_STORED = re.compile(r"files/([0-9a-f]{64})")
_MAY_BE_THERE = {"secret.key", "run"}


def restore(settings: Settings, source: Path, *, key: Path | None, progress: Progress) -> dict[str, Any]:
    """Returns the manifest and `held`: how many messages wait for a person's decision. Raises HelpdeskError."""
    folder.prepare(settings.data)
    lock = folder.Lock(settings.data)
    try:
        _require_empty(settings)
        with tarfile.open(source, "r:") as tar:
            manifest = _manifest(tar, settings)
            made_key = _place_key(tar, settings, manifest, key)
            try:
                _unpack(tar, settings, manifest, progress)
            except BaseException:
                _clear(settings, made_key)
                raise
        _migrate(settings)
        manifest["held"] = _hold_back(settings, manifest["created_at"])
    except tarfile.TarError as error:
        raise HelpdeskError(f"{source} is not a helpdesk backup ({error}).") from error
    finally:
        lock.release()
    return manifest


def _require_empty(settings: Settings) -> None:
    others = sorted(p.name for p in settings.data.iterdir() if p.name not in _MAY_BE_THERE)
    if others:
        raise HelpdeskError(f"{settings.data.absolute()} is not empty ({others[0]}…); restore into an empty folder.")
    if not settings.sqlite:
        from sqlalchemy import create_engine, inspect

        engine = create_engine(settings.database_url)
        try:
            if inspect(engine).get_table_names():
                raise HelpdeskError("The configured database is not empty; restore into an empty one.")
        finally:
            engine.dispose()


def _manifest(tar: tarfile.TarFile, settings: Settings) -> dict[str, Any]:
    member = tar.next()
    file = tar.extractfile(member) if member is not None and member.name == MANIFEST else None
    if file is None:
        raise HelpdeskError("This is not a helpdesk backup: its manifest is missing.")
    manifest: dict[str, Any] = json.loads(file.read())
    if manifest.get("format") != FORMAT:
        raise HelpdeskError("This backup was made by a newer version; update first.")
    here = "sqlite" if settings.sqlite else "postgresql"
    if manifest["database"] != here:
        raise HelpdeskError(f"This backup is of {manifest['database']}, the configuration says {here} (database.url).")
    return manifest


def _place_key(tar: tarfile.TarFile, settings: Settings, manifest: dict[str, Any], key: Path | None) -> bool:
    """Have the key that opens the backup's secrets, before anything is unpacked. True when a file was made here."""
    target = settings.data / "secret.key"
    made = False
    if not settings.secret_key and not target.exists():
        text = key.read_text() if key is not None else _key_inside(tar, manifest)
        target.touch(mode=0o600)
        target.write_text(text)
        made = True
    if set(fingerprints(settings)) & set(manifest["keys"]):
        return made
    if made:
        target.unlink()
    raise HelpdeskError("The secret key is not the one of this backup: channels' passwords could not be opened.")


def _key_inside(tar: tarfile.TarFile, manifest: dict[str, Any]) -> str:
    if not manifest.get("with_key"):
        raise HelpdeskError("This backup was made without its secret key; name the file with --key.")
    file = tar.extractfile(tar.getmember(KEY))
    return file.read().decode() if file is not None else ""


def _unpack(tar: tarfile.TarFile, settings: Settings, manifest: dict[str, Any], progress: Progress) -> None:
    """Only names this format has are written, never a path of the archive's choice; every file is checked."""
    storage = Storage(settings.data / "files")
    with progress("Files", int(manifest["files"])) as bar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            if member.name == DATABASE:
                _place_database(settings, file)
            elif (stored := _STORED.fullmatch(member.name)) is not None:
                data = file.read()
                if hashlib.sha256(data).hexdigest() != stored[1]:
                    raise HelpdeskError(f"{member.name} in the backup is damaged.")
                storage.put(data)
                bar.update(1)


def _place_database(settings: Settings, file: Any) -> None:
    if settings.sqlite:
        target = Path(settings.database_url.removeprefix("sqlite:///"))
        with target.open("wb") as out:
            shutil.copyfileobj(file, out)
        _check_sqlite(target)
        return
    with tempfile.NamedTemporaryFile(dir=settings.data) as dump:
        shutil.copyfileobj(file, dump)
        dump.flush()
        run_postgres("pg_restore", settings, ["--no-owner", "--no-acl", "--exit-on-error", dump.name])


def _check_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        told = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise HelpdeskError(f"The database in the backup is damaged: {error}.") from error
    finally:
        connection.close()
    if told != "ok":
        raise HelpdeskError(f"The database in the backup is damaged: {told}.")


def _clear(settings: Settings, made_key: bool) -> None:
    """Leave the folder as empty as it was."""
    shutil.rmtree(settings.data / "files", ignore_errors=True)
    for name in ("helpdesk.db", "helpdesk.db-wal", "helpdesk.db-shm", *(["secret.key"] if made_key else [])):
        (settings.data / name).unlink(missing_ok=True)


# --- afterwards ----------------------------------------------------------------------------------------------


def _migrate(settings: Settings) -> None:
    from helpdesk.processes.preparing import migrate

    migrate(settings)


def _hold_back(settings: Settings, created_at: str) -> int:
    """What waited then may have been sent since: a person decides, message by message. Everybody signs in again."""
    from helpdesk.processes.entered import entered
    from helpdesk.services import restored
    from helpdesk.unit_of_work import unit_of_work

    with entered(settings), unit_of_work(actor="operator") as work:
        return restored.hold_back(work, created_at)
