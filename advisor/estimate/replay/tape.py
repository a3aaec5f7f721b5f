"""A tape that remembers what autograd remembers: values, saved tensors, gradients – and when.

Tensors here have a size and no numbers. Python's reference counts free a storage at the moment
PyTorch would free it, so a layer written with these operators has the peaks of the real one.
A size is a polynomial: one Python integer with a lane of 40 bits for each symbol ("q": tokens x
query width, in elements), so that sizes add up and compare in single operations.
"""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

LANE_BITS = 40
LANE = (1 << LANE_BITS) - 1
HALF, SINGLE = 2, 4
# Symbols of a few bytes a token or a column, which do not decide where a peak stands.
SMALL = ("one", "heads", "kv_heads", "rope", "answers:one", "w:d", "w:q", "w:kv", "w:ff", "w:norm")
_LEAF = 1 << 60  # autograd runs the accumulation into a parameter as soon as it is ready


class Lanes:
    """Names of symbols, each with its lane in a packed size."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._at)

    def __getitem__(self, name: str) -> int:
        """One element of the symbol `name`, as a packed size."""
        at = self._at.get(name)
        if at is None:
            at = self._at[name] = len(self._at)
        return 1 << (LANE_BITS * at)

    def used(self, sizes: Iterable[int]) -> list[int]:
        """Places of the symbols that any of the sizes has bytes of."""
        together = functools.reduce(operator.or_, sizes, 0)
        return [at for at in range(len(self._at)) if (together >> (LANE_BITS * at)) & LANE]

    @staticmethod
    def unpack(size: int, places: Iterable[int]) -> tuple[int, ...]:
        """Bytes of the symbols at these places."""
        return tuple([(size >> (LANE_BITS * at)) & LANE for at in places])


class Storage:
    """Bytes alive as long as anything refers to them."""

    __slots__ = ("size", "tape")

    def __init__(self, tape: Tape, size: int) -> None:
        self.tape, self.size = tape, size
        tape.live += size
        tape.grew = True

    def __del__(self) -> None:
        tape = self.tape
        if tape.grew:
            tape.moments.append(tape.live)
            tape.grew = False
        tape.live -= self.size


class Tensor:
    """A value: elements (packed), bytes of one element, its storage, and what computed it."""

    __slots__ = ("bytes", "node", "storage", "width")

    def __init__(self, storage: Storage | None, width: int, nbytes: int, node: Any = None) -> None:
        self.storage, self.width, self.bytes, self.node = storage, width, nbytes, node


class Node:
    """One step of the backward pass; `next` are those that take its gradients."""

    __slots__ = ("at", "collects", "fn", "frame", "next", "order", "saved")

    def __init__(self, fn: Any, following: Sequence[Any], order: int, saved: Any) -> None:
        self.fn, self.next, self.order, self.saved = fn, following, order, saved
        self.frame: Frame | None = None
        self.at = 0
        self.collects = False
        """Takes the gradients of several outputs, each kept until all are there."""

    def __lt__(self, other: Node) -> bool:
        return self.order > other.order


class Parameter(Tensor):
    """A weight, alive throughout; trained ones get a gradient when a backward pass reaches them."""

    __slots__ = ("cast", "grad", "trained")

    def __init__(self, width: int, nbytes: int, *, trained: bool) -> None:
        super().__init__(None, width, nbytes)
        self.trained = trained
        self.grad: Tensor | None = None
        self.cast: Tensor | None = None
        if trained:
            self.node = Node(self._accumulate, (), _LEAF, ())

    def _accumulate(self, _saved: Any, grad: Tensor) -> tuple[()]:
        if self.grad is None:
            self.grad = grad
        return ()


class _Stop(Exception):
    """Everything the backward pass will ask for has been recomputed."""


class Frame:
    """A checkpointed layer: how to run it again, and what its nodes saved when it did."""

    __slots__ = ("again", "last", "nodes", "recomputed")

    def __init__(self, again: Callable[[], Any]) -> None:
        self.again = again
        self.recomputed: dict[int, Any] | None = None
        self.nodes, self.last = 0, -1


class Tape:
    """The books of one replay."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.live, self.grew = 0, False
        self.moments: list[int] = []
        self.grad_enabled = True
        self._order = 0
        self._frame: Frame | None = None
        self._casts: list[Parameter] = []

    # -- values ---------------------------------------------------------------------------

    def new(self, width: int, nbytes: int, node: Node | None = None) -> Tensor:
        """A fresh tensor of `width` elements."""
        return Tensor(Storage(self, width * nbytes), width, nbytes, node)

    def node(
        self,
        fn: Callable[[Any, Tensor], Any],
        inputs: Sequence[Tensor | None],
        saved: tuple[Any, ...],
    ) -> Node | None:
        """The backward step of an operator on `inputs`; None where nothing needs a gradient.

        `fn` takes what was saved and the gradient of the output; it gives one gradient an input.
        """
        following = tuple(i.node if i is not None else None for i in inputs)
        if not self.grad_enabled or not any(following):
            return None
        self._order += 1
        node = Node(fn, following, self._order, saved)
        frame = self._frame
        if frame is not None:
            node.at, node.saved = frame.nodes, ()
            frame.nodes += 1
            if frame.recomputed is not None:
                frame.recomputed[node.at] = saved
                if node.at == frame.last:
                    raise _Stop
            elif saved:
                frame.last, node.frame = node.at, frame
        return node

    def cast(self, parameter: Parameter, nbytes: int, fn: Any) -> Tensor:
        """Autocast's copy of a trained fp32 weight; kept until the forward pass ends."""
        if parameter.cast is None:
            parameter.cast = self.new(parameter.width, nbytes)
            parameter.cast.node = self.node(fn, (parameter,), ())
            self._casts.append(parameter)
        return parameter.cast

    @property
    def order(self) -> int:
        """How many backward steps have been recorded so far."""
        return self._order

    def end_autocast(self) -> None:
        for parameter in self._casts:
            parameter.cast = None
        self._casts.clear()

    # -- checkpointing --------------------------------------------------------------------

    def checkpointed(self, run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Run a layer without keeping what it saves (torch.utils.checkpoint, not reentrant)."""
        if not self.grad_enabled:
            return run(x)
        self._frame = Frame(lambda: run(x))
        try:
            return run(x)
        finally:
            self._frame = None

    def _saved(self, node: Node) -> Any:
        frame = node.frame
        if frame is None:
            return node.saved
        if frame.recomputed is None:
            frame.recomputed, frame.nodes = {}, 0
            self._frame = frame
            self.grad_enabled = True
            try:
                frame.again()
            except _Stop:
                pass
            finally:
                self._frame = None
                self.grad_enabled = False
                self.end_autocast()
        return frame.recomputed.pop(node.at, ())

    # -- backward -------------------------------------------------------------------------

    def backward(self, loss: Tensor, turns: Sequence[tuple[int, list[int]]]) -> None:
        """Run the graph behind `loss` as autograd's engine does: latest first, once ready.

        Args:
            turns: from the first node on that is no younger than the order given, peaks are
                collected in the list beside it.
        """
        turns = list(turns)
        waiting: dict[Node, int] = {}
        stack = [loss.node]
        seen = {loss.node}
        while stack:
            for following in stack.pop().next:
                if following is not None:
                    waiting[following] = waiting.get(following, 0) + 1
                    if following not in seen:
                        seen.add(following)
                        stack.append(following)
        del seen
        buffers: dict[Node, Tensor | None] = {loss.node: self.new(loss.width, loss.bytes)}
        ready: list[Node] = [loss.node]
        self.grad_enabled = False
        while ready:
            node = heapq.heappop(ready)
            while turns and node.order <= turns[0][0]:
                self.moments.append(self.live)
                self.moments = turns.pop(0)[1]
            self._run(node, buffers, waiting, ready)
        self.grad_enabled = True

    def _run(self, node: Node, buffers: Any, waiting: Any, ready: list[Node]) -> None:
        gradient = buffers.pop(node, None)
        outputs: Any = (None,) * len(node.next)
        if gradient is not None:
            saved = self._saved(node)
            outputs = node.fn(saved, gradient)
            del saved
        gradient = None
        node.saved, node.frame = (), None
        outputs = list(outputs)
        for at, following in enumerate(node.next):
            output, outputs[at] = outputs[at], None
            if following is None:
                continue
            if output is not None:
                # A second gradient is added to the first in place.
                if following.collects:
                    buffers.setdefault(following, []).append(output)
                elif buffers.get(following) is None:
                    buffers[following] = output
            output = None
            waiting[following] -= 1
            if not waiting[following]:
                heapq.heappush(ready, following)

    # -- books ----------------------------------------------------------------------------

    @contextmanager
    def region(self, found: list[int]) -> Iterator[None]:
        """Collect the peaks inside the block in `found`."""
        before, self.moments = self.moments, found
        self.grew = True
        try:
            yield
        finally:
            self.moments.append(self.live)
            self.moments = before
            self.grew = True


def largest(moments: Sequence[int], lanes: Lanes) -> list[int]:
    """The moments that no other one exceeds in every symbol, small ones aside.

    A moment that is beaten in all but a few bytes a token can be the peak by these bytes only.
    """
    high = 1 << (LANE_BITS - 1)
    names = lanes.names
    top = sum(high << (LANE_BITS * at) for at in range(len(names)))
    judged = sum(
        high << (LANE_BITS * at)
        for at, name in enumerate(names)
        if name not in SMALL and not name.endswith("/64")
    )
    kept: list[int] = []
    topped: list[int] = []
    # What is left of a number divided by the largest of a lane is the sum of its lanes.
    for moment in sorted(set(moments), key=lambda size: -(size % LANE)):
        if not any((other - moment) & judged == judged for other in topped):
            kept.append(moment)
            topped.append(moment | top)
    return kept
