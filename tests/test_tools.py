"""The build of front end and translations: what it reads, what it makes, what it leaves alone."""

import gettext
import gzip
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from tools import assets, translations

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'


@pytest.fixture
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(translations, "TRANSLATIONS", tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "vi" / "LC_MESSAGES").mkdir(parents=True)
    return tmp_path


def _vi(folder: Path) -> gettext.NullTranslations:
    with (folder / "vi/LC_MESSAGES/messages.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def test_parts_fill_the_gaps_of_the_catalogue(catalogues: Path) -> None:
    (catalogues / "vi/LC_MESSAGES/messages.po").write_text(
        HEADER + '\nmsgid "Send"\nmsgstr "Gửi"\n\nmsgid "Reply"\nmsgstr ""\n', encoding="utf-8"
    )
    (catalogues / "parts/inbox.po").write_text(
        'msgid "Reply"\nmsgstr "Trả lời"\n\nmsgid "%(num)d ticket"\nmsgid_plural "%(num)d tickets"\n'
        'msgstr[0] "%(num)d yêu cầu"\n\nmsgctxt "verb"\nmsgid "Open"\nmsgstr "Mở"\n',
        encoding="utf-8",
    )
    (catalogues / "parts/late.po").write_text('msgid "Send"\nmsgstr "Gửi đi"\n', encoding="utf-8")

    translations.compile_all()

    vi = _vi(catalogues)
    assert vi.gettext("Reply") == "Trả lời"
    assert vi.gettext("Send") == "Gửi"  # the catalogue's own word wins
    assert vi.ngettext("%(num)d ticket", "%(num)d tickets", 3) == "%(num)d yêu cầu"
    assert vi.pgettext("verb", "Open") == "Mở"
    assert translations.compile_all() == []  # nothing changed, nothing is written


def test_missing_translations_are_named(catalogues: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "checkout"
    (source / "templates").mkdir(parents=True)
    (source / "templates/page.html").write_text("{{ _('Send') }} {% trans %}Sign in{% endtrans %}")
    (source / "babel.cfg").write_text((translations.ROOT / "babel.cfg").read_text())
    monkeypatch.setattr(translations, "ROOT", source)
    (catalogues / "parts/inbox.po").write_text('msgid "Send"\nmsgstr "Gửi"\n', encoding="utf-8")

    assert translations.missing("vi") == ["Sign in"]

    translations.update()
    assert 'msgid "Sign in"\nmsgstr ""' in translations.catalogue_path("vi").read_text(encoding="utf-8")


def test_parts_that_disagree_are_named(catalogues: Path) -> None:
    """Else whichever comes first in the alphabet wins, and nobody knows."""
    (catalogues / "parts/a.po").write_text(
        'msgid "Send"\nmsgstr "Gửi"\n\nmsgid "Note"\nmsgstr "Ghi chú"\n', encoding="utf-8"
    )
    (catalogues / "parts/b.po").write_text(
        'msgid "Send"\nmsgstr "Gửi đi"\n\nmsgid "Note"\nmsgstr "Ghi chú"\n', encoding="utf-8"
    )

    assert translations.disputed("vi") == ["b.po: 'Send'"]


@pytest.mark.parametrize(("version", "taken"), [("v18.19.0", False), ("v20.0.0", True), ("nonsense", False)])
def test_an_old_node_is_ignored(version: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert (assets.node_on_path() is not None) is taken


@pytest.fixture(scope="module")
def manifest() -> dict[str, str]:
    assets.build()
    names: dict[str, str] = json.loads((assets.DIST / "manifest.json").read_text())
    return names


def test_a_second_build_does_nothing(manifest: dict[str, str]) -> None:
    assert assets.build() is False


def test_what_the_manifest_names_is_there(manifest: dict[str, str]) -> None:
    entries = {"app.js", "app.css", "public.css", "widget.css", "widget.js", "widget-loader.js", "public.js"}
    written = {name for name in entries if (assets.FRONTEND / "src" / name).exists()}
    assert written | {"icons.svg", "inter-latin.woff2", "inter-vietnamese.woff2"} <= set(manifest)
    assert all((assets.DIST / name).is_file() for name in manifest.values())


def _gzipped(name: str) -> int:
    content = (assets.DIST / name).read_bytes()
    return len(content) if name.endswith(".woff2") else len(gzip.compress(content))


def test_the_inbox_and_the_widget_are_light(manifest: dict[str, str]) -> None:
    first = ["app.js", "app.css", "icons.svg", "inter-latin.woff2", "inter-vietnamese.woff2"]
    chunks = [path.name for path in assets.DIST.glob("chunk-*.js")]
    shared = [name for name in chunks if name in (assets.DIST / manifest["app.js"]).read_text()]
    assert sum(_gzipped(manifest[name]) for name in first) + sum(map(_gzipped, shared)) <= 350_000
    if "widget-loader.js" in manifest:
        assert _gzipped(manifest["widget-loader.js"]) <= 30_000


def test_what_was_built_is_sent_packed_to_who_takes_it(app: Flask, manifest: dict[str, str]) -> None:
    client, address = app.test_client(), f"/static/dist/{manifest['app.css']}"
    plain = client.get(address, buffered=True)
    packed = client.get(address, headers={"Accept-Encoding": "gzip, br"}, buffered=True)
    assert plain.data == (assets.DIST / manifest["app.css"]).read_bytes() == gzip.decompress(packed.data)
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert packed.mimetype == plain.mimetype == "text/css"
    assert "Accept-Encoding" in plain.vary and "Accept-Encoding" in packed.vary
    assert packed.cache_control.max_age == plain.cache_control.max_age == 31536000
    refused = client.get("/static/dist/..%2f..%2fconfig.py", headers={"Accept-Encoding": "gzip"})
    assert refused.status_code == 404


def test_no_foreign_rule_looks_at_the_whole_page_when_a_node_comes(manifest: dict[str, str]) -> None:
    """`:has()` of parts that we do not have made the browser restyle everything with each message."""
    rules = re.findall(r"[^{}]*:has\([^{}]*(?=\{)", (assets.DIST / manifest["app.css"]).read_text())
    assert rules and [rule for rule in rules if ".hd-" not in rule and "[data-" not in rule] == []


def test_no_rule_is_about_whatever_stands_after_anything(manifest: dict[str, str]) -> None:
    """`legend + *` makes the browser look at all below a node's parent whenever the node comes or goes."""
    rules = re.findall(r"[^{}]+(?=\{)", (assets.DIST / manifest["app.css"]).read_text())
    wide = [rule for rule in rules if re.search(r"(^|[\s,>+~])(\*|[a-z][a-z0-9]*)[+~]\*", rule)]
    assert wide == []


def test_icons_are_found_however_they_are_named() -> None:
    node = assets.node_on_path() or assets.node_in_environment()
    assert node is not None
    text = """<use href="/x/icons.svg#mail"> {{ icon('phone') }} {{ icon("bolt", size=14) }} icon = "send"
    icon: str = "bell"
    {"icon": "tag"} badge(icon='star') // @icons mood-sad mood-happy
    {{ icon("flame" if state == "late" else "clock") }} ("mine", _("Mine"), "user")"""
    script = f"""import {{ sprite }} from './build/icons.mjs';
    const found = sprite([{json.dumps(text)}, 'icon("no-such-icon")'], 'node_modules/@tabler/icons/icons/outline');
    console.log([...found.svg.matchAll(/id="([^"]*)/g)].map((match) => match[1]).join(), found.unknown.join());"""
    found = subprocess.run(
        [node.node, "--input-type=module", "-e", script],
        cwd=assets.FRONTEND,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [
        "bell,bolt,clock,flame,mail,mood-happy,mood-sad,phone,send,star,tag,user",
        "no-such-icon",
    ]
