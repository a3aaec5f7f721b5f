"""What is replayed: the choices that decide which operators run, and the weights there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from advisor.estimate.families import Family
from advisor.estimate.replay.tape import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides which operators run; everything else is a number put in afterwards."""

    family: Family
    method: str
    targets: frozenset[str]
    biased: frozenset[str]
    checkpointing: bool
    eager: bool
    masked: bool
    autocast: bool
    on_gpu: bool
    adapter_dropout: bool
    adapter_bytes: int
    weight_bytes: int
    nested: bool
    grouped: bool
    """Several query heads share a key head, which kernels without that notion copy …"""
    one_row: bool
    """A batch of one row, whose heads need no copy to come to the front."""
    one_kv_head: bool
    """… unless there is but one: that is expanded without copying."""
    tied: bool
    tiled: bool

    @property
    def full(self) -> bool:
        return self.method in ("full", "encoder")

    @property
    def keeps_cache(self) -> bool:
        """A plain loop leaves the KV cache on, which checkpointing switches off."""
        return not self.tiled and not self.checkpointing


@dataclass(slots=True)
class Model:
    """One replay: the tape, the setup, and the weights made so far."""

    tape: Tape
    setup: Setup
    training: bool = True
    cache: list[Tensor] = field(default_factory=list)
    weights: dict[tuple[int, str], Parameter] = field(default_factory=dict)

    def width(self, name: str) -> int:
        return self.tape.lanes[name]

    def weight(self, layer: int, name: str, width: int, *, trained: bool, nbytes: int) -> Parameter:
        key = (layer, name)
        if key not in self.weights:
            self.weights[key] = Parameter(width, nbytes, trained=trained)
        return self.weights[key]

    def base_weight(self, layer: int, name: str, width: int) -> Parameter:
        setup = self.setup
        return self.weight(layer, name, width, trained=setup.full, nbytes=setup.weight_bytes)

    def columns(self, role: str) -> tuple[str, tuple[str, ...]]:
        """Into how many columns a linear layer leads, and from how many, as symbols."""
        place, _, name = role.partition(":")
        family = self.setup.family
        names = family.mlp if place == "mlp" else family.attention
        inner = "ff" if place == "mlp" else "q"
        if name == names[-1]:
            return inner, ("d",)
        into: tuple[str, ...]
        if place == "mlp":
            into = ("ff", "ff") if family.gated and len(names) == 2 else ("ff",)
        elif len(names) == 2:
            into = ("q", "kv", "kv")
        else:
            into = ("q",) if name == names[0] else ("kv",)
        return "d", into
