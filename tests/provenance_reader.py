"""What others read in the exports of a run: the validator of RO-Crates, and WfCommons.

The programs are in the environment of tests/install-provenance-tools.sh, which runs this file. Each line of stdin is a
request as JSON, and each line of stdout is an answer.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def use_own_context() -> None:
    """Give the validator the context that comes with rocrate, and nothing else of the network."""
    from rocrate_validator.utils.http import HttpRequester

    text = (resources.files("rocrate") / "data/ro-crate.jsonld").read_text("utf-8")
    known = json.loads(text)
    assert known["@id"] == CONTEXT

    def answer(_: object, url: str, *_args: object, **_more: object) -> SimpleNamespace:
        if url.rstrip("/") != CONTEXT:
            raise OSError(f"{url} is asked of the network")
        headers = {"Content-Type": "application/ld+json"}
        return SimpleNamespace(status_code=200, headers=headers, url=url, text=text, json=lambda: known)

    HttpRequester.get = HttpRequester.head = answer


def issues(crate: str, profiles: list[str]) -> dict[str, list[str]]:
    """Return what these profiles require and a crate lacks."""
    from rocrate_validator.models import Severity
    from rocrate_validator.services import ValidationSettings, validate

    found = {}
    for profile in profiles:
        result = validate(
            ValidationSettings(
                rocrate_uri=crate,
                profile_identifier=profile,
                requirement_severity=Severity.REQUIRED,
                abort_on_first=False,
            )
        )
        found[profile] = [f"{each.check.identifier}: {each.message}" for each in result.get_issues()]
    return found


def graph(crate: str) -> dict[str, Any]:
    """Return the tasks and edges that WfCommons reads in a crate. They are numbers, because it changes names."""
    from wfcommons.wfinstances.logs.ro_crate import ROCrateLogsParser

    workflow = ROCrateLogsParser(Path(crate), wms_name="reana-batch").build_workflow("test")
    number = {task: int(task.rpartition("_ID")[2]) - 1 for task in workflow.nodes}
    return {"tasks": sorted(number.values()), "edges": [[number[task] for task in edge] for edge in workflow.edges]}


def instance(file: str) -> dict[str, Any]:
    """Return the faults and edges that WfCommons sees in a file of its format, without the schema, which it would download."""
    from wfcommons.wfinstances import Instance
    from wfcommons.wfinstances.schema import SchemaValidator

    SchemaValidator._load_schema = lambda *_: {}
    validator = SchemaValidator()
    try:
        validator.validate_instance(json.loads(Path(file).read_text("utf-8")))
    except RuntimeError:
        assert validator.errors
    edges = [] if validator.errors else [list(edge) for edge in Instance(Path(file)).workflow.edges]
    return {"errors": validator.errors, "warnings": validator.warnings, "edges": edges}


REQUESTS = {"issues": issues, "graph": graph, "instance": instance}


def main() -> None:
    """Answer requests until stdin ends."""
    answers = sys.stdout
    use_own_context()
    for line in sys.stdin:
        name, *given = json.loads(line)
        with redirect_stdout(sys.stderr):
            found = REQUESTS[name](*given)
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
