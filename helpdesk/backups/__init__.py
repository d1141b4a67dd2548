"""One file that holds a whole desk: manifest, database, stored files.

A tar: `manifest.json` first, then `database` (an SQLite file, or pg_dump's custom format), then `files/<sha256>`.
"""

from __future__ import annotations

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database"
FILES = "files/"
KEY = "secret.key"
