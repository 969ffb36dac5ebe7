"""The completion of bash, zsh and fish: click's, with words that hold ``=`` or blanks.

In bash the whole line is read, because bash splits words at ``=``. After ``NAME=`` no shell adds a blank.
"""

from __future__ import annotations

import os
import re
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS=${COMP_LINE:0:COMP_POINT} COMP_BREAKS=$COMP_WORDBREAKS %(complete_var)s=bash_complete "$1")
    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local kind value help
    local -a answer plain unfinished described
    (( $+commands[%(prog_name)s] )) || return 1
    answer=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) %(complete_var)s=zsh_complete %(prog_name)s)}")
    for kind value help in $answer; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $value == *= ]]; then unfinished+=("$value")
                elif [[ $help == _ ]]; then plain+=("$value")
                else described+=("$value:$help")
                fi ;;
        esac
    done
    (( ! $#described )) || _describe -V names described -U
    (( ! $#plain )) || compadd -U -V plain -a plain
    (( ! $#unfinished )) || compadd -U -S '' -V unfinished -a unfinished
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _WholeWord(ShellComplete):
    """Completes ``--option=VALUE`` as one word, of which click returns the value alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        option = re.match("--[^=]+=", incomplete)
        for item in found if option else ():
            item.value = f"{option[0] if option else ''}{item.value}"
        return found


class Bash(_WholeWord, BashComplete):
    """Reads the line up to the cursor, and answers with what follows the last character at which bash splits words."""

    source_template = _BASH
    _begun = ""  # the part of the word that bash counts as another word
    _quoted = False

    def source(self) -> str:
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        *words, last = split_arg_string(f"{line}x")  # without the x a blank at the end would be lost
        incomplete = last[:-1]
        breaks = [at for at, char in enumerate(incomplete) if char in "=:" and char in os.environ["COMP_BREAKS"]]
        self._begun = incomplete[: breaks[-1] + 1] if breaks else ""
        self._quoted = re.search(r"""(^|\s)["'][^"']*$""", line) is not None
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        value = str(item.value)
        if self._quoted:  # bash then splits the word at blanks and quotes alone
            return f"{item.type},{value}"
        return f"{item.type}," + re.sub(r"([^\w@%+=:,./-])", r"\\\1", value.removeprefix(self._begun))


class Zsh(_WholeWord, ZshComplete):
    """Adds no blank after ``NAME=``."""

    source_template = _ZSH


class Fish(_WholeWord, FishComplete):
    """As click's."""


def register() -> None:
    """Let click use these classes."""
    for each in (Bash, Zsh, Fish):
        add_completion_class(each)
