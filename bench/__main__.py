"""`python -m bench NAME…` runs one benchmark (or all) and prints one JSON object each."""

from __future__ import annotations

import json
import sys
from importlib import import_module

NAMES = ("cpu", "pages", "search", "doorbell", "ingest", "ingest_cpu", "arrival", "tree", "sockets", "webhooks")


def main(names: list[str]) -> int:
    unknown = [n for n in names if n not in NAMES]
    if unknown:
        print(f"bench: there is no {', '.join(unknown)}; choose of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        print(json.dumps({"bench": name, **import_module(f"bench.{name}").run()}, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
