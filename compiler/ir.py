"""The workflow between reading and writing: a graph of steps, each a job template and a table.

Everything is frozen, and passes return changed copies. Types with many instances are named tuples: to make and change
one takes a third of the time of a frozen dataclass. Edges follow from each step's ``needs``. The networkx graph is
derived from them. This module knows neither workflow languages nor batch systems.
"""

from __future__ import annotations

import enum
import itertools
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from reana_batch.diagnostics import Place
from reana_batch.target import Target

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Column:
    """A hole in a command. A cell of the job's row fills it."""

    name: str


class Command(NamedTuple):
    """A bash script of a step: literal text, with holes where the rows differ."""

    parts: tuple[str | Column, ...]
    origin: Place

    @property
    def is_literal(self) -> bool:
        return not any(isinstance(part, Column) for part in self.parts)

    def text(self, cells: Mapping[str, str]) -> str:
        """Return the script of the row with these cells."""
        return "".join(cells[part.name] if isinstance(part, Column) else part for part in self.parts)


def literal(text: str, origin: Place) -> Command:
    """Return a command that is the same for every row."""
    return Command((text,), origin)


@runtime_checkable
class Table(Protocol):
    """The rows of a step, one job each.

    Each iteration starts at the first row, so a table can make its rows one by one without storing them. Each kind of
    table is a frozen class of plain data, so that tables print, compare and hash.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def count(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[str, ...]]: ...


@dataclass(frozen=True, slots=True)
class Repeated:
    """A table without columns: all rows are the same."""

    count: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return itertools.repeat((), self.count)


@dataclass(frozen=True, slots=True)
class Rows:
    """A table that stores its rows, each with a cell for every column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def count(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self.rows)


class Pattern(enum.Enum):
    """The rows of a parent that a row waits for."""

    ALL = "all"  # every row of the child waits for every row of the parent
    EACH = "each"  # row i waits for row i; the tables have the same length


@dataclass(frozen=True, slots=True)
class RowMapping:
    """An explicit pattern: for each row of the child, the parent's rows that it waits for."""

    parents: tuple[tuple[int, ...], ...]


class Need(NamedTuple):
    """An edge, seen from the child: the parent step's name and the pattern.

    ``step`` may name an expansion, with the pattern ALL. Then the child starts when everything that the expansion has
    added is done, and everything that expansions inside it have added.
    """

    step: str
    pattern: Pattern | RowMapping = Pattern.ALL


class Hint(NamedTuple):
    """A resource hint as the user wrote it."""

    value: str | int | bool
    place: Place


class Resources(NamedTuple):
    """What a job asks the batch system for. None means the system's default."""

    cpus: int | None = None
    memory: int | None = None  # bytes
    disk: int | None = None  # bytes
    runtime: int | None = None  # seconds
    flavour: str | None = None  # HTCondor at CERN: a named runtime
    partition: str | None = None  # Slurm
    account: str | None = None  # HTCondor accounting group, Slurm account
    requirements: str | None = None  # HTCondor ClassAd expression
    gpus: int | None = None
    # Slurm, in the form of sbatch's options:
    gpu_model: str | None = None
    gres: str | None = None
    qos: str | None = None
    constraint: str | None = None
    reservation: str | None = None
    nodes: int | None = None
    tasks: int | None = None


@dataclass(frozen=True, slots=True)
class CredentialPlan:
    """How the jobs of a workflow get their credentials, each under REANA's hint.

    ``needed`` has two times in seconds after submission, and a label. The last job that needs the credential may
    start at the first time and end at the second. The label is that of its step.
    """

    sources: Mapping[str, str] = field(default_factory=dict, hash=False)  # of the credentials that a step asks for
    needed: Mapping[str, tuple[int, int, str]] = field(
        default_factory=dict, hash=False
    )  # of the credentials that are issued once
    environment: bool = False  # is the submitter's environment kept for the jobs?


@dataclass(frozen=True, slots=True)
class Image:
    """A container image and its places, the best first."""

    name: str  # as the user wrote it
    candidates: tuple[str, ...]  # directories and .sif files, used only if they exist, or docker:// addresses


@dataclass(frozen=True, slots=True)
class DataFile:
    """Declared data: downloaded to the workspace before the first step, or uploaded from it after the last."""

    text: str  # as the user wrote it
    place: Place
    is_output: bool
    scheme: str  # rucio, or the scheme of a URL
    address: str  # SCOPE:NAME of a DID, or the URL
    path: str  # in the workspace; for a dataset, the directory of its files
    instance: str = ""  # which Rucio
    rse: str = ""
    dataset: str = ""  # SCOPE:NAME
    lifetime: int | None = None  # seconds
    credential: str = ""  # kerberos, voms_proxy or none; if empty, the site decides
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file, link or empty folder that the reading of the workflow made. The run finds it in its workspace."""

    path: str
    mode: int
    content: bytes | None = None
    link: str = ""


class Server(NamedTuple):
    """A program in Python that the job starts once, and that runs the step's rows with the help of the job.

    ``docs/run-directory.md`` has what the job and the program say to each other.
    """

    module: str  # the job runs it by ``python -m``, with the folder of ``files`` as its argument
    files: tuple[tuple[str, str], ...] = ()  # names and texts; the step's folder in ``batch/steps`` holds them


class Script(NamedTuple):
    """How a row runs: bash commands in the image, one process each. The first that fails ends the row.

    With a ``server``, each command is the text of a request to it, and not bash.
    """

    commands: tuple[Command, ...]
    before: Command | None = None  # the front end's own command before them, in the workspace, without the image
    after: Command | None = None  # the same after them, before the outputs are checked
    uses_python: bool = False  # do the commands need the Python of the compiler, as $REANA_BATCH_PYTHON?
    workspace: str = ""  # the text that stands for the path of the workspace in all of them; the job replaces it
    directories: str = ""  # the folder in the workspace in which the job makes a directory for each row, by its stem
    server: Server | None = None

    @property
    def needs_python(self) -> bool:
        """Return whether its jobs start the Python of the compiler."""
        return self.uses_python or self.server is not None


class Asked(NamedTuple):
    """What the author of a step asks for. No pass changes it. Back ends do not read fields that passes translate."""

    environment: str = ""  # the image as the user wrote it
    hints: Mapping[str, Hint] = types.MappingProxyType({})
    resources: Resources = Resources()  # asked for by other means than hints; a hint overrides it
    credentials: frozenset[str] = frozenset()
    cvmfs: tuple[str, ...] = ()
    retries: int = 0  # how often a failed row runs again
    needs_image: bool = False  # must it not run without the image?

    def __hash__(self) -> int:
        return hash(tuple(self._replace(hints=frozenset(self.hints.items()))))  # type: ignore[arg-type]  # only to hash


class Placed(NamedTuple):
    """What passes decide for a step on the chosen systems. Each field has its default until its pass has run."""

    image: Image | None = None  # locate_images
    resources: Resources = Resources()  # map_resources
    credentials: frozenset[str] = frozenset()  # plan_credentials: those asked for, and those that these need
    chunk_size: int = 1  # chunk_rows: rows that one scheduler job runs one after the other
    target: Target | None = None  # the batch system that runs it, if the step is a guest
    bundle: int = 1  # scheduler jobs that one node submits to that system together
    duration: float | None = None  # seconds a row takes, as measured in an earlier run
    data: tuple[DataFile, ...] = ()  # stage_data: what each row downloads or uploads
    programs: tuple[str, ...] = ()  # plan_expansions: names or paths of programs that the worker must have


class Step(NamedTuple):
    """A job template and a table. Each row is one job.

    Identity: ``name``, ``label``, ``origin``, ``group`` and ``row_names``.
    How a row runs: ``action``. A second kind of action belongs next to :class:`Script`.
    The graph: ``table``, ``needs`` and ``outputs``. A row's values and its guard belong next to them.
    Then what is ``asked`` and what is ``placed``.
    """

    name: str  # safe and unique in the workflow
    label: str  # the user's name for it
    origin: Place
    action: Script
    table: Table = Repeated()
    needs: tuple[Need, ...] = ()
    outputs: tuple[str | Column, ...] = ()  # checked before the job counts as done
    asked: Asked = Asked()
    placed: Placed = Placed()
    group: int | None = None  # steps of one group are commands of the same step in reana.yaml
    row_names: tuple[tuple[str, Place], ...] = ()  # if the author named each row: the names, and their places

    def with_placed(self, **decided: Any) -> Step:
        """Return the step with these fields of ``placed``, or the step itself if nothing changes."""
        placed = self.placed
        for name, value in decided.items():
            if getattr(placed, name) != value:
                return self._replace(placed=placed._replace(**decided))
        return self

    @property
    def title(self) -> str:
        """The label, with the suffix of the name. A name has a dot only before a suffix that we add."""
        _, dot, suffix = self.name.partition(".")
        return f"{self.label}{dot}{suffix}"

    @property
    def chunks(self) -> int:
        """The number of scheduler jobs."""
        return -(-self.table.count // self.placed.chunk_size)

    @property
    def nodes(self) -> range:
        """The first scheduler job of each node of a graph. Without ``target``, every job is a node."""
        return range(0, self.chunks, self.placed.bundle)

    @property
    def job_runtime(self) -> int | None:
        """The seconds that a scheduler job asks for: the limit of one command, times the number of its commands."""
        runtime = self.placed.resources.runtime
        return None if runtime is None else runtime * self.placed.chunk_size * max(1, len(self.action.commands))


@dataclass(frozen=True, slots=True)
class Expansion:
    """A part of the graph that only the run can know. Its planner compiles it when its ``needs`` are done.

    The planner calls the front end's ``load`` again. That workflow may have expansions too. The ``results`` are:

    - ``expansion``: the name.
    - ``state``: the mapping from here.
    - ``workspace``: the absolute path of the run's workspace. It equals ``spec.directory``.
    - ``learned``: what the workflows around the expansion, and the expansions that it waits for, have ``learned``.

    Steps and other expansions can wait for an expansion. They start when everything that it has added is done.
    """

    name: str  # safe, and unique among the steps and expansions of the workflow
    label: str  # the user's name for what the expansion waits for, such as a checkpoint's
    origin: Place
    reason: str  # what only the run can know, such as "the files that split makes"
    needs: tuple[str, ...] = ()  # names of the steps and expansions that must be done, all rows of each
    state: Mapping[str, Any] = field(default_factory=dict, hash=False)  # values of JSON; the same for the same analysis
    credentials: frozenset[str] = frozenset()  # those that later steps may need, because they are issued only once


@dataclass(frozen=True, slots=True)
class Workflow:
    """The graph of steps, in the author's order, and the inputs and outputs."""

    name: str
    type: str
    steps: tuple[Step, ...]
    expansions: tuple[Expansion, ...] = ()
    within: tuple[str, ...] = ()  # the expansions that this workflow is a part of, the outermost first
    awaited: bool = False  # does anything outside wait for all of this workflow, which is an expansion's?
    input_files: tuple[str, ...] = ()
    input_directories: tuple[str, ...] = ()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()  # Gherkin files for `reana-batch test`
    credential_plan: CredentialPlan = CredentialPlan()
    data: tuple[DataFile, ...] = ()
    made: tuple[MadeFile, ...] = ()
    # Facts for the expansions in this workflow, and for those that wait for it: a name, and a value of JSON.
    learned: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def step(self, name: str) -> Step:
        """Return the step of this name. An unknown name raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def graph(self) -> networkx.DiGraph[str]:
        """Return the graph of the names of steps and expansions. Each edge has its pattern as ``pattern``.

        When an expansion has its planner, that step is its node.
        """
        import networkx

        graph: networkx.DiGraph[str] = networkx.DiGraph()
        graph.add_nodes_from(step.name for step in self.steps)
        graph.add_edges_from(
            (need.step, step.name, {"pattern": need.pattern}) for step in self.steps for need in step.needs
        )
        planned = {step.name for step in self.steps}
        for expansion in self.expansions:
            if expansion.name not in planned:
                graph.add_node(expansion.name)
                graph.add_edges_from((name, expansion.name, {"pattern": Pattern.ALL}) for name in expansion.needs)
        return graph

    @property
    def expansion_names(self) -> frozenset[str]:
        return frozenset(expansion.name for expansion in self.expansions)

    @property
    def awaited_expansions(self) -> frozenset[str]:
        """The expansions that something waits for, in this workflow or outside. Each has its planner."""
        if self.awaited:
            return self.expansion_names
        return self.expansion_names & {need.step for step in self.steps for need in step.needs}

    @property
    def job_count(self) -> int:
        return sum(step.table.count for step in self.steps)


def last_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps that no other step waits for."""
    waited_for = {need.step for step in steps for need in step.needs}
    return tuple(step for step in steps if step.name not in waited_for)


def ending_in_any_case(steps: Sequence[Step]) -> set[str]:
    """Return the steps whose jobs count as done in the graph even if rows failed.

    All steps before such a step are included. Of the jobs that wait for one, some rows can start while others cannot.
    A graph knows only jobs, not rows. So jobs of several rows check the parents of each row themselves.
    """
    named = {step.name: step for step in steps}
    found: set[str] = set()
    left = [need.step for step in steps for need in step.needs if splits_jobs(need, step, named[need.step])]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [need.step for need in named[name].needs]
    return found


def splits_jobs(need: Need, child: Step, parent: Step) -> bool:
    """Return whether some rows of a job of ``child`` may start while others can never start.

    These wait for failed rows of ``parent``.
    """
    size = max(min(step.placed.chunk_size * step.placed.bundle, step.table.count) for step in (child, parent))
    return need.pattern is not Pattern.ALL and size > 1


# An edge between the chunks of two steps: ALL, EACH, or the parent's chunks by chunk.
ChunkPattern = Pattern | Callable[[int], tuple[int, ...]]


def chunk_pattern(need: Need, child: Step, parent: Step) -> ChunkPattern:
    """Return which chunks of ``parent`` a chunk of ``child`` waits for.

    EACH stays EACH between steps with equal chunks. Otherwise it becomes the chunks that contain the rows.
    """
    if need.pattern is Pattern.ALL:
        return Pattern.ALL
    if need.pattern is Pattern.EACH and child.placed.chunk_size == parent.placed.chunk_size:
        return Pattern.EACH

    def parents_of(chunk: int) -> tuple[int, ...]:
        rows = range(chunk * child.placed.chunk_size, min((chunk + 1) * child.placed.chunk_size, child.table.count))
        parents = (p for row in rows for p in parent_rows(need, row))
        return tuple(sorted({p // parent.placed.chunk_size for p in parents}))

    return parents_of


def parent_rows(need: Need, row: int) -> tuple[int, ...]:
    """Return the parent's rows that ``row`` waits for. The pattern must not be ALL."""
    if isinstance(need.pattern, RowMapping):
        return need.pattern.parents[row]
    assert need.pattern is Pattern.EACH
    return (row,)
