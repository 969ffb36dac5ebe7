"""The workflow between reading and writing."""

from __future__ import annotations

import pytest

from reana_batch.diagnostics import Place
from reana_batch.ir import (
    Asked,
    Column,
    Command,
    Hint,
    Need,
    Pattern,
    Placed,
    Repeated,
    Resources,
    RowMapping,
    Rows,
    Script,
    Step,
    Workflow,
    chunk_pattern,
    literal,
    parent_rows,
)

ORIGIN = Place("reana.yaml", 1)


def step(name: str, rows: int = 1, chunk_size: int = 1, needs: tuple[Need, ...] = ()) -> Step:
    table = Repeated(rows)
    return Step(
        name, name, ORIGIN, Script((literal(name, ORIGIN),)), table, needs, placed=Placed(chunk_size=chunk_size)
    )


def parents(need: Need, child: Step, parent: Step) -> dict[int, tuple[int, ...]]:
    """Return the parent's chunks of each chunk, if the need lists them."""
    pattern = chunk_pattern(need, child, parent)
    assert not isinstance(pattern, Pattern)
    return {chunk: pattern(chunk) for chunk in range(child.chunks)}


EACH = Need("parent", Pattern.EACH)
ALL = Need("parent")


@pytest.mark.parametrize(("child_chunk", "parent_chunk"), [(1, 1), (2, 2), (2, 3)])
def test_all_stays_all(child_chunk: int, parent_chunk: int) -> None:
    assert chunk_pattern(ALL, step("child", 6, child_chunk), step("parent", 6, parent_chunk)) is Pattern.ALL


@pytest.mark.parametrize("chunk_size", [1, 2, 6])
def test_each_stays_each_between_steps_with_equal_chunks(chunk_size: int) -> None:
    assert chunk_pattern(EACH, step("child", 6, chunk_size), step("parent", 6, chunk_size)) is Pattern.EACH


EACH_CHUNKS = {
    # rows, child's chunk size, parent's: child's chunk -> parent's chunks
    (5, 1, 2): {0: (0,), 1: (0,), 2: (1,), 3: (1,), 4: (2,)},
    (5, 2, 1): {0: (0, 1), 1: (2, 3), 2: (4,)},
    (7, 3, 2): {0: (0, 1), 1: (1, 2), 2: (3,)},
    (5, 5, 2): {0: (0, 1, 2)},
    (5, 2, 5): {0: (0,), 1: (0,), 2: (0,)},
}


@pytest.mark.parametrize("sizes", EACH_CHUNKS)
def test_each_between_steps_chunked_differently(sizes: tuple[int, int, int]) -> None:
    rows, child_chunk, parent_chunk = sizes
    assert parents(EACH, step("child", rows, child_chunk), step("parent", rows, parent_chunk)) == EACH_CHUNKS[sizes]


def test_row_mapping_between_chunks() -> None:
    need = Need("parent", RowMapping(((), (1, 5), (2, 6), (3, 7))))
    child, parent = step("child", 4, 2), step("parent", 8, 3)
    # rows 1, 2 and 3 wait for 1, 5; 2, 6; 3, 7
    assert parents(need, child, parent) == {0: (0, 1), 1: (0, 1, 2)}


def test_row_mapping_between_rows() -> None:
    need = Need("parent", RowMapping(((0, 1), (2, 3))))
    assert parents(need, step("child", 2), step("parent", 4)) == {0: (0, 1), 1: (2, 3)}


def test_parents_of_a_row() -> None:
    assert parent_rows(EACH, 3) == (3,)
    assert parent_rows(Need("parent", RowMapping(((), (0, 1)))), 1) == (0, 1)


@pytest.mark.parametrize(
    ("rows", "chunk_size", "chunks"), [(1, 1, 1), (5, 1, 5), (5, 2, 3), (6, 2, 3), (5, 5, 1), (5, 9, 1)]
)
def test_number_of_chunks(rows: int, chunk_size: int, chunks: int) -> None:
    assert step("fit", rows, chunk_size).chunks == chunks


def test_runtime_of_a_job_is_that_of_its_rows() -> None:
    timed = Step("a", "a", ORIGIN, Script(()), placed=Placed(resources=Resources(runtime=60), chunk_size=5))
    assert timed.job_runtime == 300
    assert step("a").job_runtime is None


def test_runtime_of_a_fused_job_is_that_of_its_commands() -> None:
    commands = (literal("fit", ORIGIN), literal("plot", ORIGIN))
    fused = Step("a", "a", ORIGIN, Script(commands), placed=Placed(resources=Resources(runtime=60)))
    assert fused.job_runtime == 120


def test_text_of_a_command() -> None:
    command = Command(("fit ", Column("mass"), " > ", Column("mass"), ".txt"), ORIGIN)
    assert command.text({"mass": "$125 'GeV'"}) == "fit $125 'GeV' > $125 'GeV'.txt"
    assert not command.is_literal
    assert literal("fit", ORIGIN).is_literal
    assert literal("fit", ORIGIN).text({}) == "fit"


def test_rows_can_be_walked_twice() -> None:
    assert [list(Repeated()), list(Repeated())] == [[()], [()]]


def test_graph_is_derived_from_needs() -> None:
    workflow = Workflow("w", "serial", (step("parent", 3), step("a", 3, needs=(EACH,)), step("b", needs=(ALL,))))
    assert list(workflow.graph().nodes) == ["parent", "a", "b"]
    assert list(workflow.graph().edges(data="pattern")) == [
        ("parent", "a", Pattern.EACH),
        ("parent", "b", Pattern.ALL),
    ]
    assert workflow.job_count == 7


def test_step_by_name() -> None:
    workflow = Workflow("w", "serial", (step("a"), step("b")))
    assert workflow.step("b") is workflow.steps[1]
    with pytest.raises(KeyError) as fault:
        workflow.step("c")
    assert fault.value.args == ("c",)


# --- tables and mappings ---------------------------------------------------------------------------


def test_tables_print_compare_and_hash() -> None:
    first, same, other = (Rows(("n",), ((cell,), ("b",))) for cell in "aac")
    assert (first == same, hash(first) == hash(same), first == other) == (True, True, False)
    assert repr(first) == "Rows(columns=('n',), rows=(('a',), ('b',)))"
    assert (first.count, list(first), list(first)) == (2, [("a",), ("b",)], [("a",), ("b",)])
    assert (Repeated(3) == Repeated(3), repr(Repeated(3)), list(Repeated(2))) == (True, "Repeated(count=3)", [(), ()])


def test_steps_compare_and_hash_by_all_that_they_say() -> None:
    hint = Hint("4", ORIGIN)
    asked = [Asked(hints=dict(names)) for names in ({"a": hint, "b": hint}, {"b": hint, "a": hint}, {"a": hint})]
    first, same, other = (Step("a", "a", ORIGIN, Script(()), asked=each) for each in asked)
    assert (first == same, hash(first) == hash(same), first == other) == (True, True, False)
    mapped = step("b", needs=(Need("a", RowMapping(((0,),))),))
    assert hash(mapped) == hash(step("b", needs=(Need("a", RowMapping(((0,),))),)))
    assert repr(mapped.needs) == "(Need(step='a', pattern=RowMapping(parents=((0,),))),)"


def test_a_step_is_the_same_if_nothing_new_is_placed() -> None:
    first = step("a")
    assert first.with_placed(chunk_size=1) is first
    assert first.with_placed(chunk_size=2).placed == Placed(chunk_size=2)
