"""Training rates beside the published ones: coverage of the ranges, each system left out in turn.

The bytes and launches of `advisor.estimate.time` come from first principles; what is fitted is the
share of a card's arithmetic. Left out, a system is judged by the shares of the others alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from advisor.estimate import time
from advisor.estimate.settings import EstimateSettings, TuningMethod
from advisor.estimate.shapes import Shapes, find_shapes
from bench.machine import save
from knowledge.catalog.loader import find_gpu, load
from knowledge.catalog.records import Gpu, Measurement

LIKELY = 1
# PEFT's benchmark: lengths vary up to 768; tokens/s x seconds / 20,000 examples is 317 to 338 with
# the evaluation's seconds in it.
PEFT_MEAN_TOKENS = 300
# A share is read off a row only where arithmetic fills most of its time.
ARITHMETIC_AT_LEAST, BUSY_TOKENS = 0.6, 1024
# torchtune's full tuning of a 3B model, one technique added after the other.
TORCHTUNE_STEPS = (
    *("packed dataset", "compile", "chunked cross entropy", "activation checkpointing"),
    *("optimizer step fused in backward", "activation offloading", "8-bit AdamW"),
)
MARGIN = 1.15
"""A range reaches this far beyond the lowest and the highest share seen elsewhere."""
LEFT_OUT: Mapping[str, str] = {
    "torchtune-table": (
        "torchtune's 8B table on one card: the slower A6000 is 1.5 x the RTX 4090, and LoRA would "
        "reach 0.9 of either card's peak with recomputation (estimates.md, section 6: do not use)"
    ),
    "lengths": "the mean length of the rows is not published (torchtune's unpacked baseline)",
    "method": "an adapter that okakae does not train (DoRA, GLoRA, OFT …)",
    "card": "a card that the catalog does not hold",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One published rate, in tokens a second over all of its cards."""

    id: str
    system: str
    settings: EstimateSettings
    shapes: Shapes
    gpu: Gpu
    rate: float

    def implied_share(self) -> float | None:
        """Share of the card's arithmetic that explains the rate; None where something else does."""
        done = time.work(self.shapes, self.settings)
        tokens = self.settings.batch_size * self.settings.mean_tokens
        seconds = self.settings.gpus * tokens / self.rate
        moved = _other_seconds(self, done)
        peak = (self.gpu.tensor_tflops or 0.0) * 1e12 * time.card_share(self.gpu)
        if tokens < BUSY_TOKENS or seconds - moved < ARITHMETIC_AT_LEAST * seconds:
            return None
        return tokens * done.flops_per_token / peak / (seconds - moved)


def _other_seconds(row: Row, done: time.Work) -> float:
    """Seconds of a micro-batch that are not arithmetic, at their likely size."""
    unbound = dict.fromkeys(time.UTILISATION, (float("inf"),) * 3)
    return time.on_card_s(row.settings, done, row.gpu, LIKELY, unbound)


def rows() -> tuple[list[Row], dict[str, int]]:
    """The rows that can be compared, and how many were left out for each reason."""
    found: list[Row] = []
    out = dict.fromkeys(LEFT_OUT, 0)
    for measured in load("measurements").values():
        if measured.tokens_per_s is None:
            continue
        row = _row(measured)
        if isinstance(row, str):
            out[row] += 1
        else:
            found.append(row)
    return found, out


def _row(measured: Measurement) -> Row | str:
    method = _method(measured)
    gpu = find_gpu(measured.gpu)
    cards = measured.gpus or 1
    if method is None:
        return "method"
    if measured.system == "torchtune" and "8B" in measured.model and cards == 1:
        return "torchtune-table"
    if "unpacked" in measured.method:
        return "lengths"
    if gpu is None or measured.seq_len is None or measured.tokens_per_s is None:
        return "card"
    qwen = measured.system.startswith("Qwen")
    checkpointing = measured.gradient_checkpointing
    settings = EstimateSettings(
        model=measured.model,
        method=method,
        seq_len=measured.seq_len,
        batch_size=measured.micro_batch or 1,
        grad_accum=8 if qwen else 1,
        tokens_per_example=PEFT_MEAN_TOKENS if "PEFT" in measured.system else measured.seq_len,
        # Qwen's script and torchtune's recipes recompute unless told otherwise.
        gradient_checkpointing=True if checkpointing is None else checkpointing,
        loss="full",
        gpus=cards,
    )
    # Qwen's rate is that of one card (length x 8 / seconds per iteration), the others' of all.
    rate = measured.tokens_per_s * (cards if qwen else 1)
    system = measured.system.split("/")[0].split(" ")[0]
    return Row(measured.id, system, settings, find_shapes(measured.model), gpu, rate)


def _method(measured: Measurement) -> TuningMethod | None:
    name = measured.method
    if "dora" in name:
        return None
    if name in TORCHTUNE_STEPS:
        return "full"
    first = name.split(" ")[0].split("+")[0]
    return cast(TuningMethod, first) if first in time.UTILISATION else None


def fitted(known: list[Row]) -> dict[str, time.Range]:
    """Low, likely and high share of the arithmetic by method, from the rows given."""
    shares: dict[str, list[float]] = {method: [] for method in time.UTILISATION}
    for row in known:
        if (share := row.implied_share()) is not None:
            shares[row.settings.method].append(share)
    pooled = [share for each in shares.values() for share in each]
    return {method: _range(each if len(each) >= 3 else pooled) for method, each in shares.items()}


def _range(shares: list[float]) -> time.Range:
    likely = statistics.median(shares)
    return min(shares) / MARGIN, likely, min(0.95, max(shares) * MARGIN)


def judged(these: list[Row], shares: Mapping[str, time.Range]) -> Iterator[dict[str, Any]]:
    """Each row beside its range."""
    for row in these:
        rates = time.tokens_per_second(row.shapes, row.settings, row.gpu, utilisation=shares)
        if rates is None:
            continue
        slow, likely, fast = rates
        yield {
            "id": row.id,
            "system": row.system,
            "cards": row.settings.gpus,
            "published": round(row.rate, 1),
            "low": round(slow, 1),
            "likely": round(likely, 1),
            "high": round(fast, 1),
            "inside": slow <= row.rate <= fast,
            "error": round(abs(likely / row.rate - 1), 3),
        }


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    inside = sum(each["inside"] for each in found)
    return {
        "n": len(found),
        "inside": inside,
        "coverage": round(inside / len(found), 3),
        "median_error": round(statistics.median(each["error"] for each in found), 3),
        "worst_error": max(each["error"] for each in found),
        "median_high_over_low": round(
            statistics.median(each["high"] / each["low"] for each in found), 2
        ),
    }


def main() -> None:
    known, out = rows()
    systems = sorted({row.system for row in known})
    shipped = list(judged(known, time.UTILISATION))
    left_out: list[dict[str, Any]] = []
    for system in systems:
        shares = fitted([row for row in known if row.system != system])
        left_out += judged([row for row in known if row.system == system], shares)
    figures = {
        "shipped": summary(shipped),
        "left_out": summary(left_out),
        "left_out_by_system": {
            name: summary([each for each in left_out if each["system"] == name]) for name in systems
        },
        "shares_shipped": time.UTILISATION,
        "shares_fitted_on_all": fitted(known),
        "rows_left_out": {why: {"n": n, "why": LEFT_OUT[why]} for why, n in out.items()},
        "rows": left_out,
    }
    for name in ("shipped", "left_out"):
        print(name, figures[name])
    print(figures["left_out_by_system"])
    print(figures["shares_fitted_on_all"])
    print(save("time_published", figures))


if __name__ == "__main__":
    main()
