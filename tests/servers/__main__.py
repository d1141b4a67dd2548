"""python -m tests.servers [--all | --only NAME]: say what tests lack here; exit 1 when it was asked for."""

import sys

from tests.servers.machine import DEBIAN, available


def main(arguments: list[str]) -> int:
    found = available()
    if arguments[:1] == ["--only"]:
        found = {arguments[1]: found[arguments[1]]}
    missing = [tool for tool, path in found.items() if path is None]
    for tool in missing:
        print(f"Missing: {tool} (on Debian or Ubuntu, apt install {DEBIAN[tool]}). Tests that need it are skipped.")
    strict = bool(arguments)
    return 1 if missing and strict else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
