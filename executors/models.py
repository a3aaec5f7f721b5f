"""Finds and loads a base model: the starter, a folder or a hub id, in the right number format.

Every choice that the machine made travels with its reason in `LoadedModel`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from advisor.errors import Forbidden, MachineError, UsageError
from executors import starter
from executors.hardware import Purpose, pick_device, pick_dtype
from executors.template import end_token_ids
from executors.weights import ModelFolder, check_model_folder, damaged_error, digest
from knowledge.catalog.loader import find_model

if TYPE_CHECKING:
    import torch

STARTER = "starter"
Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
MISSING_SHOWN = 5
# Safetensors and text only: pickles and code are not even fetched.
_HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "LICEN*", "USE_POLICY*")


class Tokenizer(Protocol):
    """What okakae uses of a transformers tokenizer."""

    bos_token_id: int | None
    eos_token_id: int | None
    unk_token_id: int | None
    pad_token_id: int | None
    chat_template: str | None

    def __call__(self, text: Any, **kwargs: Any) -> Any: ...

    def decode(self, ids: Any, **kwargs: Any) -> str: ...

    def convert_tokens_to_ids(self, tokens: Any) -> Any: ...

    def apply_chat_template(self, conversation: Any, **kwargs: Any) -> Any: ...

    def save_pretrained(self, folder: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal language model ready to use, and what is known about it."""

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    dtype_reason: str
    digest: str
    """See `executors.weights.digest`."""
    source: str
    """The reference it was asked for by: `starter`, a folder or a hub id."""
    folder: Path
    parameters: int
    context_tokens: int | None
    licence: str | None
    """Ids of the catalog's licences with commas between, an address, or the name of a file."""
    quantised: bool = False

    def with_model(self, model: Any) -> LoadedModel:
        """The same model with an adapter around it (or after training)."""
        return replace(self, model=model)


def resolve(
    reference: str,
    *,
    allow: Set[str] = frozenset(),
    offline: bool = False,
    allow_pickled: bool = False,
) -> ModelFolder:
    """The checked folder of a model; the starter is converted, a hub model fetched if allowed.

    Args:
        reference: `starter`, a folder, or a hub id (`organisation/name`).
        allow: fetches from the hub only when it contains `download`.
        offline: never fetches, whatever is allowed.
        allow_pickled: accept PyTorch pickles, which can run code when they are read.

    Raises:
        UsageError: no such folder, no such model.
        MachineError: not on this machine and no download allowed, or files missing or damaged.
        Forbidden: pickled weights or code of its own.
    """
    if reference == STARTER:
        return check_model_folder(starter.ensure_starter(), reference)
    path = Path(reference).expanduser()
    if path.is_dir():
        return check_model_folder(path.resolve(), reference, allow_pickled=allow_pickled)
    if path.is_file():
        raise UsageError("model-is-file", where=reference, model=reference)
    if not _HUB_ID.fullmatch(reference):
        raise UsageError("model-folder-missing", where=reference, model=reference)
    download = "download" in allow and not offline
    files = (*_HUB_FILES, "*.bin") if allow_pickled else _HUB_FILES
    folder = _hub_folder(reference, download, files)
    return check_model_folder(folder, reference, allow_pickled=allow_pickled)


def load(
    reference: str,
    *,
    purpose: Purpose = "use",
    quantised: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    attention: Attention = "auto",
    allow: Set[str] = frozenset(),
    offline: bool = False,
    allow_pickled: bool = False,
) -> LoadedModel:
    """Load model and tokenizer, in eval mode.

    Args:
        reference: see `resolve`.
        purpose: training needs a wider number format than use on old GPUs.
        quantised: 4-bit NF4 with double quantisation, computing in `dtype` (QLoRA).
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: auto, bfloat16, float16 or float32.
        attention: auto is transformers' choice for the model (SDPA where it has it).
        allow: see `resolve`.
        offline: see `resolve`.
        allow_pickled: see `resolve`.

    Raises:
        UsageError, MachineError, Forbidden: as `resolve`, and for a device or package that is not
            there or a model that transformers does not know.
    """
    _require_packages("torch", "transformers", *(("bitsandbytes", "accelerate") * quantised))
    folder = resolve(reference, allow=allow, offline=offline, allow_pickled=allow_pickled)
    place = pick_device(device)
    number, why = pick_dtype(place, purpose, dtype)
    with quiet_libraries():
        tokenizer = _load_tokenizer(folder, reference)
        model = _load_model(folder, reference, place, number, quantised, attention)
    _own_generation_defaults(model, tokenizer)
    text_config = model.config.get_text_config()
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        device=place,
        dtype=number,
        dtype_reason=why,
        digest=digest(folder),
        source=reference,
        folder=folder.path,
        parameters=model.num_parameters(),
        context_tokens=getattr(text_config, "max_position_embeddings", None),
        licence=_licence(folder, reference),
        quantised=quantised,
    )


def load_tokenizer(
    reference: str,
    *,
    allow: Set[str] = frozenset(),
    offline: bool = False,
    allow_pickled: bool = False,
) -> tuple[Tokenizer, int | None]:
    """The tokenizer of a model and its context in tokens (None: not said); no weights are loaded.

    Raises:
        UsageError, MachineError, Forbidden: as `resolve`.
    """
    _require_packages("transformers")
    folder = resolve(reference, allow=allow, offline=offline, allow_pickled=allow_pickled)
    with quiet_libraries():
        tokenizer = _load_tokenizer(folder, reference)
    text_config = folder.config.get("text_config") or folder.config
    return tokenizer, text_config.get("max_position_embeddings")


def keep_quantised_weights_trainable(model: Any) -> int:
    """Stop bitsandbytes from repacking NF4 weights on a CPU; returns how many layers it touched.

    bitsandbytes 0.50 repacks a layer at its first forward pass in eval mode on CPUs with
    avx512_bf16, and from then on computes without a gradient to the layer's input: one
    evaluation in the middle of a training silently cuts the gradient to a third.
    """
    import bitsandbytes

    layers = [m for m in model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def _require_packages(*names: str) -> None:
    from importlib.util import find_spec

    for name in names:
        if find_spec(name) is None:
            raise MachineError("package-missing", package=name)


def _hub_folder(reference: str, download: bool, files: tuple[str, ...]) -> Path:
    from huggingface_hub import errors, snapshot_download

    download = download and os.environ.get("HF_HUB_OFFLINE", "").upper() not in ("1", "TRUE", "YES")
    try:
        found = snapshot_download(
            reference, allow_patterns=list(files), local_files_only=not download
        )
    except errors.GatedRepoError as error:
        raise MachineError("model-gated", model=reference) from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError("model-unknown", model=reference) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        ref = "model-download-failed" if download else "model-not-here"
        raise MachineError(ref, model=reference) from error
    except errors.HFValidationError as error:
        raise UsageError("model-unknown", model=reference) from error
    return Path(found)


def _load_tokenizer(folder: ModelFolder, source: str) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder.path), trust_remote_code=False)
    except Exception as error:  # the libraries raise a bare Exception for a damaged file
        # Said of a class that only the publisher's program has; others that name one do without.
        if "trust_remote_code" in str(error):
            raise Forbidden("model-own-code", model=source) from error
        raise MachineError(
            "model-tokenizer-damaged", where=str(folder.path), model=source, reason=str(error)[:300]
        ) from error
    if tokenizer.eos_token_id is None:
        raise UsageError("model-no-end-token", where=str(folder.path), model=source)
    if tokenizer.pad_token_id is None:
        # Padding is always masked here and labels are explicit, so sharing the id is harmless.
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def _load_model(
    folder: ModelFolder,
    source: str,
    device: torch.device,
    dtype: torch.dtype,
    quantised: bool,
    attention: Attention,
) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = folder.config.get("model_type")
    try:
        config = AutoConfig.from_pretrained(str(folder.path), trust_remote_code=False)
    except (ValueError, KeyError) as error:
        raise MachineError("model-type-unknown", model=source, kind=kind) from error
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or config.is_encoder_decoder:
        raise UsageError("model-not-causal", where=str(folder.path), model=source, kind=kind)
    options: dict[str, Any] = {} if attention == "auto" else {"attn_implementation": attention}
    if quantised:
        options["quantization_config"] = _nf4(dtype)
    if quantised or device.type != "cpu":
        options["device_map"] = {"": device}
    try:
        found: Any = AutoModelForCausalLM.from_pretrained(
            str(folder.path),
            config=config,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=not folder.pickled,
            output_loading_info=True,
            **options,
        )
    except ImportError as error:
        raise MachineError(
            "model-needs-package", model=source, reason=str(error).strip()[:300]
        ) from error
    except SafetensorError as error:
        files = ", ".join(shard.name for shard in folder.shards)
        raise damaged_error(folder.path, source, f"{files}: {error}"[:300]) from error
    except (ValueError, RuntimeError, OSError) as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise MachineError("model-too-big", model=source, device=str(device)) from error
        raise MachineError(
            "model-unloadable", where=str(folder.path), model=source, reason=str(error)[:300]
        ) from error
    model, info = found
    # transformers fills what it does not find with random numbers, and only warns.
    if lacking := sorted(info["missing_keys"]):
        told = ", ".join(lacking[:MISSING_SHOWN]) + ", …" * (len(lacking) > MISSING_SHOWN)
        raise damaged_error(folder.path, source, told)
    if quantised and device.type == "cpu":
        keep_quantised_weights_trainable(model)
    return model.eval()


def _nf4(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _own_generation_defaults(model: Any, tokenizer: Any) -> None:
    """Keep what ends an answer, drop the publisher's sampling: answers are greedy unless asked.

    Saved with a tuned model, so that whoever serves it stops where the training taught it to.
    """
    from transformers import GenerationConfig

    shipped = model.generation_config
    ends = shipped.eos_token_id if shipped is not None else None
    ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    ends += sorted(end_token_ids(tokenizer) - set(ends))
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )


def _licence(folder: ModelFolder, reference: str) -> str | None:
    """What the catalog says of a model of the hub, else the file that lies beside the weights."""
    if reference == STARTER:
        return starter.LICENCE_URL
    # A folder may bear the name of a model and hold another one.
    known = None if Path(reference).expanduser().is_dir() else find_model(reference)
    if known is not None:
        return known.licence
    return folder.licence.name if folder.licence else None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bars or advice of the libraries in the middle of okakae's own lines."""
    import warnings

    from transformers.utils import logging as library

    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    backend = logging.getLogger("bitsandbytes.backends.cpu.ops")
    backend_level = backend.level
    library.set_verbosity_error()
    library.disable_progress_bar()
    # It advises to install `kernels`, with which it would reach for a hub when imported.
    backend.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Names that TRL and PEFT use and transformers will rename: theirs to change.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        library.set_verbosity(level)
        backend.setLevel(backend_level)
        if bars:
            library.enable_progress_bar()
