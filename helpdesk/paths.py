"""Where templates, migrations and translations lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Folder or file `name` ("templates", "migrations", "config.example.toml") of this installation."""
    beside = PACKAGE.parent / name
    return beside if beside.exists() and (PACKAGE.parent / "pyproject.toml").exists() else PACKAGE / "_data" / name


STATIC = PACKAGE / "static"
