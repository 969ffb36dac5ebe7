"""The graph of a workflow as Mermaid, Graphviz DOT, SVG and PNG."""

from __future__ import annotations

from reana_batch.diagnostics import refuse
from reana_batch.ir import Pattern, Step, Workflow

_PATTERN_WORDS = {Pattern.ALL: "", Pattern.EACH: "each"}


def _jobs(step: Step) -> str:
    return f"{step.table.count:,} jobs" if step.table.count > 1 else ""


def _edge_word(pattern: object) -> str:
    return _PATTERN_WORDS[pattern] if isinstance(pattern, Pattern) else "rows"


def mermaid(workflow: Workflow) -> str:
    """Return a Mermaid flowchart. Labels are quoted with HTML entities, as Mermaid requires."""
    number = {step.name: index for index, step in enumerate(workflow.steps)}
    reasons = _reasons(workflow)
    lines = ["flowchart TD"]
    for step in workflow.steps:
        parts = (step.title, reasons.get(step.name, ""), _jobs(step))
        label = "<br/>".join(_entities(part) for part in parts if part)
        start, end = ("{{", "}}") if step.name in reasons else ("[", "]")
        lines.append(f'  s{number[step.name]}{start}"{label}"{end}')
    for step in workflow.steps:
        for need in step.needs:
            word = _edge_word(need.pattern)
            arrow = f"-->|{word}|" if word else "-->"
            lines.append(f"  s{number[need.step]} {arrow} s{number[step.name]}")
    return "\n".join(lines) + "\n"


def _reasons(workflow: Workflow) -> dict[str, str]:
    """Return the reasons of expansions by step name. Their steps are drawn as hexagons."""
    return {expansion.name: expansion.reason for expansion in workflow.expansions}


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " -_.,:/()" else f"#{ord(c)};" for c in text)


def dot(workflow: Workflow) -> str:
    """Return a Graphviz digraph."""
    lines = [
        "digraph workflow {",
        '  graph [fontname="Helvetica", ranksep=0.35];',
        '  node [shape=box, style="rounded,filled", fillcolor="#eef3fa", color="#4a6fa5", fontname="Helvetica"];',
        '  edge [color="#4a6fa5", fontname="Helvetica", fontsize=10];',
    ]
    reasons = _reasons(workflow)
    for step in workflow.steps:
        parts = (step.title, step.asked.environment, reasons.get(step.name, ""), _jobs(step))
        label = "\\n".join(_escaped(part) for part in parts if part)
        shape = ", shape=hexagon" if step.name in reasons else ""
        lines.append(f'  "{step.name}" [label="{label}"{shape}];')
    for step in workflow.steps:
        for need in step.needs:
            word = _edge_word(need.pattern)
            label = f' [label="{word}"]' if word else ""
            lines.append(f'  "{need.step}" -> "{step.name}"{label};')
    return "\n".join([*lines, "}"]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def drawing(workflow: Workflow, form: str) -> bytes:
    """Return the picture in ``form``, svg or png. Raises Refused if Graphviz is not installed."""
    try:
        import pygraphviz
    except ImportError:
        hint = "pip install 'reana-batch[pictures]', or use --format mermaid, which GitHub and GitLab draw."
        raise refuse("missing-tool", f"Graphviz is needed for {form}, but it is not installed.", hint=hint) from None
    picture: bytes = pygraphviz.AGraph(string=dot(workflow)).draw(format=form, prog="dot")
    return picture
