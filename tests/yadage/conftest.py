"""The runs of Yadage's own engine, which several tests compare with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import engine, flows

# The engine's answer for a flow, and the files that its run made.
Theirs = Callable[[str], tuple[engine.Answer, dict[str, str]]]


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    """The engine's runs. It runs each flow once, because that takes much longer than our run."""
    known: dict[str, tuple[engine.Answer, dict[str, str]]] = {}

    def run(flow: str) -> tuple[engine.Answer, dict[str, str]]:
        if flow not in known:
            workspace = flows.copy(flow, tmp_path_factory.mktemp("theirs") / flow)
            known[flow] = engine.run(workspace), flows.made(workspace, flow)
        return known[flow]

    return run
