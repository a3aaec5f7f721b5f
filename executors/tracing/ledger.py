"""Keeps the books of a fake run: which storages are alive, and the peak of every phase."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


@dataclass(frozen=True, slots=True)
class Held:
    """One storage: its bytes and, to explain a peak, the operator and the shape that made it."""

    nbytes: int
    made_by: str


class Ledger(TorchDispatchMode):
    """Counts every storage that an operator returns until nobody holds it any more.

    Args:
        block: sizes are rounded up to this many bytes (512 in CUDA's caching allocator).
        explain: remember what was alive at each phase's peak (slow).
    """

    def __init__(self, block: int = 1, *, explain: bool = False) -> None:
        super().__init__()
        self.block, self.explain = block, explain
        self.now = 0
        self.peaks: dict[str, int] = {}
        self.at_peak: dict[str, list[Held]] = {}
        self._phase: str | None = None
        self._held: dict[int, Held] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Peaks until the end of the block belong to phase `name`."""
        before, self._phase = self._phase, name
        self._note()
        try:
            yield
        finally:
            self._phase = before

    def enter(self, name: str) -> None:
        """From here to the end of the phase under way, peaks belong to `name`."""
        if self._phase is not None:
            self._phase = name
            self._note()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.add.Tensor and self._is_accumulation():
            # The engine adds a second gradient in place; under a dispatch mode it does not dare.
            self._drop(args[0].untyped_storage()._cdata)
        for value in tree_iter(out):
            if isinstance(value, torch.Tensor):
                self._add(value, func)
        return out

    def _is_accumulation(self) -> bool:
        # A recomputed layer adds with gradients enabled; no derivative used here adds tensors.
        return (self._phase or "").startswith("backward") and not torch.is_grad_enabled()

    def hold(self, tensor: torch.Tensor, why: str) -> None:
        """Count a tensor that no operator made under this ledger (a parameter, say)."""
        self._add(tensor, why)

    def _add(self, tensor: torch.Tensor, func: Any) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._held:
            nbytes = -(-storage.nbytes() // self.block) * self.block
            made_by = f"{func} {tuple(tensor.shape)} {tensor.dtype}" if self.explain else ""
            self._held[key] = Held(nbytes, made_by)
            self.now += nbytes
            weakref.finalize(storage, self._drop, key)
        self._note()

    def _drop(self, key: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.now -= held.nbytes

    def _note(self) -> None:
        if self._phase is not None and self.now > self.peaks.get(self._phase, -1):
            self.peaks[self._phase] = self.now
            if self.explain:
                self.at_peak[self._phase] = list(self._held.values())
