"""The `helpdesk` command. Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong usage or configuration."""

from __future__ import annotations

import os
import sys

import click

from helpdesk.cli import boundary


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="helpdesk", prog_name="helpdesk")
@click.option("--config", "config", type=click.Path(dir_okay=False), help="config.toml to read (or HELPDESK_CONFIG).")
def cli(config: str | None) -> None:
    """A self-hosted omnichannel helpdesk: email, web chat, Telegram and phone in one inbox."""
    if config:
        os.environ["HELPDESK_CONFIG"] = config


def _add_commands() -> None:
    from helpdesk.cli import backup, channel, data, install, mail, people, serve, setting

    for module in (serve, install, people, channel, setting, mail, backup, data):
        for command in module.COMMANDS:
            cli.add_command(command)


_add_commands()


def main() -> None:
    """Entry point: errors become one sentence and an exit code."""
    sys.exit(boundary.run(cli))


__all__ = ["cli", "main"]
