"""Whether brackets, runs of signs and notes stand where something was to be filled in.

The form alone does not tell: `[name]` is a slot in a letter, a button in a manual, an argument in
code. What stands inside the brackets is read head last, as both languages put it, and what stands
around says whether a person or a program was meant.
"""

from __future__ import annotations

import re
from functools import cache

from knowledge.corpus.faults.words import word_lists

# Signs of code, and of sentences that explain a form: there a slot is what it says.
_CODE = re.compile(
    r">>> |[=;]\s*$|[\w\])]\s*=\s*|print|def |return|f[\"']|\$ |\bformat\(|^\s*[>$] |[\"'`]\s*$|"
    r"\b(?:git|pip|npm|docker|curl|ssh|sudo|cd|kubectl|python3?) [\w.-]+ ?[^.]*$|\s--?\w+[ =]$"
)
_QUESTION = re.compile(r"[^\n]*[?？]\s*\n[^\n]*$")
_FORM = re.compile(
    r"形式|書式|フォーマット|桁|記法|構文|伏せ|を意味|を表[すし]|の略|記号|シェル|環境変数|"
    r"コマンド|変数|タグ|置き換[えわ]|置換|展開され|差し込まれ|と(?:書[くき]|記述|入力すると)|"
    r"(?i:\b(?:(?:is|are|gets?) (?:replaced|substituted|filled)|becomes|expands?|written as|"
    r"merge (?:fields?|tags?)|"
    r"to print|prints?|interpolat\w+|variables?|template (?:engine|language|syntax)|"
    r"unknown names)\b)|"
    r"(?i:\b(?:format|syntax|pattern|notation|written as|stands for|means|in the form|"
    r"chromosome\w*|roman|shell|environment variable|variables?|placeholder attribute|super "
    r"bowl|abbreviat\w+)\b)"
)
# What is named in brackets because it can be pressed or opened.
_SCREEN = re.compile(
    r"^\s*(?:ボタン|キー|メニュー|タブ|欄|画面|アイコン|ダイアログ|ウィンドウ|リンクを|項目|"
    r"列|セル|シート|"
    r"チェック|をクリック|をタップ|を選|を押|から|タグ|要素|属性|[-–>→»≫]\s?[\[「【]|"
    r"(?i:button|key|menu|tab|field|column|screen|icon|dialog|tag|element|attribute|option)\b)"
)
_PRESS = re.compile(
    r"(?i)(?:\b(?:click|press|select|choose|tap|open|hit|go to|under)(?: the| on)?|クリック|"
    r"(?<=\S)\s?[-–>→]|[\])】」]\+?)\s*$"
)
_BOX = re.compile(r"(?:^|\n)\s*(?:[-*+]|\d+\.)?\s*$")
_AFTER_SLOT = re.compile(
    r"^\s?(?:様|さま|さん|殿|御中|氏|です|は|が|を|に|の|と|へ|で|まで|から|より|宛|も|円|"
    r"株式会社|支店|"
    r"[〔【\[<〈《（(、。,.]|[\]】]|$)"
)
_GLOSS = re.compile(r"(?i)^(?:s|es|e\.g\..*|i\.e\..*|sic|\.\.\.|…|\d.*|注\d*|※\d*|[a-z])$")
_HTML = frozenset(
    "a b i p u s br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd em tt td th tr div img pre sub sup var "
    "kbd col nav svg big del ins map area base body cite code data font form head html link main "
    "mark menu meta ruby samp span time abbr audio embed frame input label param small style table "
    "tbody tfoot thead title track video address article aside button canvas caption center dialog "
    "details fieldset figure footer header iframe legend object option output picture progress "
    "script section select slot source strong summary template textarea".split()
)
_TO_FILL = "[【〔〈《<{(≪«「『"
_UNITS_BEFORE = re.compile(
    r"(?:株式会社|有限会社|合同会社|\(株\)|㈱|[:：¥]|第|約|令和|平成|内線|[一-鿿]は|"
    r"[はがをにのと、。「・/／〒]|[一-鿿]|\.)\s?$"
)
_SPOKEN_OF = re.compile(
    r"という(?:形|よう)|のように|といった|丸を使|印[はがをで]|マーク|記号|評価|の\d段階|伏せ|印の|"
    r"を付け|をつけ|とは|と書[きく]|で(?:表|示)[すし]"
)
_EXAMPLE = re.compile(r"例えば|たとえば|(?i:\be\.g\.)")
_GENERIC = re.compile(r"[^」\n]{0,30}」(?:など|のよう|といった|という|等|と)")
_STAGE = re.compile(
    r"ニュースリリース|ですが|お知らせ|公表|ご案内|連絡します|検討中の|(?:確認|調整|作成|準備|"
    r"執筆)中[のにはをで](?!つき)|未定(?:です)?が|場合|とき(?:は|に)|"
    r"(?i:\bmeans\b|\bstands for\b|\bshort for\b|\bapp\b|\blists?\b)"
)


@cache
def _filled_in() -> dict[str, re.Pattern[str]]:
    words = word_lists("slots.toml")
    nouns = f"(?:{words['noun_en']})"
    return {
        "picture": re.compile(rf"(?i)(?:{words['picture']})$"),
        "noun_ja": re.compile(rf"(?:{words['noun_ja']})(?:[①-⑳0-9A-Z]{{1,2}})?$"),
        "noun_en": re.compile(
            rf"(?i)^(?:(?:the|your|our|a|an|new|full|first|"
            rf"last)\s)?(?:[a-z][\w'’/&-]*[\s_/-]){{0,4}}{nouns}"
            rf"(?:\s?\d{{1,2}}|\(s\)|\sin\s[a-z]+|\shere|\sto\s[a-z ]{{2,20}})?$"
            rf"|^(?:name|number|list|link|date|title|description|type|copy|summary) (?:of|to|"
            rf"for) [a-z ]{{2,40}}$"
            rf"|^{nouns}(?:[/,]\s?{nouns})+$|^[$€£¥]\s?{nouns}$"
            rf"|^(?:[a-z]+\s){{0,2}}{nouns}\.?(?:\s?[-–—:]|\s(?:from|by|as|per|to be))\s.{{2,40}}$"
        ),
        "fill_ja": re.compile(
            rf"^(?:ここ|こちら|ココ)[にへ].*$|(?:を|に|へ|は|が|"
            rf"[一-鿿ァ-ヶー])(?:{words['fill_ja']})"
            r"(?:し(?:てください|て下さい|ます|て)|する|予定|のこと|すること|願います|"
            r"してね)?(?:[。!！]*)$|^.{0,14}をここ[にへ]$"
        ),
        "write_ja": re.compile(
            rf"(?:を|に)(?:{words['write_ja']}|記載)(?:する|のこと|予定|し?てください)?$|"
            rf"を(?:入れて|書いて|貼って|埋めて)(?:ください|下さい)$|(?:差し替え|更新|挿入|追記|記載)予定(?:、|$)|^(?:ここ|こちら|"
            rf"ココ)[にへ].*$|"
            rf"(?:挿入|記入|追記|差し替え|記載)予定$"
        ),
        "fill_en": re.compile(
            rf"(?i)^(?:(?:please|optional)[:,]?\s)?(?:{words['fill_en']})\b[\s:].{{0,60}}$|"
            rf"^optional\b.{{3,60}}$"
        ),
        "pending": re.compile(
            rf"(?i)^\W*(?:{words['pending_en']})\W*(?:[-–:].*)?$|^(?:tbd|tbc|todo|fixme|wip|to "
            rf"be)\b.*$|"
            rf"^\W*(?:[一-鿿ァ-ヶー]{{0,6}}(?:は|が)?)?(?:{words['pending_ja']})(?:です|"
            rf"につき.*)?\W*$"
        ),
        "blank": re.compile(r"^[\s_.●○◯〇•・…＿*#?×x✕■□△◇-]{1,24}$", re.IGNORECASE),
        "variable": re.compile(
            rf"^(?:[A-Z]{{2,}}(?:[ _-][A-Z]+){{1,4}}|[a-z]+(?:_[a-z]+)+|\d{{1,2}}|"
            rf"(?i:(?:[a-z]+[_ -])?{nouns})|[a-z]+(?:[A-Z][a-z]+)+|(?:[A-Z][a-z]+){{2,}})$"
        ),
    }


def is_open_slot(found: str, before: str, after: str) -> bool:
    """A slot in a sentence for people, not in code or in a rule about forms."""
    line_before, line_after = before.rsplit("\n", 1)[-1], after.split("\n", 1)[0]
    asked = _QUESTION.search(before)
    if any(_FORM.search(said) for said in (line_before, line_after, asked[0] if asked else "")):
        return False
    quoted = line_after[:1] in ("`", "'", '"') or line_before[-1:] == "`"
    return not (quoted or line_before.count("`") % 2 or _CODE.search(line_before))


def is_bracket_to_fill(found: str, before: str, after: str) -> bool:
    """Brackets around what is to be filled in, by the kind of bracket."""
    opening, inside = found[0], found[1:-1].strip()
    if not inside and len(found) < 4:
        return False
    line_before, line_after = before.rsplit("\n", 1)[-1], after.split("\n", 1)[0]
    judge = {
        "[": _square,
        "<": _angle,
        "{": _brace,
        "(": _round,
        "【": _heavy,
        "「": _quoted,
        "『": _quoted,
        "≪": _guillemets,
        "«": _guillemets,
    }.get(opening, _drawn)
    return judge(inside, line_before, line_after) and is_open_slot(found, before, after)


def _asks(inside: str, *kinds: str) -> bool:
    if (
        re.match(r"(?:別|付|図|表|様式|下|上|右|左)[表図紙]?\d?", inside)
        and inside[-1:] in "表図紙0123456789"
    ):
        return False
    forms = _filled_in()
    return any(forms[kind].search(inside) for kind in kinds)


def _named(inside: str) -> bool:
    return _asks(inside, "noun_ja", "noun_en")


def _square(inside: str, before: str, after: str) -> bool:
    if (after[:1] in ("(", ":", "[") and not after.startswith(": ")) or re.search(
        r"[\w)\]`\\]$", before
    ):
        # A link, an index; Japanese has no spaces, so there a letter before says nothing.
        if not re.search(r"[ぁ-ヿ一-鿿]$", before) or after.startswith("("):
            return False
    if _SCREEN.match(after) or _PRESS.search(before) or _GLOSS.match(inside):
        return inside == "X" and not _BOX.search(before) and not _SCREEN.match(after)
    if _asks(inside, "pending", "fill_ja", "fill_en"):
        return True
    if _asks(inside, "blank"):
        return not (len(inside) < 2 and _BOX.search(before)) and not re.fullmatch(
            r"\.{2,}|…+|\?+|x?", inside
        )
    return _named(inside) or bool(re.fullmatch(r"[A-Z]{2,}(?:[ _-][A-Z]+){1,4}", inside))


def _angle(inside: str, before: str, after: str) -> bool:
    word = inside.strip("/ ").split(" ")[0].lower()
    if inside.startswith(("/", "!", "?")) or "=" in inside or "</" in after:
        return False
    if word in _HTML and (inside.islower() and " " not in inside):
        return False
    if re.search(r"[\w`/\\(\[]$", before) and not re.search(r"[ぁ-ヿ一-鿿]$|://$|@$", before):
        return False
    if _SCREEN.match(after):
        return False
    return _asks(inside, "pending", "fill_ja", "fill_en") or _named(inside)


def _brace(inside: str, before: str, after: str) -> bool:
    if re.search(r"[\w$%#{(=\"'`\\/]$", before) and not re.search(r"[ぁ-ヿ一-鿿]$", before):
        return False
    if re.match(r"[\w}=\"'`\\/(]", after) and not re.match(r"[ぁ-ヿ一-鿿]", after):
        return False
    if _asks(inside, "pending", "fill_ja", "fill_en", "variable"):
        return True
    if re.fullmatch(r"[一-鿿ぁ-んァ-ヶー]{1,12}", inside):
        return True
    if len(inside) == 1 and re.match(rf"\s(?:{word_lists('slots.toml')['unit_en']})\b", after):
        return True
    if re.fullmatch(r"\d{1,2}|[A-Za-z_]{2,24}", inside):
        japanese = re.search(r"[ぁ-ヿ一-鿿、。「:]$", before)
        return bool(
            japanese or re.match(r"様|さん|円|日|年|月|部|課|です|まで|を|に|の|は|が", after)
        )
    return False


def _round(inside: str, before: str, after: str) -> bool:
    if re.search(r"[A-Za-z0-9_]$", before):
        return False
    if _asks(inside, "write_ja"):
        return not re.search(r"(?:用紙|書|欄|票|表)$", before)
    if re.fullmatch(rf"(?i)(?:{_open_words()})\W*", inside):
        return not _STAGE.search(after[:20])
    if re.match(
        r"(?i)(?:insert|fill in|to be (?:added|confirmed|inserted|completed|determined)|tbd|"
        r"tbc|todo|enter|add)(?=\s)",
        inside,
    ):
        return inside.count(" ") < 7 and not re.search(r"(?:^|\W)(?:press|key|button)\b", inside)
    if _asks(inside, "blank"):
        return bool(re.search(r"[_○◯〇●×■□△]{2,}|\s{3,}", inside)) and not re.search("[?…]", inside)
    if re.fullmatch(r"リンク|URL|(?:画像|写真|図|表|地図)(?:挿入)?", inside) and re.match(
        r"から|より|を?参照|まで|に記載|[。、]|$", after
    ):
        return not re.search(r"[一-鿿]$", before)
    opens = bool(
        re.search(r"(?:^|[、。「『]|[,.:] ?|(?:takes|is|are|by|to|of|at|with|for|after) )$", before)
    )
    if opens and _named(inside) and len(inside) > 1:
        if (
            re.match(r"[」』](?!と)|\s?(?:の|を|は|が|に|と|様|さん)", after)
            and not inside.isascii()
        ):
            return True
        if inside.isascii() and re.match(
            rf"\s(?:{word_lists('slots.toml')['unit_en']})\b|[.,]?$|\.", after
        ):
            return True
    alone = bool(re.search(r"(?:^|[:：)]\s?)$", before)) and (
        after.startswith("(") or not after.strip(" 。)")[:1].isalnum()
    )
    return alone and _named(inside) and (":" in before or before.endswith(")"))


@cache
def _open_words() -> str:
    words = word_lists("slots.toml")
    japanese = f"(?:{words['noun_ja']}|回答|詳細)?(?:は|が)?(?:{words['pending_ja']})(?:です)?"
    return f"{japanese}|tbd|tbc|tba|todo|fixme|to come|to follow|placeholder"


def _heavy(inside: str, before: str, after: str) -> bool:
    if _SCREEN.match(after) or _PRESS.search(before):
        return False
    if _asks(inside, "pending", "fill_ja", "fill_en"):
        return True
    if not _named(inside):
        return False
    if _BOX.search(before):
        whole = not after.strip()
        return bool(
            (whole and _asks(inside, "picture"))
            or re.match(r"様|さん|殿|御中|です|株式会社", after)
        )
    return bool(_AFTER_SLOT.match(after)) and not re.match(r"\s*[【\[]", after)


def _quoted(inside: str, before: str, after: str) -> bool:
    return bool(
        re.match(r"^(?:ここ|こちら|ココ)[にへ].*(?:入力|記入|入り|入る|入れ|書)", inside)
    ) and not re.search(r"と(?:表示|書)", after[:8])


def _guillemets(inside: str, before: str, after: str) -> bool:
    return bool(
        re.fullmatch(r"[A-Za-z_]{2,24}(?: [A-Za-z]{2,12})?", inside) and not inside.islower()
    ) or (len(inside) < 12 and _named(inside))


def _drawn(inside: str, before: str, after: str) -> bool:
    if _asks(inside, "pending", "fill_ja", "fill_en"):
        return True
    return _named(inside) and bool(_AFTER_SLOT.match(after))


def is_filler(found: str, before: str, after: str) -> bool:
    """Text that only fills a place, and no sentence about such text."""
    told = re.search(
        r"(?i)\b(?:what (?:is|are|does)|the (?:phrase|words?|text)|"
        r"(?:see|shows?|get|returns?)(?: an?| the)?|"
        r"errors?) $",
        before[-20:],
    )
    return not told and not re.match(
        r"\s?(?:とは|という|が(?:出|表示)|エラー|と(?:出|表示)|(?i:is|was|means|text used)\b)",
        after,
    )


def is_hidden_value(found: str, before: str, after: str) -> bool:
    """Signs that stand for a value, and no decoration, grade, or sentence about such signs."""
    line_before, line_after = before.rsplit("\n", 1)[-1], after.split("\n", 1)[0]
    if not is_open_slot(found, before, after) or _SPOKEN_OF.search(line_after[:16]):
        return False
    if _SPOKEN_OF.search(line_before[-10:]) and "は" not in line_before[-3:]:
        return False
    if _EXAMPLE.search(line_before) or (_GENERIC.match(line_after) and "「" in line_before):
        return False
    sign = found[:1]
    if sign in "☆★※■□◆◇●▲×✕" and len(set(found)) == 1 and len(found) > 1:
        return _is_no_decoration(found, line_before, line_after)
    if sign in "○◯〇◎△" and len(set(found)) == 1 and len(found) > 1:
        joined = re.match(
            r"\s?[一-鿿ぁ-ヿA-Za-z0-9(（「」『』）)。、.,/&・~～〜:@○◯〇◎△-]|$|\s", line_after
        )
        return (
            bool(joined)
            and not re.match(r"\s?[○◯〇◎△×]", line_after)
            and not re.search(r"[一二三四五六七八九]$", line_before)
        )
    return True


def _is_no_decoration(found: str, before: str, after: str) -> bool:
    units = word_lists("slots.toml")["unit"]
    if found in before[-16:]:
        return False
    if re.match(rf"-{found[0]}{{2,}}", after):
        return True
    if found[0] in after[1:] and not re.match(rf"\s?(?:{units})", after):
        return False
    if re.match(
        rf"(?:{units}|公園|\.co|\.jp|\.com|さん|まで|です|から|課|の|に|を|は|が|、)", after
    ):
        return True
    return bool(_UNITS_BEFORE.search(before)) and not re.match(r"\s?[一-鿿ぁ-ヿ]{3}", after)


def is_note(found: str, before: str, after: str) -> bool:
    """A note to finish the text, and no sentence that tells of what is not settled yet."""
    line_before, line_after = before.rsplit("\n", 1)[-1], after.split("\n", 1)[0]
    if not is_open_slot(found, before, after) or _STAGE.search(line_after[:24]):
        return False
    quoted = re.search(r"[「『\"“]\s*$", line_before) and re.match(r"[」』\"”]", line_after)
    return not quoted and not re.search(
        r"(?i)\b(?:what (?:does|is)|with|by|called|named|word|tag|keyword) $", line_before
    )
