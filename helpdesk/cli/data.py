"""`import` and `export`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from helpdesk.cli import context
from helpdesk.cli.channel import find


@click.group("import")
def import_() -> None:
    """Bring customers or old mail along. Doing it twice changes nothing."""


@import_.command("customers")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would happen and change nothing.")
@context.as_json
def customers(file: Path, dry_run: bool, as_json: bool) -> int:
    """Customers of a CSV FILE: name, given_name, salutation, email, phone, organization, locale, notes, vip."""
    from helpdesk.transfers import importing

    progress = context.no_bar if as_json else context.bar
    with context.app():
        told = importing.read_customers(file, rehearse=dry_run, progress=progress)
    if as_json:
        context.show(vars(told))
    else:
        would = "would be " if dry_run else ""
        click.echo(f"{told.made} {would}made, {told.completed} {would}completed, {told.known} known already.")
        for line, why in told.problems:
            click.echo(f"Line {line} is left out: {why}", err=True)
    return 1 if told.problems else 0


@import_.command("mail")
@click.argument("paths", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, path_type=Path))
@click.option("--channel", "name", required=True, help="The email channel they belong to (name, id or key).")
@click.option("--wait", is_flag=True, help="Until the workers of a running desk have taken everything in.")
def mail(paths: tuple[Path, ...], name: str, wait: bool) -> None:
    """Old mail: message files, mboxes, or folders of them. It is history: no clock, no answer, no survey."""
    from helpdesk.extensions import db
    from helpdesk.transfers import importing

    with context.app():
        channel = find(db.session(), name)
        channel_id = channel.id
        new, known = importing.read_mail(paths, channel, progress=context.bar)
        click.echo(f"{new} mails stored, {known} known already; the workers take them in.")
        while wait and importing.waiting(channel_id):
            time.sleep(0.5)


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@context.as_json
def export(file: Path, as_json: bool) -> None:
    """Write customers, tickets, messages, ratings, events and files into FILE, a zip of JSON lines."""
    from helpdesk.transfers import exporting

    with context.app():
        counts = exporting.write(file, progress=context.no_bar if as_json else context.bar)
    if as_json:
        context.show(counts)
        return
    told = ", ".join(f"{count} {name.replace('-', ' ')}" for name, count in counts.items() if name != "missing")
    click.echo(f"{file}: {told}." + (f" {counts['missing']} files were not there." if counts["missing"] else ""))


COMMANDS = (import_, export)
