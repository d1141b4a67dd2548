"""`email parse`: what the mail parser makes of files."""

from __future__ import annotations

import json

import click

from helpdesk.config import load


@click.group()
def email() -> None:
    """Mail files."""


@email.command("parse")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--trusted-host", "trusted", multiple=True, help="Its Authentication-Results are believed.")
@click.option("--own-address", "own", multiple=True, help="An address of this desk: a machine may not answer it.")
def parse(files: tuple[str, ...], trusted: tuple[str, ...], own: tuple[str, ...]) -> None:
    """One JSON object a line for each mail in the files (RFC 5322 or mbox)."""
    from connectors.email.cli import parse_files

    for found in parse_files(files, {*trusted, *load().email.trusted_hosts}, own):
        click.echo(json.dumps(found, ensure_ascii=False))


COMMANDS = (email,)
