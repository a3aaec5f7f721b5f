"""The seam between a sealed plan and the roads that can carry it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from advisor.session import Session
    from advisor.types import Plan
    from executors.rundir import RunDir
    from knowledge.corpus.splits import Split
    from knowledge.corpus.types import Corpus, ExampleKind

FinishReason = Literal["stop", "length", "extractive", "abstained", "error"]


class Message(TypedDict):
    """One turn of a conversation, in the form every chat API and template takes."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked of a finished system; `kind` says which instruction goes with it.

    Who asks belongs to a group or to none; who belongs to none sees only what is open to
    everybody. `within` narrows the documents to those whose metadata have one of the values.
    """

    id: str
    text: str
    kind: ExampleKind = "qa"
    groups: frozenset[str] = frozenset()
    within: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that an answer rests on; `score` is higher for better."""

    doc_id: str
    source: str
    title: str
    text: str
    score: float
    where: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """Characters `start` to `end` of an answer, one sentence, and the passage that supports it."""

    start: int
    end: int
    passage: int
    """Number of the passage from 1, as people count; 0 when nothing supports the sentence."""
    support: float
    """Share of the sentence that the passage's statements hold, 0 to 1."""
    why: str = ""
    """What is wrong with an unsupported one: not-found, number, unit, day, name, negation …"""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a generator returned for one conversation."""

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with the passages it rests on, best first."""

    id: str
    question: str
    answer: str
    abstained: bool = False
    passages: tuple[Passage, ...] = ()
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    finish_reason: FinishReason = "stop"
    citations: tuple[Citation, ...] = ()
    dropped: tuple[str, ...] = ()
    """Sentences that a model wrote and no passage supports, taken out of the answer."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something this machine lacks for a plan; text under `error.<ref>.what` and `.fix`."""

    ref: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunData:
    """The material of a run: what was read, and who may see which example."""

    corpus: Corpus
    split: Split


@dataclass(frozen=True, slots=True)
class Limits:
    """What the caller of a run allows it; nothing is limited where nothing is said."""

    check: Callable[[], None] = lambda: None
    """Called before each batch of answers; raises LimitError where a limit is reached."""
    left_hours: Callable[[], float | None] = lambda: None
    """What the caller's limits leave for a training from now on; None without a limit."""
    own_limits: bool = True
    """Whether the plan's limits hold a training too: not where they were only the caller's."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Context:
    """What an executor may use of the call it runs in."""

    session: Session
    limits: Limits = NO_LIMITS

    @property
    def lang(self) -> str:
        return self.session.lang


class Generator(Protocol):
    """A model that continues conversations, here or behind an API."""

    def complete(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        """Answer every conversation, in order; deterministic for a local model."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Streams(Protocol):
    """A generator that can show an answer while it is being written."""

    def stream(self, conversation: Sequence[Message], *, max_new_tokens: int) -> Iterator[str]:
        """The answer to one conversation, piece by piece; joined it is what `complete` gives."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """A generator that knows how probable each of several answers is."""

    def choose(
        self, conversations: Sequence[Sequence[Message]], choices: Sequence[str]
    ) -> list[Generation]:
        """The choice that each conversation most probably goes on with, and then ends."""
        ...


@runtime_checkable
class WritesRecords(Protocol):
    """A generator that can be kept to JSON while it writes."""

    def write_records(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        """As `complete`, each answer a JSON object or list unless it is cut off."""
        ...


@runtime_checkable
class System(Protocol):
    """A finished road that can be asked."""

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        """One reply per question, in order, with at most `passages` passages each."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Executor(Protocol):
    """One road: checks the machine, builds its artifacts, opens the finished system."""

    name: str

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """What this machine lacks, found before anything is written or loaded."""
        ...

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Write the artifacts into the run; returns actuals by estimate name and measure."""
        ...

    def open(self, run: RunDir, context: Context) -> System:
        """Load the artifacts of a finished run."""
        ...


@runtime_checkable
class Rehearses(Protocol):
    """An executor that can show before a run whether its data will do; `--dry-run` asks it."""

    def rehearse(self, plan: Plan, data: RunData, context: Context) -> None:
        """Read what a run would read and refuse what it would refuse; nothing is written."""
        ...
