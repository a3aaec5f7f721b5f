"""Whether an answer says that it does not know, in Japanese or English."""

from __future__ import annotations

import re
import unicodedata

# Each phrase stands for one way people and models decline; the list itself is tested, with
# answers that sound alike and do not decline («アンケートに回答できます», «is not covered»).
_PAPERS = r"(?:資料|規程|規定|文書|文献|書類|マニュアル|手引き?)(?:の中|内)?"
_ENDS = r"(?=です|でした|ため|ので|。|、|$)"
_JA = (
    r"(?:記載|記述|言及)(?:が|は|も)?(?:ござい|あり|見当たり|見つかり)ません",
    rf"(?:記載|記述|言及)(?:が|は|も)?(?:ない|無い|なし|無し){_ENDS}",
    rf"(?:記載され|書かれ)て(?:(?:い|おり)?ません|いない{_ENDS})",
    rf"{_PAPERS}に(?:は)?(?:見つかり|見当たり|あり|ござい)ません",
    rf"{_PAPERS}(?:に|で|から)は?[^。、]{{0,12}}(?:確認でき|わかり|分かり)ません",
    r"(?:わかり|分かり|判り)(?:かね|ません)",
    rf"(?:わから|分から)ない{_ENDS}",
    r"(?:お答え|回答|ご案内)(?:が|は)?(?:でき(?:ません|かね)|(?:いた|致)?しかね)",
    rf"(?:お答え|回答)でき?ない{_ENDS}",
    r"存じ(?:上げ)?ません",
    r"(?<!個人)情報(?:が|は)(?:ござい|あり|見つかり)ません",
    r"定め(?:が|は|られて)(?:ござい|あり|い|おり)?ません",
    r"(?<!ご)不明です",
)
# «お答えできません場合は …» tells what to do, it does not decline.
_NOT_A_CASE = r"(?!(?:でした)?(?:場合|とき|時|際|こと|もの|点|方|ら))"
_DOCUMENTS = r"(?:documents?|papers?|context|passages?)"
_SOURCES = r"(?:documents?|papers?|context|passages?|rules?|manuals?|handbooks?|polic(?:y|ies))"
_NOT = r"(?:do(?:es)? not|don't|doesn't)"
_EN = (
    rf"{_SOURCES} {_NOT} (?:say|mention|state|specify)",
    rf"{_DOCUMENTS} {_NOT} (?:contain|cover|include|provide)",
    r"(?:is|are) not (?:mentioned|stated|specified|documented)",
    rf"not covered (?:in|by) the {_DOCUMENTS}",
    r"(?<!if )\bi (?:do not|don't|cannot|can't|could not|couldn't) (?:know|say|answer|find|tell)",
    r"\bno (?:information|mention) (?:is |was )?(?:available|found|given|provided|in|about|on)\b",
    r"\bno answer (?:is |was )?(?:available|found|given)\b",
    r"\b(?:not (?:enough|sufficient)|insufficient) information",
    r"(?:\bi am|\bi'm|\bwe are|\bwe're|^) ?unable to (?:answer|find|say)",
)
_REFUSAL = re.compile(rf"(?:{'|'.join(_JA)}){_NOT_A_CASE}|{'|'.join(_EN)}")


def is_refusal(answer: str) -> bool:
    """Whether the answer declines; an empty answer does not count as saying so."""
    text = unicodedata.normalize("NFKC", answer).lower().replace("’", "'")
    return bool(_REFUSAL.search(re.sub(r"\s+", " ", text).strip()))
