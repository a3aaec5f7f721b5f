"""A model behind an OpenAI-compatible server: a local one, the company's, or a hosted API."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from advisor.errors import MachineError, RunError
from advisor.hosts import is_this_machine
from executors.base import Generation, Message
from knowledge.corpus.languages import estimate_tokens

if TYPE_CHECKING:
    from openai import APIError
    from openai.types.chat import ChatCompletion
    from openai.types.chat.chat_completion import Choice

    from advisor.session import Session

RETRIES = 4
TIMEOUT_S = 120.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Before the first repetition, doubled before each further one, and the most that is waited."""
PASSES = (408, 409, 429, 500, 502, 503, 504)
"""What a server says when the same question may succeed a little later."""
MANY = 2.0
"""Times the tokens of a large vocabulary, where a server does not count; see `likely_tokens`."""
TURN_TOKENS = 8
"""Judgement: what a chat template puts around one turn."""

T = TypeVar("T")


class EndpointGenerator:
    """Asks `url` with the openai client; the key is read by name from the environment.

    Known base URLs: Ollama http://localhost:11434/v1, vLLM http://localhost:8000/v1,
    `transformers serve` http://localhost:8000/v1.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key_env: str,
        session: Session,
        *,
        timeout_s: float = TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect lazily; consent is asked for any host but this machine.

        Args:
            timeout_s: most seconds without a byte of an answer.
            pause: waits so many seconds before a question is asked again.

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
        self._url, self._model, self._pause = url, model, pause
        # A proxy from the environment would carry what is meant for this machine out of it.
        direct = DefaultHttpxClient(trust_env=False) if is_this_machine(url) else None
        # Servers on one's own machine want no key, the client insists on a string.
        self._client = OpenAI(
            base_url=url,
            api_key=key or "none",
            # Repeated here instead: the client's own waiting is not told and cannot be timed.
            max_retries=0,
            timeout=timeout_s,
            http_client=direct,
        )

    def complete(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        return [self._one(turns, max_new_tokens) for turns in conversations]

    def stream(self, conversation: Sequence[Message], *, max_new_tokens: int) -> Iterator[str]:
        """Pieces of one answer; one that was cut off after its first piece is not asked again.

        Raises:
            RunError: the answer was cut off.
        """
        with self._faults():
            parts = self._retrying(
                lambda: self._client.chat.completions.create(
                    model=self._model,
                    messages=list(conversation),  # type: ignore[arg-type]
                    max_tokens=max_new_tokens,
                    temperature=0,
                    stream=True,
                )
            )
            ended = False
            for part in parts:
                for choice in part.choices[:1]:
                    ended = ended or bool(choice.finish_reason)
                    if choice.delta.content:
                        yield choice.delta.content
        if not ended:
            raise self._failed("IncompleteStream")

    def _one(self, turns: Sequence[Message], max_new_tokens: int) -> Generation:
        def ask() -> tuple[ChatCompletion, float]:
            # Of the attempt that succeeds: failures and waiting are not how long an answer takes.
            started = time.perf_counter()
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=list(turns),  # type: ignore[arg-type]
                max_tokens=max_new_tokens,
                temperature=0,
            )
            return answer, time.perf_counter() - started

        with self._faults():
            answer, seconds = self._retrying(ask)
        choice = _first_choice(answer)
        if choice is None:
            raise self._failed("no choices")
        said = choice.message.content or ""
        usage = answer.usage
        return Generation(
            text=said.strip(),
            tokens_in=_told(usage, "prompt_tokens") or _prompt_tokens(turns),
            tokens_out=_told(usage, "completion_tokens") or likely_tokens(said),
            seconds=seconds,
            finish_reason="length" if choice.finish_reason == "length" else "stop",
        )

    def _retrying(self, call: Callable[[], T]) -> T:
        """Call again after what passes: no connection, no answer in time, a server in trouble."""
        import openai

        attempt = 0
        while True:
            try:
                return call()
            except openai.APIError as error:
                if attempt >= RETRIES or not _passes(error):
                    raise
                self._pause(_wait_s(error, attempt))
                attempt += 1

    def _failed(self, why: str) -> RunError:
        return RunError("endpoint-failed", where=self._url, url=self._url, why=why)

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
            raise self._failed(error.message[:200]) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:  # the body says it is JSON
            raise self._failed(type(error).__name__) from None

    def close(self) -> None:
        self._client.close()


def likely_tokens(text: str) -> int:
    """Tokens of a text that a server wrote or was sent and did not count; rather too many.

    Twice the rates of a large vocabulary (knowledge.corpus.languages): smaller ones cut Japanese
    into about twice as many pieces, and limits of yen must not be passed for want of a count.
    """
    return math.ceil(MANY * estimate_tokens(text))


def _prompt_tokens(turns: Sequence[Message]) -> int:
    return sum(likely_tokens(turn["content"]) + TURN_TOKENS for turn in turns)


def _told(usage: object, name: str) -> int:
    """What the server counted; 0 where it did not, whatever stands there instead."""
    found = getattr(usage, name, None)
    return found if isinstance(found, int) and found > 0 else 0


def _first_choice(answer: object) -> Choice | None:
    """The first choice with a message; None where a server answered with something else.

    The client checks nothing: a page of HTML comes as a text, a field of any type as it is.
    """
    choices = getattr(answer, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    message = getattr(first, "message", None)
    content = getattr(message, "content", 0)
    return first if content is None or isinstance(content, str) else None


def _passes(error: APIError) -> bool:
    """Whether the same question may succeed a little later."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return True
    # Too many questions in a minute pass; an account without money does not.
    used_up = error.code == "insufficient_quota"
    return isinstance(error, openai.APIStatusError) and error.status_code in PASSES and not used_up


def _wait_s(error: APIError, attempt: int) -> float:
    """What the server asks for, else twice as long each time."""
    import openai

    wait = FIRST_WAIT_S * 2**attempt
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        wait = max(wait, float(asked)) if asked.replace(".", "", 1).isdecimal() else wait
    return min(wait, LONGEST_WAIT_S)
