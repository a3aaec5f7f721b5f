"""What is to be estimated: one training set-up, checked so that all of its faults come at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from advisor.errors import Fault, UsageError
from advisor.estimate.shapes import Shapes, find_shapes
from knowledge.catalog.loader import did_you_mean, find_gpu, load
from knowledge.catalog.records import Gpu

TuningMethod = Literal["full", "lora", "qlora", "encoder"]
METHODS = ("full", "lora", "qlora", "encoder")
OPTIMIZERS = ("auto", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "sgd", "adafactor")
ATTENTIONS = ("sdpa", "eager")
LOSSES = ("tiled", "full")
DEVICES = ("cuda", "cpu")
SHARDINGS = ("none", "full")
# The CUDA builds of current torch carry no kernels for Pascal cards and older (P100: 6.0).
NF4_COMPUTE_CAPABILITY = 7.0
# More than anybody trains with: beyond it a number is a slip of the hand.
MOST = {
    "seq_len": 10_000_000,
    "batch_size": 100_000,
    "grad_accum": 1_000_000,
    "lora_rank": 65_536,
    "examples": 1_000_000_000,
    "gpus": 10_000,
    "epochs": 10_000,
    "tokens_per_example": 10_000_000,
}
LEAST = {"epochs": 0.01}


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """One set-up; the defaults are those of okakae's own recipe.

    `loss="tiled"` is how okakae trains (TRL's fused head, bf16 autocast); `"full"` is a plain
    Hugging Face + PEFT loop (no autocast, logits of every position, evaluation not counted).
    `method="encoder"` trains a sentence encoder in fp32 on pairs of texts (sentence-transformers,
    SetFit): `batch_size` pairs at a time, `seq_len` tokens each text; it has no `loss` of these.
    """

    model: str
    method: TuningMethod = "qlora"
    seq_len: int = 1024
    batch_size: int = 4
    grad_accum: int = 2
    lora_rank: int = 16
    targets: str = "all-linear"
    gradient_checkpointing: bool = True
    optimizer: str = "auto"
    attention: str = "sdpa"
    loss: str = "tiled"
    examples: int = 1000
    epochs: float = 3.0
    tokens_per_example: int | None = None
    """None: half of `seq_len`, as nobody measured the data yet."""
    gpu: str | None = None
    gpus: int = 1
    device: str = "cuda"
    lora_dropout: float | None = None
    """None: 0.05 as in okakae's recipe, none in a plain loop."""
    padded: bool | None = None
    """Whether rows of a batch differ in length, so that attention gets a mask (costs memory).
    None: as in okakae's runs, where batches of several rows do; not in a plain loop."""
    double_quant: bool = True
    sharding: str = "none"
    """With several GPUs: `none` holds the whole model on each (DistributedDataParallel), `full`
    divides weights, gradients and optimiser states among them (FSDP2, layer by layer)."""

    @property
    def trains_all(self) -> bool:
        """Whether every weight is trained, rather than an adapter."""
        return self.method in ("full", "encoder")

    @property
    def texts(self) -> int:
        """Texts of one example, each a pass of its own."""
        return 2 if self.method == "encoder" else 1

    @property
    def tokens(self) -> int:
        """Tokens of the longest batch one pass reads."""
        return self.seq_len * self.batch_size

    @property
    def mean_tokens(self) -> float:
        """Tokens of a typical example."""
        return float(self.tokens_per_example or max(1, self.seq_len // 2))

    @property
    def dropout(self) -> float:
        """Dropout before the adapters."""
        if self.lora_dropout is not None:
            return self.lora_dropout
        return 0.05 if self.loss == "tiled" else 0.0

    @property
    def masked(self) -> bool:
        """Whether attention gets a padding mask."""
        if self.padded is not None:
            return self.padded
        return (self.loss == "tiled" or self.method == "encoder") and self.batch_size > 1

    @property
    def autocast(self) -> bool:
        """Okakae's recipe trains a half-precision model under bf16 autocast."""
        return self.loss == "tiled" and self.method != "encoder"

    @property
    def adapter_bytes(self) -> int:
        """PEFT keeps adapters in fp32; TRL 1.16 casts those on a quantised base to bf16."""
        return 2 if self.method == "qlora" and self.loss == "tiled" else 4

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight that is not in 4 bits.

        Okakae trains all weights in fp32 under autocast, since the small steps of full tuning
        vanish in bf16; so does sentence-transformers. A plain loop, and every base under an
        adapter, has them in bf16.
        """
        if self.method == "encoder":
            return 4
        return 4 if self.method == "full" and self.loss == "tiled" else 2

    @property
    def resolved_optimizer(self) -> str:
        """What `auto` means, as in the recipe."""
        if self.optimizer != "auto":
            return self.optimizer
        eight_bit = self.method == "qlora" and self.device == "cuda" and self.loss == "tiled"
        return "paged_adamw_8bit" if eight_bit else "adamw_torch"


def check(settings: EstimateSettings) -> tuple[Shapes, Gpu | None]:
    """The model's shapes and the card named, if the set-up is possible.

    Raises:
        UsageError: with every fault of the set-up.
    """
    faults = [*_choices(settings), *_counts(settings)]
    shapes, gpu, alone = None, None, None
    try:
        shapes = find_shapes(settings.model)
    except UsageError as error:
        alone = error
        faults.append(Fault(error.ref, "--model", tuple(error.values.items())))
        faults.extend(error.faults)
    if settings.gpu is not None:
        gpu = find_gpu(settings.gpu)
        if gpu is None:
            near = ", ".join(did_you_mean(settings.gpu, load("gpus"))) or ", ".join(load("gpus"))
            faults.append(Fault("gpu-unknown", "--gpu", (("gpu", settings.gpu), ("near", near))))
    if shapes is not None:
        faults += _fits_model(settings, shapes)
    if gpu is not None:
        faults += _fits_gpu(settings, gpu)
    if settings.sharding == "full" and (settings.gpus == 1 or settings.device == "cpu"):
        faults.append(Fault("sharding-alone", "--sharding"))
    if alone is not None and len(faults) == 1 + len(alone.faults):
        raise alone
    if len(faults) == 1 and faults[0].ref == "gpu-unknown":
        raise UsageError("gpu-unknown", where="--gpu", **dict(faults[0].values))
    if faults or shapes is None:
        raise UsageError("estimate-impossible", faults=tuple(faults), n=len(faults))
    return shapes, gpu


def runs_on(settings: EstimateSettings, gpu: Gpu) -> bool:
    """Whether the card has the kernels the method needs; a size class is taken to have them."""
    if settings.method != "qlora":
        return True
    return float(gpu.compute_capability or 99) >= NF4_COMPUTE_CAPABILITY


def _choices(settings: EstimateSettings) -> list[Fault]:
    allowed = (
        ("method", METHODS),
        ("optimizer", OPTIMIZERS),
        ("attention", ATTENTIONS),
        ("loss", LOSSES),
        ("device", DEVICES),
        ("sharding", SHARDINGS),
    )
    return [
        Fault(
            "choice-wrong",
            f"--{name}",
            (("value", getattr(settings, name)), ("allowed", ", ".join(choices))),
        )
        for name, choices in allowed
        if getattr(settings, name) not in choices
    ]


def _counts(settings: EstimateSettings) -> list[Fault]:
    given = {name: getattr(settings, name) for name in MOST}
    found = (_count_fault(name, value) for name, value in given.items() if value is not None)
    return [fault for fault in found if fault is not None]


def _count_fault(name: str, value: float) -> Fault | None:
    where, least, most = f"--{name.replace('_', '-')}", LEAST.get(name, 1), MOST[name]
    if math.isnan(value):
        return Fault("not-a-number", where, (("value", value),))
    if value < least:
        return Fault("count-too-small", where, (("value", value), ("least", least)))
    if value > most:
        return Fault("count-too-large", where, (("value", value), ("most", f"{most:,}")))
    return None


def _fits_model(settings: EstimateSettings, shapes: Shapes) -> list[Fault]:
    faults = []
    if shapes.family.encoder != (settings.method == "encoder"):
        encoders = [id_ for id_, one in load("embedders").items() if one.architecture]
        ref = "method-needs-encoder" if settings.method == "encoder" else "encoder-needs-method"
        near = did_you_mean(settings.model, encoders) or encoders[:3]
        named = (("model", shapes.id), ("method", settings.method), ("near", ", ".join(near)))
        return [Fault(ref, "--method", named)]
    if settings.seq_len > shapes.context:
        values = (("value", settings.seq_len), ("context", shapes.context), ("model", shapes.id))
        faults.append(Fault("sequence-beyond-context", "--seq-len", values))
    if not settings.trains_all:
        try:
            shapes.targets(settings.targets)
        except UsageError as error:
            known = (("known", error.values["known"]),)
            faults += error.faults or (Fault("target-unknown", settings.targets, known),)
    return faults


def _fits_gpu(settings: EstimateSettings, gpu: Gpu) -> list[Fault]:
    faults = []
    if settings.device == "cpu":
        faults.append(Fault("gpu-on-cpu", "--gpu", (("gpu", gpu.id),)))
    if not runs_on(settings, gpu):
        values = (("gpu", gpu.id), ("capability", gpu.compute_capability))
        faults.append(Fault("qlora-unsupported", "--method", values))
    return faults
