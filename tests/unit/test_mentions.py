"""Which inputs a script may read, by the names in its text."""

from __future__ import annotations

import pytest

from reana_batch.run.mentions import mentions

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
    assert mentions(path, TEXTS).are_in(script) is concerned
