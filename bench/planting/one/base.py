"""Reads the real sets and keeps only rows and documents that are clean by plain checks."""

from __future__ import annotations

import csv
import html
import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .decoys import PAIRS_EN, PAIRS_JA
from .facts import FACTS_EN, FACTS_JA
from .identity import FIRST_EN, SURNAMES

JA_RUN = re.compile(r"[一-龠々]{2,}|[ァ-ヴー]{2,}|[a-z0-9]{2,}")
EN_RUN = re.compile(r"[a-z0-9']{2,}")
STOP = set(
    "the an of to in on is are was were do does did can could how what when where who why "
    "which my your our their it its and or for with from by at be been if this that there "
    "me we you they have has had will would should not no any some as about".split()
)
GENERIC = re.compile(
    r"お客様|お客さま|お客さん|皆様|皆さん|奥様|神様|王様|仕様|様子|様々|同様|模様|"
    r"多様|一様|様式|君主|諸君|摂氏|華氏|赤ちゃん|お母さん|お父さん|お子さん|氏名"
)
PERSONAL = re.compile(
    r"[@＠〒]|\d{6,}|\d{2,4}[-‐−]\d{2,4}[-‐−]\d{3,4}|\d{3}[-‐−]\d{4}|\(\d{3}\)|"
    r"[一-龠ァ-ヴー]{1,8}(?:様|さん|さま|氏|君|くん|ちゃん)|\b(?:Mr|Mrs|Ms|Dr|Prof)\.|"
    r"\b\d{3}[. ]\d{3}[. ]\d{4}|丁目|番地|\b\d{1,3}(?:\.\d{1,3}){3}\b|18f\.gov|Slack: "
)
NAMES_EN = re.compile(
    r"\b(?:" + "|".join(FIRST_EN) + r"|Guido|Fredrik|Mike|Dan|Aaron|Hillary|"
    r"Greg|Nick|Ben|Matt|Chris|Eric|Amy|Beth|Jen|Kate|Steve|Jim|Joe|Bill|"
    r"Brian|Kevin|Rachel|Melissa|Andrew|Alex|Christine|Alan|Ron|Tim)\b"
)
PLACE = re.compile(
    r"\{\{|\}\}|\{%|\[\[|\]\]|<[^<>\n]{1,40}>|＜[^＞\n]{1,20}＞|[○〇●◯]{2}|[Xx]{3,}|"
    r"XX|\bT[BO][DC][OA]?\b|TODO|FIXME|要確認|未定|lorem|__+|\$\{|\[[A-Z][A-Z _]{2,}\]|"
    r"\\\[|YYYY|\[insert|\[your|％s|…{2}|\?\?\?|placeholder",
    re.I,
)
SECRET = re.compile(
    r"(?i)pass(?:word|wd)\s*[=:]\s*\S|パスワード\s*[:：=]|api[_ -]?key\s*[=:]|"
    r"BEGIN [A-Z ]+-----|\b(?=[\w+/-]*\d)(?=[\w+/-]*[a-zA-Z])[\w+/-]{22,}"
)
INJECT = re.compile(
    r"(?i)\b(?:ignore|disregard|forget)\b.{0,30}\b(?:previous|above|prior|all)\b|"
    r"system prompt|you are now|<\|im_|\bprompt injection|プロンプト|指示を無視|"
    r"AIへ|language model|chatbot|\bLLM"
)
GARBLED = re.compile(
    "\ufffd|\\(cid:|Ã|â€|Â |縺|繧|\u0000|[\x80-\x9f\u200b-\u200f\u2028\u2029\ufeff]"
)
BROKEN = re.compile(r"[a-z] \.(?:\s|$)|\(\s*\)|[a-z] , ")  # a link was lost in the source


@dataclass
class Base:
    """Clean material by source; every row is (question or text, answer or label)."""

    qa_ja: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    qa_en: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    intents: list[tuple[str, str]] = field(default_factory=list)
    tones: list[tuple[str, str]] = field(default_factory=list)
    docs_ja: list[tuple[str, str, str]] = field(default_factory=list)
    docs_en: list[tuple[str, str, str]] = field(default_factory=list)


def normal(text: str) -> str:
    """Text for comparing: NFKC, lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


def grams(text: str, size: int) -> set[str]:
    """Character n-grams of the normalised text."""
    text = normal(text)
    return {text[i : i + size] for i in range(max(1, len(text) - size + 1))}


def words(text: str, lang: str) -> set[str]:
    """Content words (English) or content runs (Japanese)."""
    text = unicodedata.normalize("NFKC", text).lower()
    if lang == "ja":
        return set(JA_RUN.findall(text))
    return {w for w in EN_RUN.findall(text) if w not in STOP}


class Novel:
    """Keeps texts that are neither copies nor near relatives of those kept before."""

    def __init__(self, texts: Iterable[str], size: int, limit: float) -> None:
        self.size, self.limit = size, limit
        self.freq: Counter[str] = Counter()
        for text in texts:
            self.freq.update(grams(text, size))
        self.index: dict[str, list[int]] = defaultdict(list)
        self.kept: list[set[str]] = []

    def add(self, text: str) -> bool:
        """Keep the text if no kept one has Jaccard >= limit; prefix filter, so it is exact."""
        mine = grams(text, self.size)
        order = sorted(mine, key=lambda g: (self.freq[g], g))
        prefix = order[: len(order) - max(1, -int(-self.limit * len(order) // 1)) + 1]
        near = {n for g in prefix for n in self.index[g]}
        for n in near:
            if not self.limit <= len(mine) / len(self.kept[n]) <= 1 / self.limit:
                continue
            common = len(mine & self.kept[n])
            if common >= self.limit * (len(mine) + len(self.kept[n]) - common):
                return False
        self.kept.append(mine)
        for g in prefix:
            self.index[g].append(len(self.kept) - 1)
        return True


class NovelWords:
    """Keeps texts whose content words differ enough from those kept before."""

    def __init__(self, lang: str, limit: float) -> None:
        self.lang, self.limit = lang, limit
        self.index: dict[str, list[int]] = defaultdict(list)
        self.kept: list[set[str]] = []

    def add(self, text: str) -> bool:
        """Keep the text unless two or more shared words make Jaccard >= limit."""
        mine = words(text, self.lang)
        shared = Counter(n for w in mine for n in self.index[w])
        for n, common in shared.items():
            if common >= 2 and common >= self.limit * len(mine | self.kept[n]):
                return False
        self.kept.append(mine)
        for w in mine:
            self.index[w].append(len(self.kept) - 1)
        return True


def soiled(text: str, code: bool = False) -> bool:
    """True where the text could be taken for a fault of any kind (code: slots are allowed)."""
    if not code and PLACE.search(text):
        return True
    if re.search(r"[^\S\n ]|^\s|\s$| {2}", text) and not code:
        return True
    return bool(
        PERSONAL.search(GENERIC.sub("", text))
        or NAMES_EN.search(text)
        or SECRET.search(text)
        or INJECT.search(text)
        or GARBLED.search(text)
    )


def surnamed(text: str) -> bool:
    """True where a common surname stands in the text (not as the name of a place)."""
    return bool(
        re.search(
            "(?:" + "|".join(s for s in SURNAMES if len(s) > 1) + ")(?![県市町村区駅川山島])", text
        )
    )


def jsonl(path: Path) -> list[dict[str, str]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def plain(text: str) -> str:
    """Markdown reduced to text: links, emphasis, code marks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", html.unescape(text))
    text = re.sub(r"[*`]{1,3}", "", text)
    return re.sub(r"[^\S\n]+", " ", re.sub(r"(?<!\n)\n(?![\n\-*\d#|])", " ", text)).strip()


def load(shared: Path, rng: random.Random) -> Base:
    """Read everything below shared/data that is used and clean it."""
    base = Base()
    ja, en = read_ja(shared), read_en(shared, rng)
    base.qa_ja = sift(ja, "ja", 2, 0.45, 0.6)
    base.qa_en = sift(en, "en", 3, 0.55, 0.7)
    with (shared / "banking77/original/train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(tidy(r["text"]), r["category"]) for r in csv.DictReader(file)]
    tones = [
        (r["text"].strip(), str(r["level"]))
        for r in jsonl(shared / "keico_style/level_labels.jsonl")
    ]
    rng.shuffle(rows)
    base.intents = sift({"facts": en["facts"], "x": rows[:5000]}, "en", 3, 0.5, 0.75)["x"][:2600]
    base.tones = [r for r in sift({"x": tones}, "ja", 2, 0.4, 0.6)["x"] if not surnamed(r[0])]
    read_docs(shared, base)
    return base


def tidy(text: str) -> str:
    """One line, single spaces."""
    return re.sub(r"\s+", " ", text).strip()


def sift(
    sets: dict[str, list[tuple[str, str]]], lang: str, size: int, limit: float, word_limit: float
) -> dict[str, list[tuple[str, str]]]:
    """Drop soiled rows, then rows too near to a kept one (question, or long answer)."""
    sets = {"own": own_questions(lang)} | sets
    everything = [q for rows in sets.values() for q, _ in rows]
    questions, content = Novel(everything, size, limit), NovelWords(lang, word_limit)
    answers = Novel((a for rows in sets.values() for _, a in rows), size, 0.6)
    result: dict[str, list[tuple[str, str]]] = {}
    for source, rows in sets.items():
        kept = []
        for question, answer in rows:
            own = source in ("own", "facts")
            if not own and (soiled(question) or soiled(answer) or len(normal(question)) < 6):
                continue
            if normal(question) == normal(answer) or not normal(answer):
                continue
            if not (questions.add(question) and content.add(question)):
                continue
            if len(answer) >= 40 and not answers.add(answer):
                continue
            kept.append((question, answer))
        result[source] = kept
    del result["own"]
    return result


def own_questions(lang: str) -> list[tuple[str, str]]:
    """The invented look-alike questions, so that no real row stands near one of them."""
    return [
        (q.format(part[0]), a.format(part[1]))
        for q, a, fillings, _ in (PAIRS_JA if lang == "ja" else PAIRS_EN)
        for part in fillings
    ]


def read_ja(shared: Path) -> dict[str, list[tuple[str, str]]]:
    """Japanese question/answer rows by source; one question a jsquad paragraph."""
    sets = {"facts": [(f[0], f[1]) for f in FACTS_JA]}
    sets["handbook"] = [
        (r["question"], r["answer"])
        for r in jsonl(shared / "handbook_ja/qa_dev.jsonl")
        if "記載がありません" not in r["answer"]
    ]
    sets["instruction"] = [
        (r["question"], re.sub(r"。[^\S\n]+", "。", r["answer"]))
        for r in jsonl(shared / "instruction_ja/qa_single_turn.jsonl")
        if 20 <= len(r["answer"]) <= 420 and r["answer"].endswith("。")
    ]
    sets["common"] = [
        (r["question"].strip(), r["answer"]) for r in jsonl(shared / "jcommonsenseqa/mc_dev.jsonl")
    ]
    data = json.loads((shared / "jsquad/original/valid-v1.3.json").read_text(encoding="utf-8"))
    sets["wiki"] = []
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            first = paragraph["qas"][0]
            sets["wiki"].append((first["question"], first["answers"][0]["text"]))
    sets["hops"] = [
        (r["question"], r["answer"])
        for r in json.loads(
            (shared / "jemhopqa/original/train_ver1.2.json").read_text(encoding="utf-8")
        )
    ]
    return sets


def read_en(shared: Path, rng: random.Random) -> dict[str, list[tuple[str, str]]]:
    """English question/answer rows by source; handbook sections get a question frame."""
    sets = {"facts": [(f[0], f[1]) for f in FACTS_EN]}
    sets["python"] = [
        (tidy(r["question"]), plain(r["answer"]).split("\n\n")[0])
        for r in jsonl(shared / "python_faq/faq_dev.jsonl")
    ]
    sets["python"] = [r for r in sets["python"] if len(r[1]) >= 40 and r[1].endswith(".")]
    sets["handbook"] = []
    for r in jsonl(shared / "handbook_18f/corpus.jsonl"):
        head, title = plain(r["heading"]).strip(" :."), plain(r["title"])
        answer = plain(r["text"]).split("\n\n")[0]
        if not (
            re.fullmatch(r"(?!Wh|How|Intro|Overview)[A-Za-z][A-Za-z ,'’/&-]{3,60}", head)
            and title.isascii()
            and 60 <= len(answer) <= 600
            and answer[-1] == "."
            and answer[0].isalpha()
            and "|" not in answer
            and "#" not in answer
            and not BROKEN.search(answer)
        ):
            continue
        frame = rng.choice(FRAMES)
        sets["handbook"].append((frame.format(h=head, t=title), answer))
    sets["exam"] = [
        (tidy(r["question"]), r["answer"])
        for r in jsonl(shared / "mmlu_dev/mc_dev.jsonl")
        if r["question"].endswith("?") and len(r["question"]) < 250
    ]
    return sets


FRAMES = (
    "What does the page “{t}” say about {h}?",
    "Where do I find something on {h} ({t})?",
    "{t}: what should I know about {h}?",
    "Could you explain “{h}” to me ({t})?",
    "{h} - what is our policy here? ({t})",
    "I am new. How does {h} work under {t}?",
    "Please sum up “{h}” from {t}.",
    "In {t}, what is meant by {h}?",
)


def read_docs(shared: Path, base: Base) -> None:
    """Documents (name, title, text) of handbooks, manual, law and FAQ, no near relatives."""
    sources = [
        ("handbook_ja", "ja", 60),
        ("manual_html_ja", "ja", 120),
        ("lawqa_jp", "ja", 80),
        ("handbook_18f", "en", 200),
        ("python_faq", "en", 150),
    ]
    for name, lang, least in sources:
        records = jsonl(shared / name / "corpus.jsonl")
        fresh = Novel((r["text"] for r in records), 8 if lang == "ja" else 12, 0.3)
        for r in records:
            text = r["text"].replace("\r\n", "\n").strip()
            share = len(re.findall(r"[ぁ-んァ-ヴ一-龠]", text)) / max(1, len(text))
            if len(text) < least or (lang == "ja" and share < 0.55):
                continue
            if name == "handbook_18f" and (
                PLACE.search(text) or re.search(r"\{|#\)|<|&\w+;", text)
            ):
                continue
            if re.search(r"[○〇●◯]{2}|<[a-z]+-[a-z-]+>", text) or BROKEN.search(text):
                continue
            if soiled(text, code=True) or len(text) > 3000 or not fresh.add(text):
                continue
            title = plain(r["title"]) + (f" - {plain(r['heading'])}" if r.get("heading") else "")
            (base.docs_ja if lang == "ja" else base.docs_en).append((name, title, text))
