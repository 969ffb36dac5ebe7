"""Let a run fail if declared outputs are missing at its end and the user asked for this."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.diagnostics import Place
from reana_batch.ir import Need, Script, Step, Workflow, last_steps
from reana_batch.passes.context import Context

# The step that checks the outputs if a workflow has several last steps. Front ends never make this name.
CHECK_NAME = "outputs.check"


def require_outputs(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with the declared outputs required of its last step. REANA only warns.

    A workflow with several last steps gets one more, which waits for all of them and runs nothing.
    Expansions have no such check, because the workflow around them waits for them.

    >>> fit = replace(workflow(step("fit")), output_files=("fit.json",))
    >>> [each.outputs for each in require_outputs(fit, context(strict_outputs=True)).steps]
    [('fit.json',)]
    """
    outputs = workflow.output_files + workflow.output_directories
    if not (context.strict_outputs and outputs and workflow.steps) or workflow.within:
        return workflow
    last = last_steps(workflow.steps)
    if len(last) == 1 and last[0].table.count == 1 and last[0].name not in workflow.expansion_names:
        demanding = last[0]._replace(outputs=last[0].outputs + outputs)
        steps = tuple(demanding if step is last[0] else step for step in workflow.steps)
    else:
        needs = tuple(Need(step.name) for step in last)
        origin = Place(workflow.steps[0].origin.file, 1)
        check = Step(CHECK_NAME, "outputs", origin, Script(()), needs=needs, outputs=outputs)
        steps = (*workflow.steps, check)
    return replace(workflow, steps=steps)
