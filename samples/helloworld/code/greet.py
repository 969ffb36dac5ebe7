"""Greet everybody who is named in a file, one name per line."""

from __future__ import annotations

import argparse
from pathlib import Path


def greetings(greeting: str, names: str) -> str:
    """Return one line for each name; blank lines are skipped."""
    people = (line.strip() for line in names.splitlines())
    return "".join(f"{greeting} {person}!\n" for person in people if person)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", type=Path, help="the file to read")
    parser.add_argument("output", type=Path, help="the file to write")
    parser.add_argument("--greeting", default="Hello")
    options = parser.parse_args()

    text = greetings(options.greeting, options.names.read_text(encoding="utf-8"))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
