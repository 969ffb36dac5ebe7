"""What the grammar of Yadage workflows accepts, compared with Yadage's own library, and how it reads texts."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import jsonpath_rw
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from reana_batch.diagnostics import Diagnostics, Severity, render
from reana_batch.frontends.yadage import definition, formats, grammar, selection
from reana_batch.frontends.yadage.cycles import circles
from reana_batch.frontends.yadage.selection import Scope, Stage
from tests.unit.yadage_files import spec_in, with_defaults, write

STEP = """{process: {process_type: string-interpolated-cmd, cmd: 'echo {a}'}, environment: {environment_type: noop-env},
 publisher: {publisher_type: frompar-pub, outputmap: {o: a}}}"""
SINGLE = f"{{scheduler_type: singlestep-stage, parameters: {{a: 1}}, step: {STEP}}}"


def checked(folder: Path, text: str, parameters: dict[str, Any] | None = None) -> Diagnostics:
    write(folder, {"workflow.yml": text})
    diagnostics = Diagnostics()
    found = definition.read(spec_in(folder, diagnostics), folder, diagnostics)
    assert found is not None, render(diagnostics, diagnostics.sources)
    grammar.check(found, {"x": [1, 2]} if parameters is None else parameters, diagnostics)
    return diagnostics


def stage(scheduler: str, name: str = "s", dependencies: str = "[init]") -> str:
    return f"- name: {name}\n  dependencies: {dependencies}\n  scheduler: {scheduler}\n"


def single(parameters: str, body: str = f"step: {STEP}") -> str:
    return f"{{scheduler_type: singlestep-stage, parameters: {parameters}, {body}}}"


def step(process: str = "null", environment: str = "null", publisher: str = "") -> str:
    publisher = publisher or "{publisher_type: constant-pub, publish: {o: 1}}"
    return single("{a: 1}", f"step: {{process: {process}, environment: {environment}, publisher: {publisher}}}")


DOCKER = """{environment_type: docker-encapsulated, image: a, imagetag: b, envscript: e, env: {A: b}, workdir: null,
 resources: [CVMFS, {kerberos: true, kubernetes_memory_limit: 1Gi}]}"""
INNER = f"workflow: {{stages: [{{name: t, dependencies: [init], scheduler: {SINGLE}}}]}}"
REGISTERED = "register_values: {v: {expression_type: stage-output-selector, step: init, output: x}}"
GOOD: dict[str, str] = {
    "no dependencies": f"- name: s\n  scheduler: {SINGLE}\n",
    "dependencies as a mapping": stage(SINGLE, dependencies="{dependency_type: jsonpath_ready, expressions: [init]}"),
    "an expression": stage(single("{a: 1}", f"{REGISTERED}, step: {STEP}"))
    + stage(
        SINGLE,
        "t",
        "{dependency_type: expressions_fulfilled, expressions: [{expression_type: fromvalue, key: v}]}",
    ),
    "parameters as a list": stage(single("[{key: a, value: 1}, {key: b, value: {c: true}}]")),
    "an expression in a list": stage(
        single("[{key: a, value: {expression_type: stage-output-selector, steps: init, output: x}}]")
    ),
    "references": stage(single("{a: {step: init, output: x}}"))
    + stage(single("{a: {steps: s, output: o}}"), "t")
    + stage(single("{a: {stages: 's,t', output: o, flatten: true, unwrap: true}}"), "u")
    + stage(single("{a: {stages: '*'}, b: {stages: 's[0]', output: o}, c: {stages: s.`parent`, output: q}}"), "v"),
    "nested values": stage(single("{a: {b: [true, null, {c: 1.5}]}, d: [], e: '', f: -1}")),
    "zip": stage(
        f"{{scheduler_type: multistep-stage, parameters: {{a: [1, 2]}}, scatter: {{method: zip, parameters: [a]}}, step: {STEP}}}"
    ),
    "batches": stage(
        "{scheduler_type: multistep-stage, parameters: {a: [1, 2], b: 1}, batchsize: 2,"
        f" scatter: {{method: cartesian, parameters: [a]}}, step: {STEP}}}"
    )
    + stage(single("{a: {step: s, output: o}}"), "t"),
    "partitions": stage(
        "{scheduler_type: multistep-stage, parameters: {a: [1, 2], b: 1}, partitionsize: 1,"
        f" scatter: {{method: cartesian, parameters: [a]}}, step: {STEP}}}"
    )
    + stage(single("{a: {step: s, output: o}}"), "s_1"),
    "jq": stage(
        "{scheduler_type: jq-stage, bindings: {a: {$wflowref: ['.init', '.']}}, stepscript: '[.]', postscript: .,"
        f" step: {STEP}}}"
    ),
    "a sub-workflow": stage(single("{a: {step: init, output: x}}", f"{INNER}, workflow_opts: {{discover: true, relative: false}}"))
    + stage(single("{a: {stages: 's[*].t', output: o}, b: {stages: 's[*].init', output: a}}"), "after", "['s[*].t', s]"),
    "cases": stage(
        single("{a: 1}", f"cases: [{{if: .a, step: {STEP}}}, {{if: 'true', workflow: {{stages: []}}}}]")
    )
    + stage(single("{a: {stages: s, output: o}}"), "t"),
    "a script": stage(step("{process_type: interpolated-script-cmd, script: 'x {a} {{y}}', interpreter: python}", DOCKER)),
    "a local process": stage(step("{process_type: string-interpolated-cmd, cmd: x}", "{environment_type: localproc-env}")),
    "fromglob": stage(step(publisher="{publisher_type: fromglob-pub, globexpression: '*', outputkey: o}")),
    "fromyaml": stage(step(publisher="{publisher_type: fromyaml-pub, yamlfile: y}"))
    + stage(single("{a: {step: s, output: anything}}"), "t"),
    "fromparjq": stage(
        step(publisher="{publisher_type: fromparjq-pub, script: '{o: .a}', tryExact: true, glob: false, relative_paths: true}")
    ),
    "interpolated": stage(
        step(publisher="{publisher_type: interpolated-pub, publish: {o: '{workdir}/{a}', p: [1, '{a!r:>3}']}, glob: true}")
    ),
    "interpolated text": stage(step(publisher="{publisher_type: interpolated-pub, publish: '{a}', relative_paths: true}")),
    "nested outputs": stage(step(publisher="{publisher_type: frompar-pub, outputmap: {o: {p: a, q: [a, a]}}}"))
    + stage(single("{a: {step: s, output: o.p}, b: {step: s, output: '$.o.q[0]'}}"), "t"),
    "workdir in parameters": stage(single("{a: '{workdir}/x{{', b: ['{workdir}'], c: '{}{x}'}")),
    "a name that needs quotes": stage(SINGLE, '"my stage"') + stage(single("{a: {step: '\"my stage\"', output: o}}"), "t"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_the_library_accepts_has_no_faults(name: str, tmp_path: Path) -> None:
    text = "stages:\n" + GOOD[name]
    with_defaults(yaml.safe_load(text))
    diagnostics = checked(tmp_path, text)
    assert render(diagnostics, diagnostics.sources) == ""


REFUSED: dict[str, str] = {
    "a boolean": stage(single("{a: true}")),
    "null": stage(single("[{key: a, value: null}]")),
    "two bodies": stage(single("{a: 1}", f"step: {STEP}, workflow: {{stages: []}}")),
    "no body": stage("{scheduler_type: singlestep-stage, parameters: {}}"),
    "a key of a stage": "- name: s\n  scheduler: " + SINGLE + "\n  x: 1\n",
    "no dependency type": stage(SINGLE, dependencies="{expressions: []}"),
    "null dependencies": stage(SINGLE, dependencies="null"),
    "both sizes": stage(
        "{scheduler_type: multistep-stage, parameters: {}, batchsize: 1, partitionsize: 1,"
        f" scatter: {{method: zip, parameters: []}}, step: {STEP}}}"
    ),
    "another process": stage(step("{process_type: test-process}", "{environment_type: noop-env}")),
    "no publisher": stage(single("{a: 1}", "step: {process: null, environment: null}")),
    "a number as a tag": stage(
        step("null", "{environment_type: docker-encapsulated, image: a, imagetag: 1.0}")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_library_refuses_has_faults(name: str, tmp_path: Path) -> None:
    text = "stages:\n" + REFUSED[name]
    with pytest.raises((ValidationError, KeyError)):
        with_defaults(yaml.safe_load(text))
    assert checked(tmp_path, text).errors


def test_unknown_parameters_of_the_workflow_are_not_refused(tmp_path: Path) -> None:
    write(tmp_path, {"workflow.yml": "stages:\n" + stage(single("{a: {step: init, output: any}}"))})
    diagnostics = Diagnostics()
    found = definition.read(spec_in(tmp_path, diagnostics), tmp_path, diagnostics)
    assert found is not None
    grammar.check(found, None, diagnostics)
    assert diagnostics.errors == []


# --- fields ---------------------------------------------------------------------------------------


class Filler(str):
    """A value for every field."""

    def __getattr__(self, name: str) -> Filler:
        return self

    def __getitem__(self, key: Any) -> Filler:
        return self

    def __format__(self, form: str) -> str:
        return ""


class Named(dict[str, Any]):
    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def __missing__(self, key: str) -> Filler:
        self.asked.add(key)
        return Filler()


@given(st.text("{{{{}}}}ab:!r.[]x0 ", max_size=16))
@example("{a!r}{{b}}")
@example("{a[}]}")
@example("{a:{b}}")
@example("{[0]}")
@example("{a!x}")
@example("{a.b[c]:>{width}}")
def test_fields_are_those_of_python(text: str) -> None:
    named = Named()
    try:
        string.Formatter().vformat(text, (Filler(),) * 10, named)
        python: set[str] | None = named.asked - {""}  # Formatter does not number a field such as {[0]}; str.format does
    except (ValueError, IndexError, AttributeError):
        python = None
    try:
        ours: set[str] | None = {field.name for field in formats.fields(text)}
    except formats.BraceError:
        ours = None
    if python is not None and ours is not None:
        assert {name for name in ours if name and not name.isdecimal()} == python
    elif ours is None:
        assert python is None


@given(st.text("{{}}ab[]. ", max_size=12))
def test_every_brace_that_python_refuses_is_seen(text: str) -> None:
    assert (_brace(text) is None) == _is_read(text)


def _is_read(text: str) -> bool:
    try:
        list(string.Formatter().parse(text))
    except ValueError:
        return False
    return True


def _brace(text: str) -> str | None:
    """Return the first brace that is refused."""
    try:
        list(formats.fields(text))
    except formats.BraceError as error:
        return text[error.offset]
    return None


@pytest.mark.parametrize(("text", "brace"), [("a}b", "}"), ("{{{", "{"), ("{a}{b", "{"), ("{a!x}", "{"), ("}}", None)])
def test_the_refused_brace(text: str, brace: str | None) -> None:
    assert _brace(text) == brace


def test_fields_have_their_places() -> None:
    text = "{{x}} {a.b!r:>{width}} {}"
    assert [(text[f.offset : f.offset + len(f.text)], f.name) for f in formats.fields(text)] == [
        ("{a.b!r:>{width}}", "a"),
        ("{width}", "width"),
        ("{}", ""),
    ]


# --- JSONPath -------------------------------------------------------------------------------------

PATHS = st.text("ab.[]*0'\"|, $", max_size=8) | st.sampled_from(
    ["a.b", "a[*].b", "a,b", "$.a", "a | b", "a..b", "where"]
)


@settings(max_examples=40)  # the library makes its parser each time
@given(PATHS)
@example("a[0].b-c")
@example("where.a")
def test_a_jsonpath_is_readable_if_it_is_for_the_library(text: str) -> None:
    try:
        tree = jsonpath_rw.parse(text)
    except Exception:  # noqa: BLE001  # it has no class of its own
        with pytest.raises(selection.Unreadable):
            selection.alternatives(text)
    else:
        assert selection.alternatives(text) == tuple(selection._paths(tree))


@settings(max_examples=40)  # the library makes its parser each time
@given(PATHS)
def test_what_a_jsonpath_finds_is_what_the_library_finds(text: str) -> None:
    scope, inner = Scope(), Scope()
    for name in ("a", "c"):
        inner.stages[name] = Stage(name, ("inner", name), {})
    scope.stages = {"a": Stage("a", ("a",), {}), "b": Stage("b", ("b",), {}, [inner])}
    data = {"a": [{"_nodeid": "a"}], "b": [{"_offset": "b", "a": [{"_nodeid": "ba"}], "c": [{"_nodeid": "bc"}]}]}
    try:
        found = selection.find(text, scope)
    except selection.Unreadable:
        return
    matched = jsonpath_rw.parse(text).find(data)
    values = [match.value for match in matched]
    ids = {each["_nodeid"] for v in values for each in (v if isinstance(v, list) else [v]) if "_nodeid" in each}
    names = {("b" + name if stage.path[0] == "inner" else name) for stage in found.stages for name in [stage.name]}
    if not found.anything:
        assert ids <= names


@pytest.mark.parametrize(
    ("text", "stages", "missing"),
    [
        ("a", ["a"], []),
        ("a[*]", ["a"], []),
        ("a,b", ["a", "b"], []),
        ("a,x", ["a"], ["x"]),
        ("*", ["a", "b"], []),
        ("x", [], ["x"]),
        ("b[*].c", ["c"], []),
        ("b[0].x", [], ["x"]),
        ("a[*].c", [], ["c"]),
        ("b.c", [], []),
        ("$.a", ["a"], []),
        ("a | x", ["a"], ["x"]),
    ],
)
def test_a_jsonpath_finds_stages(text: str, stages: list[str], missing: list[str]) -> None:
    inner = Scope({"c": Stage("c", ("c",), {})})
    scope = Scope({"a": Stage("a", ("a",), {}), "b": Stage("b", ("b",), {}, [inner])})
    found = selection.find(text, scope)
    assert [stage.name for stage in found.stages] == stages
    assert [name for name, _ in found.missing] == missing
    assert not found.anything


def test_all_circles_are_found() -> None:
    needs = {"a": ["b"], "b": ["a", "c"], "c": ["c"], "d": ["e"], "e": []}
    assert list(circles(needs)) in ([["a", "b"], ["c"]], [["c"], ["a", "b"]])


# --- many stages ----------------------------------------------------------------------------------


def test_a_large_workflow_is_checked_in_one_walk(tmp_path: Path) -> None:
    """Each stage waits for the one before it. A search per stage would take minutes."""
    body = yaml.safe_load(STEP)
    stages = [
        {
            "name": f"s{i}",
            "dependencies": [f"s{i - 1}[0]"] if i else [],
            "scheduler": {
                "scheduler_type": "singlestep-stage",
                "parameters": {"a": {"step": f"s{i - 1}", "output": "o"} if i else 1},
                "step": body,
            },
        }
        for i in range(3000)
    ]
    diagnostics = checked(tmp_path, json.dumps({"stages": stages}))
    assert diagnostics.count(Severity.ERROR) == 0
