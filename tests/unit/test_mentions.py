"""Which inputs a script may read, by the names in its text."""

from __future__ import annotations

import re
from functools import partial

import pytest

from reana_batch.run.mentions import Mentions
from tests.growth import grows_with_its_input, instructions

TEXTS = {
    "code/fit.py": "from helpers import model\nopen('cuts.json')\n",
    "code/helpers.py": "# not here: data, fit\n",
    "code/plot.C": '#include "style.h"\n',
    "run.sh": "python3 code/fit.py data/*.root\n",
}


@pytest.mark.parametrize(
    ("script", "path", "concerned"),
    [
        ("root -b plot.C", "plot.C", True),
        ("root -b ./code/plot.C", "code/plot.C", True),
        ("root -b myplot.C", "plot.C", False),
        ("root -b plot.Cpp", "plot.C", False),
        ("hadd all.root data/*.root", "data/a.root", True),
        ("hadd all.root data/*.root", "data/deep/a.txt", False),
        ("ls data", "data/a.root", True),
        ("cp -r . /somewhere", "data/a.root", True),
        (". setup.sh; true", "data/a.root", False),
        ('{"data":{"path":"b.root"}}', "data/a.root", False),
        ("python3 code/fit.py", "code/helpers.py", True),
        ("python3 code/fit.py", "cuts.json", True),
        ("bash run.sh", "cuts.json", True),
        ("bash run.sh", "data/a.root", True),
        ("root code/plot.C", "include/style.h", True),
        ("root code/plot.C", "code/helpers.py", False),
    ],
)
def test_what_a_script_names(script: str, path: str, concerned: bool) -> None:
    assert (path in Mentions([path], TEXTS).of_script(script)) is concerned


def _search(size: int) -> None:
    """Search scripts for inputs, each of which has a script and a text of its own."""
    re.purge()  # it holds patterns of the smaller search
    names = [f"s{number}" for number in range(size)]
    known = Mentions([f"data/{name}.root" for name in names], {f"{name}.txt": f"data/{name}.root" for name in names})
    for name in names:
        assert known.of_script(f"fit {name}.txt plots/{name}*") == {f"{name}.txt", f"data/{name}.root"}


def test_the_search_grows_with_the_number_of_inputs() -> None:
    costs = [instructions(partial(_search, size)) for size in (50, 100, 200)]
    assert grows_with_its_input(costs), costs
