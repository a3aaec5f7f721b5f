"""Keeps documents data: text in them that reads like an instruction cannot reach the task."""

from __future__ import annotations

import re
import unicodedata

from executors.rag.sentences import sentences

# What prompt injections say, in Japanese and English; each alternative is tested.
_INSTRUCTION = re.compile(
    r"(?:これまで|以前|上記|前述|今まで|すべて|全て)の?(?:すべて|全て)?の?(?:指示|命令|プロンプト|ルール|制約)"
    r"(?:を|は)[^。\n]{0,12}(?:無視|忘れ|破棄|従わ)"
    r"|(?:指示|命令|プロンプト)を(?:無視|忘れ)"
    r"|(?:システム|system)\s*(?:プロンプト|prompt)\s*(?:を|:|：)"
    r"|あなたは(?:今|これ)から[^。\n]{0,40}(?:として|になり)"
    r"|(?:AI|アシスタント|言語モデル)(?:への|に対する)(?:指示|命令)"
    r"|ignore\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+)?(?:previous|prior|above|earlier|preceding)"
    r"\s+(?:instructions?|prompts?|rules?|directions?)"
    r"|disregard\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+)?(?:previous|prior|above|earlier|system)"
    r"|forget\s+(?:everything|all\s+(?:previous|prior)|your\s+instructions)"
    r"|you\s+are\s+now\s+(?:a|an|in|the)\b"
    r"|(?:reveal|print|repeat|show)\s+(?:me\s+)?(?:your|the)\s+(?:system\s+)?(?:prompt|instructions)"
    r"|(?:new|updated)\s+(?:system\s+)?instructions?\s*:"
    r"|(?:instructions?|message)\s+(?:for|to)\s+(?:the\s+)?(?:ai|assistant|language\s+model|llm|chatbot)",
    re.IGNORECASE,
)
# Turn marks of chat templates; they also stand in honest manuals, so they are only defused.
_TEMPLATE_MARK = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|</?(?:start_of_turn|end_of_turn|bos|eos|s)>|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
_FENCE = re.compile(r"<(?=/?\s*(?:passage|passages|資料)\b)", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def is_instruction(text: str) -> bool:
    """Whether the text speaks to a model rather than to a reader."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return bool(_INSTRUCTION.search(plain))


def as_data(text: str, withheld: str) -> str:
    """The text as it may stand inside a fence.

    Args:
        text: a passage.
        withheld: what is put in place of sentences that speak to a model.
    """
    plain = _INVISIBLE.sub("", text)
    kept: list[str] = []
    at = 0
    for span in sentences(plain):
        if is_instruction(span.of(plain)):
            kept += [plain[at : span.start], withheld]
            at = span.end
    kept.append(plain[at:])
    return _TEMPLATE_MARK.sub(_defused, _FENCE.sub("‹", "".join(kept)))


def _defused(mark: re.Match[str]) -> str:
    return mark.group().translate({ord("<"): "‹", ord(">"): "›", ord("["): "［", ord("]"): "］"})


def one_line(text: str) -> str:
    """A title or source name that cannot break out of the line it stands on."""
    plain = " ".join(_INVISIBLE.sub("", text).split())
    return plain.translate({ord("<"): "‹", ord(">"): "›", ord('"'): "”"})[:200]
