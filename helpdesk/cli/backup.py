"""`backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from helpdesk.cli import context
from helpdesk.config import load


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Put the secret key in too: keep such a backup like a password.")
def backup(file: Path, with_key: bool) -> None:
    """Save database and files into FILE while everything runs."""
    from helpdesk.backups import writing

    settings = load()
    with context.app(settings):
        pass
    facts = writing.write(settings, file, with_key=with_key, progress=context.bar)
    size = file.stat().st_size / 2**20
    click.echo(f"{file}: database and {facts['files']} files, {size:.1f} MB." + _key_note(with_key))


def _key_note(with_key: bool) -> str:
    if with_key:
        return " It holds the secret key: keep it like a password."
    return " Keep secret.key somewhere else too: without it channels must be given their passwords again."


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="An empty data folder.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="That desk's secret.key.")
def restore(file: Path, data: Path | None, key: Path | None) -> None:
    """Bring a backup into an empty data folder; nothing old is sent again by itself."""
    from dataclasses import replace

    from helpdesk.backups import reading

    settings = load()
    told = reading.restore(replace(settings, data=data or settings.data), file, key=key, progress=context.bar)
    click.echo(f"Restored the desk of {told['created_at']}: {told['files']} files.")
    if told["held"]:
        click.echo(
            f"{told['held']} messages that were waiting to be sent then are held back: "
            "they stand as 'unknown, check' in their tickets, with Retry."
        )


COMMANDS = (backup, restore)
