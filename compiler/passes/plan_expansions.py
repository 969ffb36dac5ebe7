"""Give each expansion a planner: the job that compiles it during the run."""

from __future__ import annotations

import shlex
from dataclasses import replace

from reana_batch import layout
from reana_batch.ir import Asked, Expansion, Need, Placed, Resources, Script, Step, Workflow, literal
from reana_batch.passes.context import Context

# Compiling 50,000 Snakemake jobs takes 0.8 GB and 42 s.
_MEMORY = 1024**3
_RUNTIME = 3600
# A front end that would expand without end is stopped here. A path has at most 4096 bytes.
_DEEPEST = 20


def plan_expansions(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with a one-job step for each expansion, under the expansion's name.

    So a step that waits for the expansion waits for this step, and the back end adds what the job compiles.

    >>> later = Expansion("fits", "fits", at(1), "the files that scan makes", needs=("scan",))
    >>> planned = plan_expansions(replace(workflow(step("scan")), expansions=(later,)), context())
    >>> [(each.name, [need.step for need in each.needs]) for each in planned.steps]
    [('scan', []), ('fits', ['scan'])]
    """
    if len(workflow.within) >= _DEEPEST:
        for expansion in workflow.expansions:
            message = f"Expansions can be nested at most {_DEEPEST} deep: {expansion.reason}."
            context.diagnostics.error("over-limit", message, expansion.origin)
    if context.target.sends_files:
        for expansion in workflow.expansions:
            message = f"{expansion.reason} can be known only by a job that sees the run, and {context.target.sends_files} is on."
            cure = "run it where workers share a file system with the login node."
            context.diagnostics.error("unsupported", message, expansion.origin, cure)
    planners = (_planner(expansion, context) for expansion in workflow.expansions)
    return replace(workflow, steps=(*workflow.steps, *planners))


def _planner(expansion: Expansion, context: Context) -> Step:
    return Step(
        name=expansion.name,
        label=expansion.label,
        origin=expansion.origin,
        action=Script((literal(_script(expansion, context), expansion.origin),), uses_python=True),
        needs=tuple(map(Need, expansion.needs)),
        asked=Asked(resources=_resources(context), credentials=expansion.credentials),
        placed=Placed(programs=context.target.submit_programs),
    )


def _script(expansion: Expansion, context: Context) -> str:
    """Return the command. It finds the run from the path of its own script, whatever the workspace is."""
    submit = " --submit" if context.target.submit_programs else ""
    where = f'"${{0%/{layout.BATCH}/steps/*}}"'
    return f'exec "$REANA_BATCH_PYTHON" -m reana_batch expand{submit} {where} {shlex.quote(expansion.name)}\n'


def _resources(context: Context) -> Resources:
    limits = context.site.limits
    return Resources(
        cpus=1,
        memory=min(_MEMORY, limits.memory or _MEMORY),
        runtime=min(_RUNTIME, limits.runtime or _RUNTIME),
    )
