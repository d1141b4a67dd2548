"""Read folders of mails with our parser and print what it made of them: `python -m tests.tools.score_mail FOLDER…`.

A folder with an expected.json ({"name": [{"addresses": […], "temporary": …}]}) is a set of bounces: how many were
recognised. Replies are scored where we know the new words: kept_lines.json beside this file names the lines of bare
texts ("1-4,7"), talon's standard replies all say "Hello", its HTML replies "Hi. I am fine.".
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.email import htmltext
from connectors.email.cli import parse_files
from connectors.email.quotes import split_reply

MAIL = {".eml", ".raw", ".txt", ".msg", ""}
WORD = re.compile(r"\w+")
NO_MAIL = re.compile(r"licen[cs]e|\.commit|\.git|_reply_text$", re.I)
STANDARD, HTML = "Hello", "Hi. I am fine. Thanks, Alex"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--show", action="store_true", help="print the new words of every mail")
    options = parser.parse_args()
    for folder in options.folders:
        figures = mails(folder, options.show) | bare_texts(folder)
        print(json.dumps({"folder": folder.name, **figures}, ensure_ascii=False))


def mails(folder: Path, show: bool = False) -> dict[str, Any]:
    """What the parser made of every mail below `folder`."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() in MAIL]
    files = [path for path in files if not NO_MAIL.search(path.name)]
    began = time.monotonic()
    found = list(parse_files(files))
    seconds = time.monotonic() - began
    counts: Counter[str] = Counter(mails=0, exceptions=0, dropped=0)
    for mail in found:
        counts["mails"] += 1
        counts["auto " + mail["auto"]] += 1
        counts["exceptions"] += any(defect.startswith("parser") for defect in mail["defects"])
        counts["reply lost"] += bool(mail["text"].strip()) and not mail["reply_text"].strip()
        if show:
            print(f"--- {mail['file']} ({mail['auto']}) {mail['defects']}\n{mail['reply_text']}\n")
    counts["dropped"] = len(files) - len({mail["file"] for mail in found})
    speed = {"mails_per_s": round(len(found) / seconds)} if found else {}
    return {**counts, **speed, **bounces(folder, found), **replies(_standard(found))}


def bounces(folder: Path, found: list[dict[str, Any]]) -> dict[str, Any]:
    """How many of the expected bounces were recognised, with the same addresses, and taken as lightly."""
    path = next(folder.rglob("expected.json"), None)
    if path is None:
        return {}
    expected = json.loads(path.read_text())
    counts: Counter[str] = Counter(bounces=0)
    missed, wrong = [], []
    for mail in found:
        name = Path(mail["file"]).name
        lasting = {a.lower() for one in expected.get(name, []) if not one["temporary"] for a in one["addresses"]}
        passing = {a.lower() for one in expected.get(name, []) if one["temporary"] for a in one["addresses"]}
        if not lasting | passing:
            continue
        got = {one["email"].lower(): one["permanent"] for one in (mail["bounce"] or {}).get("recipients", [])}
        counts["bounces"] += 1
        counts["recognised"] += bool(got)
        counts["same addresses"] += set(got) == lasting | passing
        counts["temporary"] += len(passing - lasting)
        counts["temporary taken as soft"] += sum(not got.get(one, True) for one in passing - lasting)
        counts["hard"] += sum(got.values())
        counts["soft"] += len(got) - sum(got.values())
        if not got:
            missed.append(name)
        elif set(got) != lasting | passing:
            wrong.append(name)
    return {**counts, "missed": missed, "other addresses": wrong}


def bare_texts(folder: Path) -> dict[str, Any]:
    """Texts without headers, and HTML replies, as the splitter alone sees them."""
    kept: dict[str, str] = json.loads(Path(__file__).with_name("kept_lines.json").read_text())
    pairs: list[tuple[str, str, str]] = []
    for path in sorted(folder.rglob("*.txt")):
        lines = kept.get(f"{folder.name}/{path.name}")
        if lines is not None:
            text = path.read_text("utf-8", "replace")
            pairs.append((path.name, _lines(text, lines), split_reply(text).reply))
    for path in sorted(folder.rglob("html_replies/*.html")):
        text = htmltext.to_text(path.read_text("utf-8", "replace"))
        pairs.append((path.name, HTML, split_reply(text).reply))
    return replies(iter(pairs), "texts") if pairs else {}


def _standard(found: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for mail in found:
        if "standard_replies" in mail["file"]:
            yield Path(mail["file"]).name, STANDARD, mail["reply_text"]


def _lines(text: str, spans: str) -> str:
    lines, kept = text.split("\n"), list[str]()
    for span in spans.split(","):
        first, _, last = span.partition("-")
        kept += lines[int(first) - 1 : int(last or first)]
    return "\n".join(kept)


def replies(pairs: Iterator[tuple[str, str, str]], what: str = "replies") -> dict[str, Any]:
    """Of (name, wanted, got): how many are exact but for blanks, and the most words that one of them lost."""
    exact = total = 0
    worst = 0.0
    others = []
    for name, wanted, got in pairs:
        total += 1
        same = wanted.split() == got.split()
        exact += same
        worst = max(worst, lost(wanted, got))
        if not same:
            others.append(name)
    if not total:
        return {}
    return {
        what: total,
        f"{what} exact": exact,
        f"{what} most words lost": round(worst, 2),
        f"{what} not exact": others,
    }


def lost(wanted: str, got: str) -> float:
    """The share of the wanted words that are missing."""
    words = Counter(WORD.findall(wanted.lower()))
    missing = words - Counter(WORD.findall(got.lower()))
    return sum(missing.values()) / max(1, sum(words.values()))


if __name__ == "__main__":
    main()
