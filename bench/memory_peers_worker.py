"""Asks other estimators about the same set-ups, through their own Python functions, offline.

`python -m bench.memory_peers_worker CASES.json ANSWERS.json`, with the peers on PYTHONPATH. A peer
that is not installed says so. Each answer is in GiB: `total` as the tool shows it, and `net`
without what the tool itself calls context, framework overhead or safety margin.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

GIB = 2**30
Case = dict[str, Any]
Answer = dict[str, float]


def accelerate(case: Case) -> Answer:
    """`accelerate estimate-memory`: its own gathering of sizes on a model built from a config.

    It asks a hub for the config; everything after that is called as it stands. Its one training
    figure, Adam in mixed precision, knows no method, batch or length.
    """
    import torch
    from accelerate import init_empty_weights
    from accelerate.commands.estimate import estimate_training_usage
    from accelerate.utils import calculate_maximum_sizes
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(**case["config"])
    with init_empty_weights():
        model = AutoModel.from_config(config, dtype=torch.float32)
    size, _ = calculate_maximum_sizes(model)
    precision = "float32" if case["precision"] == "fp32" else "float16"
    return _same(max(estimate_training_usage(size, precision).values()) / GIB)


def hf_mem(case: Case) -> Answer:
    """Inference only: the bytes of the safetensors header, stored tensor by tensor."""
    import torch
    from hf_mem.safetensors.metadata import parse_safetensors_metadata
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**case["config"]), dtype=torch.bfloat16
        )
    dtype = "F32" if case["precision"] == "fp32" else "BF16"
    header = {
        name: {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [0, 0]}
        for name, tensor in model.named_parameters()
    }
    return _same(parse_safetensors_metadata({"Transformer": header}).bytes_count / GIB)


def llm_analysis(case: Case) -> Answer:
    """Megatron-style training of all weights; no adapters, no quantised base, 16 bits at most."""
    from llm_analysis.analysis import ActivationRecomputation, LLMAnalysis
    from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig

    shape = case["shape"]
    model = ModelConfig(
        name="model",
        num_layers=shape["layers"],
        n_head=shape["heads"],
        hidden_dim=shape["hidden"],
        vocab_size=shape["vocab"],
        max_seq_len=shape["context"],
        num_key_value_heads=shape["kv_heads"],
        ffn_embed_dim=shape["inner"],
        expansion_ratio=shape["inner"] / shape["hidden"],
        model_type=shape["model_type"],
    )
    # Only the size of the card is read here: larger than any case, so that nothing is refused.
    card = GPUConfig("card", 1000, 1000, 0, 1e-5, 100)
    recompute = (
        ActivationRecomputation.FULL if case["checkpointed"] else (ActivationRecomputation.NONE)
    )
    analysis = LLMAnalysis(
        model, card, DtypeConfig(), flops_efficiency=0.5, hbm_memory_efficiency=0.5
    )
    found = analysis.training(
        batch_size_per_gpu=case["batch_size"],
        seq_len=case["seq_len"],
        total_num_tokens=10**6,
        activation_recomputation=recompute,
        flash_attn=case["attention"] != "eager",
        mlp_gated_linear_units=shape["gated"],
    )
    return _same(found["(weight+op_state+grad+act)_memory_per_gpu"] / GIB)


def canifinetune(case: Case) -> Answer:
    from canifinetune.estimator.memory import EstimateRequest, estimate

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(case["config"]), encoding="utf-8")
        found = estimate(
            EstimateRequest(
                model_id=folder,
                method=case["method"],
                seq_len=case["seq_len"],
                micro_batch_size=case["batch_size"],
                base_dtype=case["precision"],
                lora_rank=case["rank"],
                lora_target_scope="attention" if case["attention_only"] else "all_linear",
                optimizer="sgd" if case["optimizer"] == "sgd" else "adamw_torch",
                gradient_checkpointing=case["checkpointed"],
                attention_implementation=case["attention"],
                gpu_vram_gb=case["card_gib"],
                use_network=False,
            )
        ).memory
    margin = found.cuda_overhead_gb + found.safety_margin_gb
    return {"total": found.total_estimated_gb, "net": found.total_estimated_gb - margin}


def fitcheck_llm(case: Case) -> Answer:
    from fitcheck.config_parser import ModelConfig
    from fitcheck.estimator import TrainingConfig, estimate
    from fitcheck.gpu_db import get_gpu
    from fitcheck.overhead_db import DEFAULT_OVERHEAD_PROFILE

    shape = case["shape"]
    attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    mlp = ["gate_proj", "up_proj", "down_proj"]
    all_targets = attention + mlp
    targets = [name for name in case["targets"] if name in all_targets] or all_targets
    report = estimate(
        ModelConfig(
            name="model",
            num_params=shape["params"],
            **_named(shape),
            head_dim=shape["head_dim"],
            tie_word_embeddings=shape["tied"],
        ),
        TrainingConfig(
            precision=case["precision"],
            quantization="nf4" if case["method"] == "qlora" else "none",
            double_quant=case["method"] == "qlora",
            optimizer="sgd" if case["optimizer"] == "sgd" else "adamw",
            batch_size=case["batch_size"],
            seq_len=case["seq_len"],
            lora_rank=None if case["method"] == "full" else case["rank"],
            lora_targets=targets,
            grad_checkpoint=case["checkpointed"],
            flash_attn=case["attention"] != "eager",
        ),
        get_gpu(vram_mib=round(case["card_gib"] * 1024)),
    )
    context = DEFAULT_OVERHEAD_PROFILE.base_context_mib
    return {"total": report.total_mib / 1024, "net": (report.total_mib - context) / 1024}


def ftuneai(case: Case) -> Answer:
    from ftuneai.core.memory import MemoryEstimator
    from ftuneai.core.models import (
        FineTuneMethod,
        LoRATarget,
        ModelSpec,
        OptimizerType,
        TrainingConfig,
    )

    shape = case["shape"]
    found = MemoryEstimator(
        ModelSpec(
            name="model",
            parameters=shape["params"],
            **_named(shape),
            max_seq_length=shape["context"],
            default_dtype=case["precision"],
        ),
        TrainingConfig(
            method=FineTuneMethod(case["method"]),
            batch_size=case["batch_size"],
            seq_length=case["seq_len"],
            gradient_checkpointing=case["checkpointed"],
            optimizer=OptimizerType.SGD if case["optimizer"] == "sgd" else OptimizerType.ADAMW,
            lora_rank=case["rank"],
            lora_target=(LoRATarget.ATTENTION if case["attention_only"] else LoRATarget.ALL_LINEAR),
            flash_attention=case["attention"] != "eager",
        ),
    ).estimate()
    return {"total": found.total_gb, "net": found.total_gb - found.overhead_gb}


def fitscout(case: Case) -> Answer:
    from fitscout.memory.estimator import estimate_memory
    from fitscout.model.profile import ModelProfile

    shape = case["shape"]
    found = estimate_memory(
        ModelProfile(
            params=shape["params"],
            **_named(shape),
            tie_word_embeddings=shape["tied"],
            dtype_bytes=4 if case["precision"] == "fp32" else 2,
        ),
        method=case["method"],
        micro_batch=case["batch_size"],
        seq_len=case["seq_len"],
        grad_ckpt=case["checkpointed"],
        lora_rank=case["rank"],
        grad_dtype_bytes=4 if case["precision"] == "fp32" else 2,
    )
    return {"total": found.total_gb, "net": found.total_gb - found.overhead_gb}


def gpu_estimator(case: Case) -> Answer:
    """One figure from the number of parameters; it knows no adapters. Adds a fifth on top."""
    from gpu_estimator.estimator import GPUEstimator

    found = GPUEstimator().estimate(
        model_params=case["shape"]["params"],
        batch_size=case["batch_size"],
        sequence_length=case["seq_len"],
        precision=case["precision"],
        optimizer="sgd" if case["optimizer"] == "sgd" else "adamw",
        gradient_checkpointing=case["checkpointed"],
    )
    return {"total": found.total_memory_gb, "net": found.total_memory_gb / 1.2}


def hf_vram_calc(case: Case) -> Answer:
    """Weights times a factor; it knows LoRA's rank, no batch and no length in training."""
    from hf_vram_calc.calculator import VRAMCalculator
    from hf_vram_calc.config import ConfigManager

    calculator = VRAMCalculator(ConfigManager())
    params = case["shape"]["params"]
    dtype = "int4" if case["method"] == "qlora" else case["precision"]
    weights = calculator.calculate_model_memory(params, dtype)
    if case["method"] == "full":
        return _same(calculator.calculate_training_memory(weights))
    return _same(
        calculator.calculate_lora_memory(
            weights, params, lora_rank=case["rank"], original_dim=case["shape"]["hidden"]
        )
    )


PEERS: dict[str, Callable[[Case], Answer]] = {
    "accelerate": accelerate,
    "canifinetune": canifinetune,
    "fitcheck-llm": fitcheck_llm,
    "fitscout": fitscout,
    "ftuneai": ftuneai,
    "gpu-estimator": gpu_estimator,
    "hf-mem": hf_mem,
    "hf-vram-calc": hf_vram_calc,
    "llm-analysis": llm_analysis,
}


def _named(shape: dict[str, Any]) -> dict[str, int]:
    """A model's dimensions by the names that several peers share."""
    return {
        "hidden_size": shape["hidden"],
        "num_layers": shape["layers"],
        "num_attention_heads": shape["heads"],
        "num_kv_heads": shape["kv_heads"],
        "intermediate_size": shape["inner"],
        "vocab_size": shape["vocab"],
    }


def _same(gib: float) -> Answer:
    return {"total": gib, "net": gib}


def ask(name: str, cases: list[Case]) -> dict[str, Any]:
    """One peer's answers by case id; a case that it cannot answer keeps its reason."""
    try:
        installed = version(name)
    except PackageNotFoundError:
        return {"installed": None}
    answers: dict[str, Any] = {}
    for case in cases:
        try:
            with _silence():
                answers[case["id"]] = PEERS[name](case)
        except Exception as error:  # another project's code: whatever it raises is its answer
            answers[case["id"]] = {"refused": f"{type(error).__name__}: {error}"[:200]}
    return {"installed": installed, "answers": answers}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {name: ask(name, cases) for name in PEERS}
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
