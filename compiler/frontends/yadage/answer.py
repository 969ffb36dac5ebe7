"""The records of an expanded workflow: its jobs, the jobs that each waits for, and the stages that are left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from reana_batch.frontends.yadage import template
from reana_batch.frontends.yadage.expansion import Expansion, Group, Origin
from reana_batch.frontends.yadage.records import PROCESSES, GroupRecord, JobRecord, StageRecord
from reana_batch.frontends.yadage.states import Braces, Members

Record = tuple[str, NamedTuple]

# Steps without a job that have more jobs behind them get a name for these.
_FEW = 8


class Parents:
    """Finds the jobs that a job waits for, and names groups of them."""

    def __init__(self, expansion: Expansion) -> None:
        self._expansion = expansion
        self._added = frozenset((scope, name) for scope, name in expansion.past.stages)
        self._behind: dict[str, tuple[str, ...]] = {}
        self._names: dict[tuple[str, ...], str] = {}
        self._used: set[str] = set()
        self._taken: dict[tuple[str, tuple[str, str]], bool] = {}
        self._of_groups: dict[tuple[str, str], tuple[str, ...]] = {}
        self.records: list[GroupRecord] = []  # those that were not written yet

    def reported(self, origin: Origin) -> bool:
        """Return whether the answer has the jobs of a stage."""
        return self._expansion.request.past is None or self._expansion.made_by(origin, self._added)

    def behind(self, identifier: str) -> tuple[str, ...]:
        """Return the jobs and groups that stand for a step: the step itself, or what is behind one without a job."""
        if identifier not in self._behind:
            self._behind[identifier] = self._found(self._expansion.workflow.dag.getNode(identifier))
        return self._behind[identifier]

    def _found(self, node: Any) -> tuple[str, ...]:
        if isinstance(node, Members):
            return self._named(
                f"inputs of {self._path(node.nodes[0])}", self._all(each.identifier for each in node.nodes)
            )
        origin = self._expansion.origins[node.identifier]
        if self._expansion.has_job(node):
            return (self._expansion.step_name(node),) if self.reported(origin) else ()
        found = self.of(node)
        return self._named(f"before {self._path(node)}", found) if len(found) > _FEW else found

    def _path(self, node: Any) -> str:
        return self._expansion.step_name(node)

    def _all(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for each in identifiers for name in self.behind(each)))

    def _named(self, text: str, members: tuple[str, ...]) -> tuple[str, ...]:
        """Return the name of a group, or its only member."""
        if len(members) < 2:
            return members
        if members not in self._names:
            name = text if text not in self._used else f"{text} ({len(self._used)})"
            self._used.add(name)
            self._names[members] = name
            self.records.append(GroupRecord(name, list(members)))
        return (self._names[members],)

    def together(self, text: str, identifiers: Iterable[str]) -> tuple[str, ...]:
        """Return the jobs and groups that stand for several steps: one group if there are many."""
        found = self._all(identifiers)
        return self._named(text, found) if len(found) > _FEW else found

    def group(self, group: Group) -> tuple[str, ...]:
        """Return the name for the steps that a dependency matches."""
        if group.key not in self._of_groups:
            scope, path = group.key
            self._of_groups[group.key] = self._named(f"all of {scope}/{path}", self._all(group.steps))
        return self._of_groups[group.key]

    def of(self, node: Any) -> tuple[str, ...]:
        """Return the jobs and groups that a step waits for."""
        inputs = [each.stepid for each in node.task.inputs]
        found = dict.fromkeys(self._all(inputs))
        origin: Origin | None = self._expansion.origins[node.identifier]
        while origin is not None:
            for group in origin.groups:
                if not any(self._takes(each, group) for each in inputs):
                    found.update(dict.fromkeys(self.group(group)))
            inner = f"{origin.scope}/"
            if any(name.startswith(inner) for name in found):
                break  # another job of the sub-workflow waits for what the sub-workflow waits for
            origin = self._expansion.scopes[origin.scope].maker
        return tuple(found)

    def _takes(self, identifier: str, group: Group) -> bool:
        if identifier in group.steps:
            return True
        node = self._expansion.workflow.dag.getNode(identifier)
        if not isinstance(node, Members):
            return False
        key = identifier, group.key
        if key not in self._taken:
            self._taken[key] = any(each.identifier in group.steps for each in node.nodes)
        return self._taken[key]


class Jobs:
    """Makes the records of jobs and of their stages."""

    def __init__(self, expansion: Expansion, parents: Parents) -> None:
        self._expansion, self._parents = expansion, parents
        self._templates: dict[int, tuple[int, template.Template] | None] = {}
        self._count = 0

    def records(self) -> Iterator[Record]:
        """Yield the records of stages, groups and jobs, each after those that it names."""
        for node in self._expansion.steps:
            if self._expansion.has_job(node) and self._parents.reported(self._expansion.origins[node.identifier]):
                yield from self._of(node)

    def _of(self, node: Any) -> Iterator[Record]:
        spec = node.task.spec
        known = id(spec) in self._templates
        if not known:
            self._templates[id(spec)] = self._stage(spec)
        found = self._templates[id(spec)]
        if found is None:
            return
        number, text = found
        path = self._expansion.places.of(spec) or ()
        if not known:
            yield "stage", self._stage_record(node, path, text)
        parents = list(self._parents.of(node))
        yield from self.groups()
        fields, workdir = self._texts(node, path, text)
        yield "job", JobRecord(number, self._expansion.step_name(node), fields, workdir, parents)

    def groups(self) -> Iterator[Record]:
        """Yield the records of groups that were named since the last call."""
        records = self._parents.records[:]
        self._parents.records.clear()
        for record in records:
            yield "group", record

    def _stage(self, spec: Any) -> tuple[int, template.Template] | None:
        process = spec["process"]
        key = PROCESSES[process["process_type"]].key
        try:
            parsed = template.parse(process[key])
        except ValueError as error:
            path = (*(self._expansion.places.of(spec) or ()), "process", key)
            self._expansion.problems.of_command(path, None, [], error)
            return None
        self._count += 1
        return self._count - 1, parsed

    def _stage_record(self, node: Any, path: Sequence[str | int], text: template.Template) -> StageRecord:
        spec = node.task.spec
        process, publisher = spec["process"], spec["publisher"]
        return StageRecord(
            path=list(path),
            label=self._expansion.origins[node.identifier].label,
            process=PROCESSES[process["process_type"]].word,
            interpreter=process.get("interpreter", ""),
            pieces=[self._expansion.mark.text(piece) for piece in text.pieces],
            names=[each.name for each in text.fields],
            environment=spec["environment"],
            made=[publisher["yamlfile"]] if publisher["publisher_type"] == "fromyaml-pub" else [],
        )

    def _texts(self, node: Any, path: tuple[str | int, ...], text: template.Template) -> tuple[list[str], str]:
        """Return the texts of a job's fields, and its environment's work directory."""
        task, problems = node.task, self._expansion.problems
        if node.identifier in problems.spoilt:
            return [], ""
        key = PROCESSES[task.spec["process"]["process_type"]].key
        mark = self._expansion.mark.text
        parameters: Any = None
        try:
            parameters = task.state.model(task.parameters).typed()
            fields = [mark(each) for each in text.texts(parameters)]
        except Braces as error:
            problems.of_braces(self._expansion.origins[node.identifier].path, error)
            return [], ""
        except Exception as error:  # noqa: BLE001  # a format may raise anything that an attribute raises
            names = [name for each in text.fields for name in each.names]
            problems.of_command((*path, "process", key), parameters, names, error)
            return [], ""
        try:
            workdir = task.state.contextualize_value(task.spec["environment"].get("workdir") or "")
        except (KeyError, ValueError) as error:
            problems.of_command((*path, "environment", "workdir"), {"workdir": ""}, [], error)
            return [], ""
        return fields, mark(workdir)
