"""The runs of cwltool, which several tests compare with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import flows, oracle

# cwltool's answer for a flow.
Theirs = Callable[[str], oracle.Answer]


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    """The runs of cwltool. It runs each flow once."""
    known: dict[str, oracle.Answer] = {}

    def run(flow: str) -> oracle.Answer:
        if flow not in known:
            known[flow] = oracle.run(flows.copy(flow, tmp_path_factory.mktemp("theirs") / flow))
        return known[flow]

    return run
