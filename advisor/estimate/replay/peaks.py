"""Puts numbers into a replay: the peak of every phase of a set-up, in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from operator import mul

from advisor.estimate.replay.encoder import replay_pairs
from advisor.estimate.replay.model import Setup
from advisor.estimate.replay.step import Moments, replay
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes

# trl/kernels/chunked_logprob.py 1.16: tokens and vocabulary entries of a tile.
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
# executors/finetune/answer_head.py
CPU_CHUNK_TOKENS, CPU_BLOCK_TOKENS = 128, 8
LOSS = ("vocab", "tile", "chunk", "table", "answers")


def windowed(shapes: Shapes, settings: EstimateSettings) -> bool:
    """Whether most layers need a mask only because their window is shorter than the sequence."""
    window = shapes.family.masked_from
    return not settings.masked and 0 < window <= settings.seq_len


def setup_of(shapes: Shapes, settings: EstimateSettings) -> Setup:
    """The part of a set-up that decides which operators run."""
    family = shapes.family
    targets = () if settings.trains_all else shapes.targets(settings.targets)
    return Setup(
        family=family,
        method=settings.method,
        targets=frozenset(t.name for t in targets),
        biased=frozenset(linear.name for linear in shapes.linears if linear.bias),
        checkpointing=settings.gradient_checkpointing,
        eager=settings.attention == "eager" or family.eager_only,
        masked=settings.masked or windowed(shapes, settings),
        autocast=settings.autocast,
        on_gpu=settings.device == "cuda",
        adapter_dropout=not settings.trains_all and settings.dropout > 0,
        adapter_bytes=settings.adapter_bytes,
        weight_bytes=settings.weight_bytes,
        nested=settings.double_quant,
        grouped=shapes.kv_heads < shapes.heads,
        one_row=settings.batch_size == 1,
        one_kv_head=shapes.kv_heads == 1,
        tied=shapes.tied,
        tiled=settings.loss == "tiled",
    )


def sizes(shapes: Shapes, settings: EstimateSettings) -> Mapping[str, float]:
    """Elements of every symbol."""
    tokens, seq, d = settings.tokens, settings.seq_len, shapes.hidden
    q, kv, answers = shapes.q_width, shapes.kv_width, settings.batch_size * max(1, seq - 1)
    chunk = float(min(answers, CPU_CHUNK_TOKENS) * shapes.vocab)
    found: dict[str, float] = {
        "one": tokens,
        "d": tokens * d,
        "q": tokens * q,
        "kv": tokens * kv,
        "q/2": tokens * q / 2,
        "kv/2": tokens * kv / 2,
        "ff": tokens * shapes.inner,
        "heads": tokens * shapes.heads,
        "kv_heads": tokens * shapes.kv_heads,
        "scores": tokens * shapes.heads * seq,
        "mask": tokens * seq,
        "rope": seq * shapes.head_dim,
        "rank": tokens * settings.lora_rank,
        "vocab": tokens * shapes.vocab,
        "answers:one": answers,
        "answers:d": answers * d,
        "tile": min(answers, TILE_TOKENS) * TILE_VOCABULARY,
        "tile:columns": min(answers, TILE_TOKENS) * min(shapes.vocab, TILE_VOCABULARY),
        "tile:d": min(answers, TILE_TOKENS) * d,
        "tile:table": min(shapes.vocab, TILE_VOCABULARY) * d,
        "tile:two tables": min(shapes.vocab, 2 * TILE_VOCABULARY) * d,
        "chunk:vocab": chunk,
        "chunk:block": CPU_BLOCK_TOKENS * shapes.vocab,
        "w:embed": shapes.vocab * d,
        "w:head": shapes.vocab * d,
        "w:head.bias": shapes.vocab,
        "w:positions": (shapes.context + shapes.family.positions_offset) * d,
        "w:types": shapes.family.token_types * d,
        "pooled": settings.batch_size * d,
        "seq:d": seq * d,
        "chunk:before": chunk if answers > CPU_CHUNK_TOKENS else 0.0,
        "table:first": shapes.vocab * d if answers <= CPU_CHUNK_TOKENS else 0.0,
        "table:before": shapes.vocab * d if answers > CPU_CHUNK_TOKENS else 0.0,
        "w:norm": shapes.head_dim,
    }
    rank = settings.lora_rank
    for name, columns in (("d", d), ("q", q), ("kv", kv), ("ff", shapes.inner)):
        found[f"w:{name}"] = columns
        found[f"w:d*{name}"] = d * columns
        found[f"w:d*{name}/64"] = d * columns / 64
        found[f"w:r*{name}"] = rank * columns
    share = shapes.family.partial_rotary
    for name, width in (("q", q), ("kv", kv)):
        found[f"{name}:rot"] = tokens * width * share
        found[f"{name}:rot/2"] = tokens * width * share / 2
        found[f"{name}:pass"] = tokens * width * (1 - share)
    return found


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes alive at a phase's peak beside weights, adapters and optimiser states, by what for."""

    kept: float
    """Kept by all layers for the backward pass."""
    working: float
    """Of the layer at work: recomputed values, temporaries, gradients to activations."""
    weights: float
    """Gradients of weights and autocast's half-precision copies of them."""
    dequantised: float
    loss: float

    @property
    def total(self) -> float:
        return self.kept + self.working + self.weights + self.dequantised + self.loss

    def towards(self, other: Peak, share: float) -> Peak:
        """The mixture with `share` of the other."""
        mixed = (a + share * (b - a) for a, b in zip(astuple(self), astuple(other), strict=True))
        return Peak(*mixed)


def phase_peaks(shapes: Shapes, settings: EstimateSettings) -> dict[str, Peak]:
    """The peak of the forward pass, the backward pass and, where it counts, the evaluation."""
    setup = setup_of(shapes, settings)
    peaks = _peaks_of(setup, shapes, settings)
    every = shapes.family.unmasked_every
    if not every or setup.checkpointing or not windowed(shapes, settings):
        return peaks
    # Layers without the mask keep less; how many they are is all that counts.
    others = _peaks_of(replace(setup, masked=False), shapes, settings)
    share = (shapes.layers // every) / shapes.layers
    return {name: peak.towards(others[name], share) for name, peak in peaks.items()}


def _peaks_of(setup: Setup, shapes: Shapes, settings: EstimateSettings) -> dict[str, Peak]:
    numbers = sizes(shapes, settings)
    deeper = shapes.layers - 2
    best: dict[str, tuple[float, Moments, tuple[int, ...], tuple[int, ...], list[float]]] = {}
    for stretch in (replay_pairs if shapes.family.encoder else replay)(setup):
        values = [numbers[name] for name in stretch.symbols]
        most, at = max([(sum(map(mul, moment, values)), moment) for moment in stretch.found])
        added, layer = max([(sum(map(mul, each, values)), each) for each in stretch.per_layer])
        total = most + deeper * added
        known = best.get(stretch.phase)
        if known is None or total > known[0]:
            best[stretch.phase] = (total, stretch, at, layer, values)
    peaks = {}
    for phase, (_, stretch, at, layer, values) in best.items():
        whole = [a + deeper * b for a, b in zip(at, layer, strict=True)]
        peaks[phase] = _peak(stretch.symbols, whole, layer, values, shapes, settings)
    return peaks


def _peak(
    symbols: Sequence[str],
    whole: Sequence[int],
    layer: Sequence[int],
    values: Sequence[float],
    shapes: Shapes,
    settings: EstimateSettings,
) -> Peak:
    kept = weights = loss = rest = 0.0
    for name, count, each, value in zip(symbols, whole, layer, values, strict=True):
        if name.startswith("w:"):
            weights += count * value
        elif name.startswith(LOSS):
            loss += count * value
        else:
            rest += count * value
            kept += each * value * shapes.layers
    quantised = settings.method == "qlora"
    return Peak(
        kept=min(kept, rest),
        working=max(0.0, rest - kept),
        weights=0.0 if quantised else weights,
        dequantised=weights if quantised else 0.0,
        loss=loss,
    )
