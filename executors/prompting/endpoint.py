"""A model behind an OpenAI-compatible server: a local one, the company's, or a hosted API."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from advisor.errors import MachineError, RunError
from advisor.hosts import is_this_machine
from executors.base import Generation, Message

if TYPE_CHECKING:
    from advisor.session import Session

RETRIES = 4
TIMEOUT_S = 120.0


class EndpointGenerator:
    """Asks `url` with the openai client; the key is read by name from the environment.

    Known base URLs: Ollama http://localhost:11434/v1, vLLM http://localhost:8000/v1,
    `transformers serve` http://localhost:8000/v1.
    """

    def __init__(self, url: str, model: str, key_env: str, session: Session) -> None:
        """Connect lazily; consent is asked for any host but this machine.

        Raises:
            Forbidden: the answers, `--offline` or a missing consent forbid the call.
            MachineError: the openai package or the named environment variable is missing.
        """
        if not is_this_machine(url):
            session.permit("api", f"{model} ({url})")
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ModuleNotFoundError:
            raise MachineError("package-missing", package="openai") from None
        key = os.environ.get(key_env, "") if key_env else ""
        if key_env and not key and not is_this_machine(url):
            raise MachineError("key-missing", name=key_env)
        self._url, self._model = url, model
        # A proxy from the environment would carry what is meant for this machine out of it.
        direct = DefaultHttpxClient(trust_env=False) if is_this_machine(url) else None
        # Servers on one's own machine want no key, the client insists on a string.
        self._client = OpenAI(
            base_url=url,
            api_key=key or "none",
            max_retries=RETRIES,
            timeout=TIMEOUT_S,
            http_client=direct,
        )

    def complete(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        return [self._one(turns, max_new_tokens) for turns in conversations]

    def stream(self, conversation: Sequence[Message], *, max_new_tokens: int) -> Iterator[str]:
        with self._faults():
            parts = self._client.chat.completions.create(
                model=self._model,
                messages=list(conversation),  # type: ignore[arg-type]
                max_tokens=max_new_tokens,
                temperature=0,
                stream=True,
            )
            for part in parts:
                if part.choices and part.choices[0].delta.content:
                    yield part.choices[0].delta.content

    def _one(self, turns: Sequence[Message], max_new_tokens: int) -> Generation:
        started = time.perf_counter()
        with self._faults():
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=list(turns),  # type: ignore[arg-type]
                max_tokens=max_new_tokens,
                temperature=0,
            )
        if not answer.choices:
            raise RunError("endpoint-failed", where=self._url, url=self._url, why="no choices")
        choice = answer.choices[0]
        usage = answer.usage
        return Generation(
            text=(choice.message.content or "").strip(),
            tokens_in=usage.prompt_tokens if usage else 0,
            tokens_out=usage.completion_tokens if usage else 0,
            seconds=time.perf_counter() - started,
            finish_reason="length" if choice.finish_reason == "length" else "stop",
        )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What can go wrong on the way, said in okakae's words."""
        import openai

        try:
            yield
        except openai.AuthenticationError:
            raise RunError("endpoint-key", where=self._url, url=self._url) from None
        except openai.NotFoundError:
            raise RunError(
                "endpoint-model", where=self._url, url=self._url, model=self._model
            ) from None
        except openai.APIConnectionError as error:
            raise MachineError(
                "endpoint-down", where=self._url, url=self._url, why=type(error).__name__
            ) from None
        except openai.APIError as error:
            raise RunError(
                "endpoint-failed", where=self._url, url=self._url, why=error.message[:200]
            ) from None

    def close(self) -> None:
        self._client.close()
