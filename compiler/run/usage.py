"""What the rows of a run used: from their records, completed by what the batch systems wrote down of their jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE, FAILED, NOTHING, STARTED, RowRecord, RowStates, StepRecords

FINISHED, RUNNING, WAITING = "finished", "running", "waiting"
# The states of a row. A row that runs in a run that has ended was lost.
STATES = (FINISHED, FAILED, RUNNING, WAITING)
# Whose memory it is: all processes of the row's job, its largest process, or the job as its batch system looked at it now
# and then. The first two are in records.
OF_JOB, OF_PROCESS, OF_SAMPLE = "job", "process", "sample"


@dataclass(frozen=True, slots=True)
class Account:
    """What a batch system wrote down of one of its jobs. Times are seconds since 1970; 0 stands for unknown."""

    submitted: int = 0
    started: int = 0
    ended: int = 0
    cpu: float | None = None  # seconds
    memory: int | None = None  # the most bytes that it saw
    host: str = ""
    job: str = ""  # its id, as records have it; empty if unknown


Accounts = Mapping[tuple[str, int], Account]
"""What batch systems wrote down, by the step's name in the whole run and the chunk."""

NO_ACCOUNT = Account()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a step: its state, what its job wrote down, and what the batch system wrote down of the job."""

    part: Run
    step: StepEntry
    number: int
    state: str  # one of STATES
    record: RowRecord
    told: Account = NO_ACCOUNT  # of the last job of the row's chunk

    @property
    def account(self) -> Account:
        """What the batch system wrote down of the job that wrote the record."""
        own, last = self.record.scheduler_job, self.told.job
        return NO_ACCOUNT if own and last and own != last else self.told

    @property
    def step_name(self) -> str:
        """The name of the step in the whole run."""
        return self.part.name_of(self.step)

    @property
    def label(self) -> str:
        """The author's name for the row."""
        return self.step.row_label(self.number)

    @property
    def origin(self) -> str:
        """The place of the row in the analysis."""
        return self.step.row_origin(self.number)

    @property
    def wall(self) -> int | None:
        """The seconds that the row took. None if it has not ended."""
        return self.record.duration if self.record.has_times else None

    @property
    def queued(self) -> int | None:
        """The seconds that the row's job waited in the queue. None if the batch system did not say."""
        started = self.account.started or (self.record.started if self._is_alone else 0)
        return max(started - self.account.submitted, 0) if started and self.account.submitted else None

    @property
    def cpu(self) -> float | None:
        """The seconds of CPU time that the row used. None if unknown."""
        return self.account.cpu if self.record.cpu is None and self._is_alone else self.record.cpu

    @property
    def memory(self) -> int | None:
        """The most bytes that the row's job, or a process of it, had used. None if unknown."""
        return self._memory[0]

    @property
    def memory_of(self) -> str:
        """Whose ``memory`` it is: ``job``, ``process`` or ``sample``. Empty if unknown."""
        return self._memory[1]

    @property
    def host(self) -> str:
        """The worker on which the row ran. Empty if unknown."""
        return self.record.host or self.account.host

    @property
    def _is_alone(self) -> bool:
        return self.step.chunk_size == 1

    @property
    def _memory(self) -> tuple[int | None, str]:
        own, told = self.record.memory, self.account.memory
        # A batch system can miss the peak of the largest process.
        if own is not None and (self.record.memory_of == OF_JOB or own > (told or 0)):
            return own, self.record.memory_of
        return told, OF_SAMPLE if told is not None else ""


def rows(run: Run, accounts: Accounts = MappingProxyType({}), *, states: Collection[str] = STATES) -> Iterator[Row]:
    """Yield the rows of all steps that are in these states, in the order of the run. Records are read one by one."""
    for part, step in run.steps():
        yield from rows_of(part, step, accounts, states=states)


def rows_of(
    part: Run, step: StepEntry, accounts: Accounts = MappingProxyType({}), *, states: Collection[str] = STATES
) -> Iterator[Row]:
    """Yield the rows of a step of this part that are in these states."""
    records = part.records(step)
    found = records.states()
    name = part.name_of(step)
    for number in range(step.rows):
        state = state_of(number, found)
        if state in states:
            account = accounts.get((name, step.chunk_of(number)), NO_ACCOUNT)
            yield Row(part, step, number, state, record_of(records, number, state), account)


def state_of(row: int, found: RowStates) -> str:
    """Return the state of a row."""
    if row in found.done:
        return FINISHED
    if row in found.failed:
        return FAILED
    return RUNNING if row in found.started else WAITING


def record_of(records: StepRecords, row: int, state: str) -> RowRecord:
    """Return what the job of a row wrote down."""
    if state == WAITING:
        return NOTHING
    if state == RUNNING:
        return records.read(records.step.chunk(records.step.chunk_of(row))[0], STARTED)
    return records.read(row, DONE if state == FINISHED else FAILED)
