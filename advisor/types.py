"""The central types: what flows from a company's answers to a sealed plan and a finished run.

Plain frozen dataclasses, so that the wizard starts without pydantic; `advisor.files` validates
them with pydantic at the edge, where a file is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from knowledge.catalog.records import KnowledgeStamp
from knowledge.corpus.types import DataFacts

Language = Literal["ja", "en"]
Scalar = str | int | float | bool
AnswerSource = Literal["asked", "flag", "file", "env", "detected", "default"]
Approach = Literal["prompting", "rag", "fine_tuning", "hybrid"]
Method = Literal["full", "lora", "qlora", "encoder"]
Variant = Literal["few_shot", "many_shot", "whole_corpus"]
Effect = Literal["for", "against", "blocks"]
RunStatus = Literal["running", "done", "failed", "interrupted"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and where it came from; `why` is the detail shown beside it (a file, NVML …)."""

    id: str
    value: Scalar
    source: AnswerSource
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything answered so far, in the order it was answered."""

    entries: Mapping[str, Answer] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.entries.values())

    def __contains__(self, id_: object) -> bool:
        return id_ in self.entries

    def value(self, id_: str, default: Any = None) -> Any:
        answer = self.entries.get(id_)
        return default if answer is None else answer.value

    def with_answer(self, answer: Answer) -> Answers:
        return replace(self, entries={**self.entries, answer.id: answer})

    def without(self, *ids: str) -> Answers:
        return replace(self, entries={k: v for k, v in self.entries.items() if k not in ids})


@dataclass(frozen=True, slots=True)
class GpuFact:
    """A GPU this machine has, as the driver reports it."""

    name: str
    vram_gib: float
    compute_capability: str | None = None


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What this machine has, found without torch; memory and disk in GiB."""

    gpus: tuple[GpuFact, ...]
    ram_gib: float
    disk_free_gib: float
    cpu_cores: int
    system: str
    python: str


@dataclass(frozen=True, slots=True)
class Needs:
    """Normalised wishes and facts: a pure function of answers, machine and data.

    None means unknown; unknown makes the advice less sure, never wrong.
    """

    goal: str
    language: Language
    data_kind: str | None
    data: DataFacts | None
    changes: str | None
    citations: bool | None
    confidential: str | None
    may_send: bool
    """Whether questions and data may leave the company (hosted APIs, notebooks, clouds)."""
    budget_jpy: int | None
    gpu: str | None
    """Catalog id of the GPU at hand, or none, colab, kaggle, cloud."""
    vram_gib: float
    """Usable GPU memory; 0 without a GPU."""
    deadline_days: int | None
    traffic_per_day: int | None
    target_score: float | None
    target_latency_s: float | None
    skills: str | None
    machine: MachineFacts | None
    n_examples: int | None
    n_classes: int | None
    corpus_tokens: int | None
    unknowns: tuple[str, ...] = ()
    """Ids of the questions whose answers would sharpen the advice."""
    breadth: str | None = None
    """narrow (one task, one form), medium (one field), broad (anything)."""
    shift: str | None = None
    """in_domain, or out_of_domain where real use will differ from the examples."""
    per_person: bool | None = None
    """Whether each person or customer has texts of their own that the answers must follow."""
    model: str | None = None
    """The base model the user insists on: `starter`, a folder, a catalog or hub id."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of an estimate, so that a reader sees what dominates."""

    name: str
    value: float
    phase: str = "all"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A range with its unit and basis (`measured:…`, `traced:…`, `formula:…`, `price:…`)."""

    low: float
    likely: float
    high: float
    unit: str
    basis: str
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an option rose or fell: the rule, its effect and the studies it rests on."""

    rule: str
    effect: Effect
    text: str
    weight: float = 0.0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One road, ranked: blockers first, then evidence, then cost."""

    rank: int
    approach: Approach
    method: Method | None
    variant: Variant | None
    base_model: str | None
    place: str
    score: float
    confidence: float
    blocked_by: tuple[str, ...]
    reasons: tuple[Reason, ...]
    estimates: Mapping[str, Estimate]
    runnable: bool = True
    """Whether this version of okakae can carry it out; advice does not depend on it."""
    base_why: str = ""
    """Why this base model: size, language, licence; empty where the catalog does not hold it."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """Two roads to try on the same questions before anything is decided."""

    compare: tuple[str, str]
    """Their names as `okakae plan --option` takes them."""
    questions: int
    detectable_difference: float
    cost_jpy: Estimate | None
    """Building both and answering once a day for a year at most; None where unknown."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The ranked options; `chosen` is None for "do not build yet"."""

    chosen: Approach | None
    review_by: str
    options: tuple[Option, ...]
    changes_if: tuple[str, ...]
    unknowns: tuple[str, ...]
    knowledge: KnowledgeStamp
    first_steps: tuple[str, ...] = ()
    """What to do before or instead of building, in order (the escalation, a pilot …)."""
    pilot: Pilot | None = None
    """Where the evidence does not separate the first two approaches: what to measure first."""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Data named by a path relative to the plan and by content, so both can move together."""

    role: str
    path: str
    digest: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly what `apply` will do; sealed with SHA-256 over everything but `seal`."""

    executor: str
    approach: Approach
    method: Method | None
    variant: Variant | None
    place: str
    language: Language
    goal: str
    config: Mapping[str, Scalar]
    config_why: Mapping[str, str]
    inputs: tuple[PlanInput, ...]
    steps: tuple[str, ...]
    estimates: Mapping[str, Estimate]
    limits: Mapping[str, float]
    expected_machine: Mapping[str, Scalar]
    answers: Mapping[str, Scalar]
    recommended: str | None
    knowledge: KnowledgeStamp
    okakae_version: str
    created: str
    seal: str = ""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of one run: written first, updated atomically, estimates beside actuals."""

    plan_seal: str
    status: RunStatus
    started: str
    environment: Mapping[str, str]
    seeds: Mapping[str, int]
    estimates: Mapping[str, Estimate]
    actuals: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Path relative to the run → SHA-256."""
    stages: tuple[str, ...] = ()
    """Stages already finished, so that a resumed run does not repeat them."""
    finished: str | None = None
    error: str | None = None
    changes: tuple[Mapping[str, Scalar], ...] = ()
    """What the run did otherwise than its sealed plan to get through, in order."""
    schema_version: int = SCHEMA_VERSION
