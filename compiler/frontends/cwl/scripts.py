"""Bash for the jobs whose command lines are known, and for outputs that such jobs make."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from reana_batch.columns import Columns, joined
from reana_batch.diagnostics import Place
from reana_batch.frontends.cwl.locations import files, mapped
from reana_batch.frontends.cwl.records import (
    FOLDER,
    JOBS_MARK,
    OUTPUT_OBJECT,
    OUTPUTS,
    PASSED,
    PASSED_PREFIXES,
    WORKSPACE,
    WORKSPACE_MARK,
    CommandRecord,
)
from reana_batch.frontends.cwl.values import Json
from reana_batch.ir import Command, Script, literal

# Names of variables, as words of bash.
_PASSED = " ".join([*PASSED, *(f'"${{!{prefix}@}}"' for prefix in PASSED_PREFIXES)])

# The job has made both directories of the row. In a container, the temporary directory of the machine is missing.
_START = f"""\
own={WORKSPACE_MARK}/$row
cd -- "$own" || exit
"""

# On the machine the command has only these variables, those of the tool, and those that credentials and REANA's clients
# need.
_ENVIRONMENT = f"""\
if [[ -n ${{APPTAINER_CONTAINER-}} ]]; then
  temporary=$(mktemp -d) || exit
  trap 'rm -rf -- "$temporary"' EXIT
  variables=(HOME="$PWD" TMPDIR="$temporary")
else
  variables=(-i HOME="$PWD" TMPDIR="$ROW_TMPDIR" PATH="$PATH")
  for name in {_PASSED}; do
    [[ -z ${{!name+set}} ]] || variables+=("$name=${{!name}}")
  done
fi
env "${{variables[@]}}" """

# The job checks that the file is there. A link may lead to a file that does not stay.
_CHECK = """\
[[ ! -d $own/{path} ]] || {{ echo 'The output {path} is a directory and not a file.' >&2; exit 1; }}
[[ ! -L $own/{path} ]] || cp --remove-destination -- "$(readlink -f "$own/{path}")" "$own/{path}" || exit
"""

# Write the text of the arguments to a file, which is complete or does not exist.
_WRITE = """\
write() {{ printf '%s' "$@" >"{path}.$BASHPID" && mv "{path}.$BASHPID" "{path}"; }}
write """

_COLLECT = f"""\
mkdir -p {FOLDER} {OUTPUTS} || exit
link() {{
  [[ ! $1 -ef {OUTPUTS}/$2 ]] || return 0
  rm -rf -- "{OUTPUTS}/$2" || exit
  ln -- "$(readlink -f -- "$1")" "{OUTPUTS}/$2" 2>/dev/null || cp -p -- "$1" "{OUTPUTS}/$2" || exit
}}
"""

# The server links more files than these in less time.
_MOST_LINKED = 50

_JOB = re.compile(re.escape(JOBS_MARK) + r"(\d+|own)")


# --- a step --------------------------------------------------------------------------------------


def script(
    commands: Sequence[CommandRecord],
    folder: str,
    directories: Sequence[str],
    columns: Columns,
    directory_of: Sequence[str],
    origin: Place,
) -> Script:
    """Return the script of a step whose rows have these commands, in these directories of a folder in the workspace.

    ``directory_of`` has the directories of all jobs, by their numbers.
    """

    def line(command: CommandRecord, directory: str) -> str:
        def place(match: re.Match[str]) -> str:
            return f"{WORKSPACE_MARK}/{directory if match[1] == 'own' else directory_of[int(match[1])]}"

        return _JOB.sub(place, _line(command))

    parts = [
        "row=",
        columns.column(directories),
        f"\n{_START}",
        *columns.split([*map(_made, commands)]),
        _ENVIRONMENT,
        *columns.split([*map(line, commands, directories)]),
        *columns.split([*map(_check, commands)]),
    ]
    return Script((Command(joined(parts), origin),), workspace=WORKSPACE_MARK, directories=folder)


def paths(commands: Sequence[CommandRecord], directories: Sequence[str]) -> Iterator[list[str]]:
    """Yield for each output the paths of the files that the rows make."""
    for made in zip(*(each.files for each in commands), strict=True):
        yield [f"{directory}/{file.path}" for directory, file in zip(directories, made, strict=True)]


def _line(command: CommandRecord) -> str:
    """Return what comes after ``env``: the command, which ends the script if it fails."""
    streams = (("<", command.stdin), (">", command.stdout), ("2>", command.stderr))
    words = map(shlex.quote, [*command.variables, *command.words])
    return " ".join([*words, *(f"{sign}{shlex.quote(path)}" for sign, path in streams if path)]) + " || exit\n"


def _made(command: CommandRecord) -> str:
    """Return the script that makes the folders of the streams of a job."""
    folders = {os.path.dirname(each) for each in (command.stdout, command.stderr)} - {""}
    return f"mkdir -p -- {' '.join(sorted(folders))} || exit\n" if folders else ""


def _check(command: CommandRecord) -> str:
    """Return the script that looks at the files of a job."""
    return "".join(_CHECK.format(path=path) for path in dict.fromkeys(each.path for each in command.files))


# --- the outputs of the workflow -----------------------------------------------------------------


def collecting(outputs: Mapping[str, Json], origin: Place) -> Script | None:
    """Return the script that brings the outputs together. None if bash cannot do that."""
    found = list(files(outputs))
    names = {unquote(str(each.get("location", ""))): str(each.get("basename")) for each in found}
    plain = all(name.startswith(WORKSPACE) and os.path.basename(name) == base for name, base in names.items())
    simple = not any(each["class"] != "File" or each.get("secondaryFiles") for each in found)
    if not (plain and simple and len(set(names.values())) == len(names) <= _MOST_LINKED):
        return None
    links = (f"link {shlex.quote(name.removeprefix(WORKSPACE))} {shlex.quote(base)}\n" for name, base in names.items())
    written = _written(OUTPUT_OBJECT, mapped(outputs, _linked))
    return Script((literal("".join([_COLLECT, *links, written]), origin),))


def _linked(file: dict[str, Any]) -> dict[str, Any]:
    base = str(file["basename"])
    path = f"{OUTPUTS}/{base}"
    more = {"format": file["format"]} if file.get("format") else {}
    word = shlex.quote(path)
    facts = {"size": _size(word), "checksum": _Text("sha1$", f'"$(sha1sum <{word} | cut -d" " -f1)"')}
    return {"class": "File", "location": f"{WORKSPACE}{quote(path)}", "basename": base, **more, **facts}


# --- JSON ----------------------------------------------------------------------------------------


class _Number(NamedTuple):
    """In a value: a number that bash finds."""

    word: str


class _Text(NamedTuple):
    """In a value: a text whose end bash finds. Nothing in that is special in JSON."""

    start: str
    word: str


def _size(path: str) -> _Number:
    return _Number(f'"$(stat -L -c %s -- {path})"')


def _written(path: str, value: Any) -> str:
    """Return the script that writes a value as JSON."""
    words: list[str] = []
    for is_word, pieces in itertools.groupby(_pieces(value), key=lambda piece: piece[0]):
        texts = [text for _, text in pieces]
        words += texts if is_word else [shlex.quote("".join(texts))]
    return f"{_WRITE.format(path=path)}{' '.join(words)} $'\\n'\n"


def _pieces(value: Any) -> Iterator[tuple[bool, str]]:
    """Yield the JSON of a value in pieces, and whether each is a word of bash."""
    if isinstance(value, _Number):
        yield True, value.word
    elif isinstance(value, _Text):
        yield False, json.dumps(value.start)[:-1]
        yield True, value.word
        yield False, '"'
    elif isinstance(value, Mapping):
        for number, (key, each) in enumerate(value.items()):
            yield False, f"{', ' if number else '{'}{json.dumps(key)}: "
            yield from _pieces(each)
        yield False, "}" if value else "{}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield False, ", " if number else "["
            yield from _pieces(each)
        yield False, "]" if value else "[]"
    else:
        yield False, json.dumps(value)
