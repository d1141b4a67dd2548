"""Translations: `python -m tools.translations compile | update | check`.

compile  merge translations/<locale>/LC_MESSAGES/messages.po and translations/parts/*.po into messages.mo
update   collect the strings of the source, put parts into the catalogues, mark what is missing
check    fail when a string of the source has no translation, or two parts translate it differently

A part is a plain .po file; it is Vietnamese unless its header names another Language.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "translations"
DEFAULT_LOCALE = "vi"
SOURCES = ("helpdesk", "connectors", "workers", "templates", "frontend/src")
KEYWORDS = ["_l", "lazy_gettext", "pgettext:1c,2", "npgettext:1c,2,3"]


def catalogue_path(locale: str) -> Path:
    return TRANSLATIONS / locale / "LC_MESSAGES" / "messages.po"


def locales() -> list[str]:
    found = {path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/messages.po")}
    return sorted(found | {_locale_of(part) for part in _parts()})


def merged(locale: str) -> Catalog:
    """The catalogue of `locale` with the parts laid over its gaps; its own translations win."""
    path = catalogue_path(locale)
    catalogue = _load(path, locale) if path.exists() else Catalog(locale=locale)
    _lay_parts(catalogue, locale)
    return catalogue


def disputed(locale: str) -> list[str]:
    """What a part translates otherwise than a part before it."""
    return _lay_parts(Catalog(locale=locale), locale)


def _lay_parts(catalogue: Catalog, locale: str) -> list[str]:
    refused = []
    for part in _parts():
        if _locale_of(part) == locale:
            fresh = _translated(_load(part, locale))
            refused += [f"{part.name}: {_key(message)!r}" for message in fresh if not _lay(catalogue, message)]
    return refused


def compile_all() -> list[Path]:
    """Write every messages.mo that differs from what is there; their paths."""
    written = []
    for locale in locales():
        target = catalogue_path(locale).with_suffix(".mo")
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name("messages.mo.tmp")
        with new.open("wb") as file:
            write_mo(file, merged(locale))
        if target.exists() and target.read_bytes() == new.read_bytes():
            new.unlink()
        else:
            new.replace(target)
            written.append(target)
    return written


def update() -> None:
    template = _extract()
    for locale in locales():
        catalogue = merged(locale)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        path = catalogue_path(locale)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, sort_output=True, omit_header=False, include_lineno=False)
        print(f"{locale}: {len(list(_translated(catalogue)))} of {len(catalogue)} translated")


def missing(locale: str) -> list[str]:
    """The strings of the source that have no translation in `locale`."""
    catalogue = merged(locale)
    have = {(message.context, _key(message)) for message in _translated(catalogue)}
    return [_key(message) for message in _extract() if message.id and (message.context, _key(message)) not in have]


def _extract() -> Catalog:
    pot = TRANSLATIONS / "messages.pot"
    keywords = [part for word in KEYWORDS for part in ("-k", word)]
    sources = [name for name in SOURCES if (ROOT / name).exists()]
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract", "-F", "babel.cfg", *keywords]
    command += ["--no-location", "--project=helpdesk", "-o", str(pot), *sources]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603
    try:
        with pot.open("rb") as file:
            return read_po(file)
    finally:
        pot.unlink()


def _parts() -> list[Path]:
    return sorted((TRANSLATIONS / "parts").glob("*.po"))


def _load(path: Path, locale: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=locale, abort_invalid=True)


def _locale_of(part: Path) -> str:
    for line in part.read_text(encoding="utf-8").splitlines()[:30]:
        if line.startswith('"Language: '):
            return line.removeprefix('"Language: ').split("\\n")[0].strip() or DEFAULT_LOCALE
    return DEFAULT_LOCALE


def _translated(catalogue: Catalog) -> Iterator[Message]:
    for message in catalogue:
        text = message.string if isinstance(message.string, str) else "".join(message.string)
        if message.id and text and not message.fuzzy:
            yield message


def _lay(catalogue: Catalog, message: Message) -> bool:
    """False when another translation of it is there already."""
    there = catalogue.get(message.id, message.context)
    if there is None:
        catalogue.add(message.id, message.string, context=message.context, flags=message.flags)
    elif not "".join(there.string):
        there.string = message.string
    return there is None or there.string == message.string


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def main() -> int:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "compile":
        compile_all()
    elif command == "update":
        update()
        compile_all()
    elif command == "check":
        found = [f"{locale}: no translation of {text!r}" for locale in locales() for text in missing(locale)]
        found += [f"{locale}: translated otherwise by {text}" for locale in locales() for text in disputed(locale)]
        for line in found:
            print(line)
        return 1 if found else 0
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
