"""What a model can do beside its task: loss on general text, and simple questions with choices.

A probe is read from a folder: `general_text.jsonl` (`id`, `text`) and `general.jsonl` (`id`,
`question`, `choices`, `answer_index`), in the folder itself or in `ja/` and `en/` below it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError
from knowledge.catalog.texts import text
from knowledge.corpus.languages import language

if TYPE_CHECKING:
    from advisor.session import Progress
    from executors.models import LoadedModel

SAMPLE = "sample"
TEXTS, QUESTIONS = "general_text.jsonl", "general.jsonl"
LANGUAGES = ("ja", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of general text; `lang` is ja or en."""

    id: str
    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A question of common knowledge and its possible answers, one of them right."""

    id: str
    lang: str
    question: str
    choices: tuple[str, ...]
    right: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked before and after a training, and nothing of it is ever trained on."""

    texts: tuple[Text, ...]
    choices: tuple[Choice, ...]
    source: str
    """`sample`, or the folder's name."""
    sha256: str

    def __len__(self) -> int:
        return len(self.texts) + len(self.choices)


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's figures by item: mean loss per token (nats) of a text; 1 for a right choice."""

    loss: dict[str, float]
    right: dict[str, float]


def load_probe(folder: Path | None = None) -> Probe:
    """The probe in a folder of the user, or the one that comes with okakae.

    Raises:
        UsageError: `probe-unreadable`, with the file and the line.
    """
    root = Path(str(files("knowledge") / "samples")) if folder is None else folder
    places = [root, *(root / lang for lang in LANGUAGES)]
    texts: list[Text] = []
    choices: list[Choice] = []
    digest = hashlib.sha256()
    for place in places:
        named = place.name if place != root else ""
        for where, record in _records(place / TEXTS, digest):
            lang = named or _lang(str(record.get("text", "")))
            texts.append(_text(record, lang, where))
        for where, record in _records(place / QUESTIONS, digest):
            lang = named or _lang(str(record.get("question", "")))
            choices.append(_choice(record, lang, where))
    if not texts and not choices:
        raise UsageError("probe-empty", where=str(root), path=str(root))
    source = SAMPLE if folder is None else folder.name
    return Probe(tuple(texts), tuple(choices), source, digest.hexdigest())


def measure(loaded: LoadedModel, probe: Probe, progress: Progress | None = None) -> Measured:
    """Ask the model as it stands, its adapter on or off; weights and random numbers stay.

    A choice is the most likely continuation per token, so that long answers are not punished. No
    chat template: a base model has none, and the same words are asked before and after.
    """
    from executors.generate import choice_logprobs, mean_token_loss

    loss: dict[str, float] = {}
    right: dict[str, float] = {}
    for item in probe.texts:
        loss[_key(item)] = mean_token_loss(loaded, [item.text])
        if progress is not None:
            progress.advance()
    begin = _begin(loaded)
    for asked in probe.choices:
        prompt = begin + text("forgetting.prompt", asked.lang, question=asked.question)
        space = "" if asked.lang == "ja" else " "
        answers = [space + choice for choice in asked.choices]
        scores = choice_logprobs(loaded, prompt, answers, per_token=True)
        right[_key(asked)] = float(scores.index(max(scores)) == asked.right)
        if progress is not None:
            progress.advance()
    return Measured(loss, right)


def _key(item: Text | Choice) -> str:
    return f"{item.lang}/{item.id}"


def _begin(loaded: LoadedModel) -> str:
    """The begin token in writing, where this model's texts have one."""
    from executors.template import adds_begin_token

    tokenizer: Any = loaded.tokenizer
    return str(tokenizer.bos_token) if adds_begin_token(tokenizer) else ""


def _lang(words: str) -> str:
    return "ja" if language(words) == "ja" else "en"


def _records(path: Path, digest: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        return
    content = path.read_bytes()
    digest.update(content)
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            record = json.loads(line)
        except ValueError:
            raise _unreadable(where) from None
        if not isinstance(record, dict):
            raise _unreadable(where)
        yield where, record


def _text(record: dict[str, Any], lang: str, where: str) -> Text:
    words = record.get("text")
    if not isinstance(words, str) or not words.strip():
        raise _unreadable(where)
    return Text(str(record.get("id", where)), lang, words)


def _choice(record: dict[str, Any], lang: str, where: str) -> Choice:
    question, choices = record.get("question"), record.get("choices")
    right = record.get("answer_index")
    good = isinstance(question, str) and isinstance(choices, list) and isinstance(right, int)
    if not good or not 0 <= right < len(choices) or not all(map(str.strip, map(str, choices))):
        raise _unreadable(where)
    return Choice(str(record.get("id", where)), lang, question, tuple(map(str, choices)), right)


def _unreadable(where: str) -> UsageError:
    return UsageError("probe-unreadable", where=where, place=where)
