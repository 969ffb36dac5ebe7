"""The walk through a workflow: which jobs there are, what they get, and what only the run can know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .records import FEATURES, HEAD, expanded, find


def workflow(inputs: str, outputs: str, steps: str) -> str:
    return f"{HEAD}{FEATURES}inputs: {inputs}\noutputs: {outputs}\nsteps:\n{steps}"


def out(job: str, port: str) -> dict[str, Any]:
    return {"$out": [job, port]}


TWO = workflow(
    "{word: string}",
    "{said: {type: File, outputSource: b/said}}",
    """\
  b: {run: echo.cwl, in: {word: {source: a/words, valueFrom: '$(self[0])'}}, out: [said]}
  a: {run: split.cwl, in: {}, out: [words]}
""",
)


def test_a_job_names_the_results_that_it_takes(tmp_path: Path) -> None:
    found = find(tmp_path, TWO, {"word": "x"})
    assert found.names() == ["a", "b"]
    assert found.inputs("b") == {"word": out("a", "words")}
    assert found.outputs == {"said": out("b", "said")}
    assert [(step.label, *step.place) for step in found.steps] == [
        ("a", "workflow.cwl", 12, 3),
        ("b", "workflow.cwl", 11, 3),
    ]


SCATTER = workflow(
    "{words: 'string[]', numbers: 'int[]'}",
    "{said: {type: Any, outputSource: s/said}}",
    """\
  s:
    run: echo.cwl
    scatter: [word, number]
    scatterMethod: METHOD
    in: {word: words, number: numbers}
    out: [said]
""",
)


@pytest.mark.parametrize(
    ("method", "names", "shape"),
    [
        ("dotproduct", ["s[0]", "s[1]"], ["s[0]", "s[1]"]),
        ("flat_crossproduct", ["s[0]", "s[1]", "s[2]", "s[3]"], ["s[0]", "s[1]", "s[2]", "s[3]"]),
        (
            "nested_crossproduct",
            ["s[0][0]", "s[0][1]", "s[1][0]", "s[1][1]"],
            [["s[0][0]", "s[0][1]"], ["s[1][0]", "s[1][1]"]],
        ),
    ],
)
def test_slices_of_a_scatter_are_jobs(tmp_path: Path, method: str, names: list[str], shape: list[Any]) -> None:
    found = find(tmp_path, SCATTER.replace("METHOD", method), {"words": ["a", "b"], "numbers": [1, 2]})
    assert found.names() == names
    assert found.inputs(names[1]) == {"word": "b" if method == "dotproduct" else "a", "number": 2}
    assert found.outputs == {"said": named(shape)}


def named(shape: Any) -> Any:
    """Return the value of nested lists of results."""
    return {"$items": list(map(named, shape))} if isinstance(shape, list) else out(shape, "said")


@pytest.mark.parametrize(
    ("method", "words", "expected"),
    [
        ("dotproduct", [], []),
        ("flat_crossproduct", ["a", "b"], []),
        ("nested_crossproduct", ["a", "b"], [[], []]),
        ("nested_crossproduct", [], []),
    ],
)
def test_an_empty_scatter_has_no_jobs(tmp_path: Path, method: str, words: list[str], expected: list[Any]) -> None:
    found = find(tmp_path, SCATTER.replace("METHOD", method), {"words": words, "numbers": []})
    assert (found.jobs, found.outputs) == ([], {"said": expected})


def test_lists_of_a_dotproduct_are_equally_long(tmp_path: Path) -> None:
    found = find(tmp_path, SCATTER.replace("METHOD", "dotproduct"), {"words": ["a"], "numbers": [1, 2]})
    assert found.said() == [
        ("document", 13, "The lists of a dotproduct must be equally long: word has 1, number has 2 items.")
    ]


INSIDE = workflow(
    "{words: 'string[]'}",
    "{said: {type: Any, outputSource: w/last}}",
    """\
  w:
    scatter: word
    in: {word: words}
    out: [last]
    run:
      class: Workflow
      inputs: {word: string}
      outputs: {last: {type: File, outputSource: e/said}}
      steps:
        s: {run: split.cwl, in: {}, out: [words]}
        e: {run: echo.cwl, in: {word: word}, out: [said]}
""",
)


def test_steps_of_a_workflow_inside_are_steps(tmp_path: Path) -> None:
    found = find(tmp_path, INSIDE, {"words": ["a", "b"]})
    assert found.names() == ["w[0]/s", "w[0]/e", "w[1]/s", "w[1]/e"]
    assert {step.label for step in found.steps} == {"w/s", "w/e"}
    assert len(found.tasks) == 2
    assert found.outputs == {"said": {"$items": [out("w[0]/e", "said"), out("w[1]/e", "said")]}}


CONDITION = workflow(
    "{run_it: boolean, word: string?}",
    "{said: {type: 'File?', outputSource: [e/said, f/said], pickValue: first_non_null}}",
    """\
  e: {run: echo.cwl, when: $(inputs.run_it), in: {run_it: run_it, word: word}, out: [said]}
  f: {run: echo.cwl, in: {word: {default: other}}, out: [said]}
""",
)


@pytest.mark.parametrize("run_it", [True, False])
def test_a_known_condition_is_decided_here(tmp_path: Path, run_it: bool) -> None:
    found = find(tmp_path, CONDITION, {"run_it": run_it, "word": "x"})
    assert found.names() == (["e", "f"] if run_it else ["f"])
    if not run_it:
        expected: Any = {"$picked": ["first_non_null", {"$items": [None, out("f", "said")]}]}
        assert found.outputs == {"said": expected}


def test_a_condition_that_is_no_boolean_is_a_fault(tmp_path: Path) -> None:
    found = find(tmp_path, CONDITION.replace("$(inputs.run_it)", "$(inputs.word)"), {"run_it": True, "word": "x"})
    assert found.said() == [("document", 11, "when must be true or false. It is 'x'.")]


def test_without_evaluation_jobs_decide(tmp_path: Path) -> None:
    found = find(tmp_path, CONDITION, {"run_it": False, "word": "x"}, evaluate=False)
    assert found.names() == ["e", "f"]


EXPRESSION = workflow(
    "{number: int}",
    "{said: {type: Any, outputSource: s/said}}",
    """\
  d: {run: double.cwl, in: {number: number}, out: [doubled, many]}
  s: {run: echo.cwl, scatter: number, in: {number: d/many, word: {default: x}}, out: [said]}
""",
)


def test_a_known_expression_is_evaluated(tmp_path: Path) -> None:
    found = find(tmp_path, EXPRESSION, {"number": 4})
    assert found.names() == ["s[0]", "s[1]"]
    assert found.inputs("s[1]") == {"number": 4, "word": "x"}


def test_a_scatter_over_a_result_is_for_the_run(tmp_path: Path) -> None:
    found = find(tmp_path, EXPRESSION, {"number": 4}, evaluate=False)
    assert found.names() == ["d"]
    (pending,) = found.pending
    assert (pending.label, pending.reason) == ("s", "how many items d makes")
    assert found.outputs == {"said": {"$later": ["s", "said"]}}
    then = expanded(tmp_path, found, {"d.many": [5, 6]})
    assert then.names() == ["s[0]", "s[1]"]
    assert then.inputs("s[1]") == {"number": 6, "word": "x"}
    assert then.outputs == {"s": {"said": {"$items": [out("s[0]", "said"), out("s[1]", "said")]}}}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_expansion_finds_the_jobs_that_the_compiler_would(tmp_path: Path, count: int) -> None:
    words = [f"w{number}" for number in range(count)]
    now = find(tmp_path, INSIDE, {"words": words})
    later = find(tmp_path, INSIDE, {"words": words}, defer=True)
    assert later.names() == ["all-inputs"]
    then = expanded(tmp_path, later, {"all-inputs.words": words})
    assert then.names() == now.names()
    assert then.outputs["w"]["last"] == now.outputs["said"]


BRANCH = workflow(
    "{word: string, big: boolean}",
    "{said: {type: Any, outputSource: w/last}}",
    """\
  a: {run: split.cwl, in: {}, out: [words, run, cores]}
  w:
    when: $(inputs.go)
    in: {go: GO, words: a/words}
    out: [last]
    run:
      class: Workflow
      requirements: {ScatterFeatureRequirement: {}}
      inputs: {go: boolean, words: 'string[]'}
      outputs: {last: {type: Any, outputSource: e/said}}
      steps:
        e: {run: echo.cwl, scatter: word, in: {word: words}, out: [said]}
""",
)


def test_a_condition_on_a_result_is_for_the_run(tmp_path: Path) -> None:
    found = find(tmp_path, BRANCH.replace("GO", "a/run"), {"word": "x", "big": True})
    assert [(each.name, each.reason) for each in found.pending] == [("w", "what a makes")]
    assert expanded(tmp_path, found, {"a.run": False, "a.words": []}).outputs == {"w": {"last": None}}
    assert expanded(tmp_path, found, {"a.run": True, "a.words": ["x"]}).names() == ["w/e[0]"]


def test_a_condition_on_known_values_is_decided_although_others_are_not_known(tmp_path: Path) -> None:
    found = find(tmp_path, BRANCH.replace("GO", "big"), {"word": "x", "big": True})
    assert [(each.name, each.reason) for each in found.pending] == [("w/e", "how many items a makes")]
    assert find(tmp_path, BRANCH.replace("GO", "big"), {"word": "x", "big": False}).pending == []


RESOURCES = workflow(
    "{numbers: 'int[]'}",
    "{said: {type: Any, outputSource: s/said}}",
    """\
  a: {run: split.cwl, in: {}, out: [cores]}
  s:
    run: echo.cwl
    scatter: number
    in: {number: numbers, cores: SOURCE, word: {default: x}}
    out: [said]
    requirements:
      ResourceRequirement: {coresMin: $(inputs.NAME), ramMin: 100, outdirMin: 3, tmpdirMin: 4}
      ToolTimeLimit: {timelimit: 60}
""",
)


def test_jobs_have_the_resources_that_their_inputs_decide(tmp_path: Path) -> None:
    text = RESOURCES.replace("SOURCE", "a/cores").replace("NAME", "number")
    found = find(tmp_path, text, {"numbers": [1, 2, 2]})
    assert found.pending == []
    asked = [found.steps[job.step] for job in found.jobs if job.name.startswith("s")]
    assert [each.cpus for each in asked] == [1, 2, 2]
    assert (asked[0].memory, asked[0].disk, asked[0].runtime) == (100 * 2**20, 7 * 2**20, 60)
    assert len(found.steps) == 3


def test_resources_that_a_result_decides_are_for_the_run(tmp_path: Path) -> None:
    tool = RESOURCES.replace("run: echo.cwl", "run: cores.cwl").replace("SOURCE", "a/cores").replace("NAME", "cores")
    (tmp_path / "cores.cwl").write_text(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\n"
        "inputs: {number: int, cores: int, word: string}\noutputs: {said: stdout}\n"
    )
    found = find(tmp_path, tool, {"numbers": [1]})
    assert [(each.name, each.reason) for each in found.pending] == [("s[0]", "what resources its jobs need")]
    then = expanded(tmp_path, found, {"a.cores": 4})
    assert (then.names(), then.steps[0].cpus) == (["s[0]"], 4)


HINTS = workflow(
    "{word: string}",
    "[]",
    """\
  e:
    run: echo.cwl
    in: {word: word}
    out: [said]
    hints: {reana: {kerberos: false, compute_backend: slurmcern}, DockerRequirement: {dockerPull: busybox}}
""",
).replace("inputs:", "hints:\n- class: reana\n  kerberos: true\ninputs:", 1)


def test_hints_of_the_workflow_come_first(tmp_path: Path) -> None:
    (step,) = find(tmp_path, HINTS, {"word": "x"}).steps
    assert [(name, value) for name, value, _ in step.hints] == [
        ("kerberos", True),
        ("kerberos", False),
        ("compute_backend", "slurmcern"),
    ]
    assert (step.image, step.image_required, step.command) == ("busybox", False, True)


def test_only_what_a_target_needs_is_left(tmp_path: Path) -> None:
    assert find(tmp_path, TWO, {"word": "x"}, target="said").names() == ["a", "b"]
    found = find(tmp_path, TWO, {"word": "x"}, target="sayd")
    assert (found.faults[0].kind, found.faults[0].words) == ("target", ["sayd", "word", "a", "b", "said"])


def test_a_target_can_be_a_step_or_an_input(tmp_path: Path) -> None:
    assert find(tmp_path, TWO, {"word": "x"}, target="a").names() == ["a"]
    assert find(tmp_path, TWO, {"word": "x"}, target="b").names() == ["a", "b"]
    assert find(tmp_path, TWO, {"word": "x"}, target="word").names() == []  # no step takes it
    scatter = SCATTER.replace("METHOD", "dotproduct")
    assert find(tmp_path, scatter, {"words": ["x"], "numbers": [1]}, target="words").names() == ["s[0]"]


def test_a_single_tool_is_a_step(tmp_path: Path) -> None:
    found = find(tmp_path, TWO, {"word": "x"}, document="echo.cwl")
    assert (found.names(), found.outputs) == (["echo"], {"said": out("echo", "said")})
    assert found.inputs("echo") == {"word": "x", "number": None}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text("ab", max_size=2), max_size=4), numbers=st.lists(st.integers(0, 3), max_size=3))
def test_a_flat_crossproduct_is_the_nested_one_without_its_inner_lists(
    tmp_path: Path, words: list[str], numbers: list[int]
) -> None:
    nested, flat = (
        find(tmp_path, SCATTER.replace("METHOD", method), {"words": words, "numbers": numbers})
        for method in ("nested_crossproduct", "flat_crossproduct")
    )
    assert [nested.inputs(name) for name in nested.names()] == [flat.inputs(name) for name in flat.names()]
