"""Download declared inputs before the first steps, and upload declared outputs after the last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reana_batch import layout
from reana_batch.credentials import OPEN_TO_ALL
from reana_batch.diagnostics import suggestion
from reana_batch.ir import (
    Asked,
    Column,
    Command,
    DataFile,
    Need,
    Placed,
    Resources,
    Rows,
    Script,
    Step,
    Workflow,
    last_steps,
)
from reana_batch.passes.context import Context
from reana_batch.site import Site
from reana_batch.writing.render import for_shell

# The Rucio that the user's own secrets name. Its other name is the secret VONAME.
DEFAULT_INSTANCE = "default"


def stage_data(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with steps for its data: a step per credential, a row per reference.

    The first steps wait for all downloads. Uploads wait for the last steps.
    Expansions stage nothing, because the workflow around them does.

    >>> data = DataFile("https://a/b.csv", at(1), False, "https", "https://a/b.csv", "b.csv", credential="none")
    >>> staged = stage_data(replace(workflow(step("fit")), data=(data,)), context())
    >>> [(each.label, [need.step for need in each.needs]) for each in staged.steps]
    [('stage-in', []), ('fit', ['stage-in.none'])]
    """
    if not workflow.data or workflow.within:
        return workflow
    _check_instances(workflow.data, context)
    coming = tuple(file for file in workflow.data if not file.is_output)
    going = tuple(file for file in workflow.data if file.is_output)
    last = tuple(Need(step.name) for step in last_steps(workflow.steps))
    before = tuple(_staging("stage-in", coming, (), context.site))
    after = tuple(_staging("stage-out", going, last, context.site))
    first = tuple(Need(step.name) for step in before)
    steps = (step if step.needs else step._replace(needs=first) for step in workflow.steps)
    return replace(workflow, steps=(*before, *steps, *after))


def _check_instances(data: Iterable[DataFile], context: Context) -> None:
    """Record each Rucio that neither the site nor the user's secrets name."""
    own = re.split("[,:]", context.facts.secrets.value("VONAME"))[0]
    if context.facts.secrets.elsewhere:  # VONAME is not known here
        return
    known = tuple(dict.fromkeys((DEFAULT_INSTANCE, *([own] if own else []), *context.site.data.rucio_instances)))
    for file in data:
        if file.scheme == "rucio" and file.instance not in known:
            others = f"known: {', '.join(known)}; name others in data.rucio_instances."
            message = f'{context.site.name} knows no Rucio "{file.instance}".'
            hint = suggestion(file.instance, known, others)
            context.diagnostics.error("unknown-rucio", message, file.place, hint)


def _staging(label: str, files: Iterable[DataFile], needs: tuple[Need, ...], site: Site) -> Iterator[Step]:
    """Yield a step for each credential that opens ``files``, in their order."""
    by_credential: dict[str, list[DataFile]] = {}
    for file in files:
        by_credential.setdefault(_credential(file, site), []).append(file)
    for credential, opened in by_credential.items():
        yield _step(label, credential, tuple(opened), needs, site)


def _needed(credential: str) -> frozenset[str]:
    """Return what a job asks for to open a file: nothing if anyone may open it."""
    return frozenset() if credential == OPEN_TO_ALL else frozenset({credential})


def _credential(file: DataFile, site: Site) -> str:
    if file.scheme == "rucio":
        return "rucio"
    return file.credential or str(getattr(site.data, f"{file.scheme}_credential"))


def _step(label: str, credential: str, files: tuple[DataFile, ...], needs: tuple[Need, ...], site: Site) -> Step:
    rows = tuple((_assignments(_facts(file, credential, site)),) for file in files)
    return Step(
        name=f"{label}.{credential}",
        label=label,
        origin=files[0].place,
        action=Script((_command(label, files[0], site),)),
        needs=needs,
        table=Rows(("facts",), rows),
        asked=Asked(resources=Resources(runtime=site.data.runtime), credentials=_needed(credential)),
        placed=Placed(data=files),
    )


def _facts(file: DataFile, credential: str, site: Site) -> dict[str, object]:
    """Return the variables of a file for the scripts that copy it."""
    hosts = site.data.rucio_instances.get(file.instance, {})
    facts: dict[str, object] = {
        "reference": file.text,
        "scheme": file.scheme,
        "address": file.address,
        "path": file.path,
        "credential": credential,
        "rse": file.rse,
        "rucio_host": hosts.get("rucio_host", ""),
        "auth_host": hosts.get("auth_host", ""),
    }
    if file.is_output:
        facts |= {
            "dataset": file.dataset,
            "lifetime": file.lifetime or "",
            "overwrite": "yes" if file.overwrite else "",
        }
    return facts


def _assignments(facts: Mapping[str, object]) -> str:
    return "".join(f"{name}={for_shell(value)}\n" for name, value in facts.items())


def _command(label: str, first: DataFile, site: Site) -> Command:
    """Return the command of a row: its quoted facts, and the script that reads them."""
    data = site.data
    common = {"setup": data.setup or "", "streams": data.streams, "attempts": data.attempts, "timeout": data.timeout}
    script = f'. "${{REANA_WORKSPACE%/*}}/{layout.DATA_SCRIPTS}/{label}.sh"\n'
    return Command((Column("facts"), _assignments(common) + script), first.place)
