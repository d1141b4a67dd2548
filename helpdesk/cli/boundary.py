"""Where a command's errors become one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click

from helpdesk.errors import ConfigError, HelpdeskError, Invalid

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def run(command: click.Command) -> int:
    """Run with sys.argv; returns the exit code."""
    try:
        result = command.main(standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "helpdesk"
        return _say(f"{error.format_message().rstrip('.')}. Try '{where} --help'.", USAGE)
    except ConfigError as error:
        return _say(str(error), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _say("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the command's boundary: a person gets a sentence, HELPDESK_DEBUG=1 the traceback
        if os.environ.get("HELPDESK_DEBUG"):
            traceback.print_exc()
        return _say(sentence(error), FAILED)


def sentence(error: Exception) -> str:
    """One line for a person."""
    if isinstance(error, Invalid) and error.fields:
        return " ".join(f"{name}: {told}" for name, told in error.fields.items())
    if isinstance(error, HelpdeskError):
        return error.message
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or ["no details"]
    if type(error).__name__ == "OperationalError":  # SQLAlchemy's, which takes too long to import for a name
        return f"The database does not answer: {lines[0].rstrip('.')}."
    return f"{type(error).__name__}: {lines[0]} (HELPDESK_DEBUG=1 shows where)"


def _say(text: str, code: int) -> int:
    click.echo(f"helpdesk: {' '.join(text.split())}", err=True)
    return code
