"""Whether words that stand where a person would are a person's name, and a number is a person's."""

from __future__ import annotations

import re

from knowledge.corpus.personal import surname_at_start

# Mail addresses and lines of a whole company are no one's own.
_ROLES = frozenset(
    "info support contact sales help helpdesk service services hr office admin administrator "
    "webmaster "
    "postmaster noreply no-reply donotreply reply team press media jobs careers recruit "
    "recruiting billing "
    "accounts accounting invoices invoice orders order security privacy legal feedback hello "
    "mail news "
    "newsletter marketing it soumu jinji keiri toiawase otoiawase inquiry inquiries "
    "enquiries desk customer "
    "customers customerservice abuse root devops ops staff all everyone shop store "
    "reservation reservations "
    "booking bookings kanri eigyo saiyo koho public pr faq system".split()
)
_DUMMY = re.compile(
    r"(?i)^(?:x{2,}|name|first\.?name|firstname\.lastname|first\.last|your[\w-]*|user|"
    r"username|email|e-?mail|abc|aaa+)@|"
    r"@(?:x{2,}|[\w-]*(?:your|domain\.|company\.com))"
)
_OPEN_LINE = re.compile(
    r"フリーダイヤル|ナビダイヤル|ヘルプデスク|コールセンター|サポートセンター|お客様(?:相談|"
    r"窓口|センター)|受付窓口|"
    r"(?i:\b(?:help ?(?:line|desk)|hot ?line|support line|switchboard|main (?:number|line)|"
    r"toll[- ]free|front desk|reception)\b)"
)
_FREE = re.compile(r"^(?:\+?1[-.\s]?)?\(?8(?:00|33|44|55|66|77|88)\)?[-.\s]|^0(?:120|800|570)")
_PUBLIC_PLACE = re.compile(
    r"本社|当社|弊社|支社|支店|営業所|工場|店舗|会場|本店|所在地|事務所|本部|役所|病院|大学|学校|"
    r"(?i:\b(?:head ?office|headquarters|our (?:office|store|shop)|branch|white house|venue|"
    r"warehouse)\b)"
)
_NO_NAMES = frozenset(
    "the this that these those our your their his her its all any some each every new old no "
    "not if when "
    "while after before for from with without and or but in on at to of by as is are was "
    "were be will may "
    "can must please see note step part section chapter article table figure form page "
    "monday tuesday "
    "wednesday thursday friday saturday sunday january february march april may june july "
    "august september "
    "october november december north south east west united states kingdom national "
    "international federal "
    "general human resources customer service support team department office manager "
    "director president "
    "chairman board company inc ltd corp group bank street road avenue city county state "
    "university college "
    "school hospital center centre health safety security social insurance benefits leave "
    "policy program "
    "annual paid sick family medical employee employees staff self time day week month year "
    "open first last "
    "credit card account number name address phone email date what why how who where which "
    "self portal "
    "system project product data privacy terms conditions act law court supreme world war "
    "olympic games "
    "cross red white black blue green gold silver star order plan holder only none required "
    "information "
    "details contact emergency line desk help center slack google zoom microsoft windows "
    "linux python".split()
)
# Words that fill a name's place on a form or in a rule.
_NO_JAPANESE_NAMES = re.compile(
    r"欄|番号|者|先|様式|記入|記載|入力|変更|確認|部$|課$|係$|室$|長$|店$|署$|会社|窓口|不要|"
    r"必要|未定|全員|本人|当社|弊社|"
    r"担当|氏名|住所|電話|連絡|一覧|名簿|情報|管理|登録|以下|次|別紙|同上|無し|有り|及び|又は|"
    r"生年|月日|年齢|性別|"
    r"健康|診断|制度|規程|規則|会議|研修|業務|部門|部署|職場|家族|子供|総務|人事|経理|営業|"
    r"法務|情報|広報|[都道府県市区町村]$"
)


def is_personal_mail(found: str, before: str, after: str) -> bool:
    """An address of one person: no shared desk, nothing made up for a form."""
    local = found.split("@")[0].strip().lower()
    parts = set(re.split(r"[._+-]", local)) | {local}
    return not parts & _ROLES and not _DUMMY.search(found)


def is_private_phone(found: str, before: str, after: str) -> bool:
    """A number of one person: not free of charge, not named as a company's own line."""
    return not _FREE.match(found.strip()) and not _OPEN_LINE.search(before[-16:])


def is_private_place(found: str, before: str, after: str) -> bool:
    """An address that nothing before it says to be a company's or an office's."""
    return not _PUBLIC_PLACE.search(before[-14:])


def is_labelled_name(found: str, before: str, after: str) -> bool:
    """What stands behind a label for names, unless it says what to write there."""
    if _NO_JAPANESE_NAMES.search(found):
        return False
    if re.fullmatch(r"[ァ-ヶー]+", found):
        return bool(re.search(r"ガナ|がな", before[-8:]))
    if " " in found and not re.fullmatch(r"[ァ-ヶー ]+", found):
        return surname_at_start(found) > 0 or len(found.split()[0]) >= 2
    return " " in found or surname_at_start(found) > 0


def is_full_name(found: str, before: str, after: str) -> bool:
    """A known surname with a given name behind it."""
    surname = surname_at_start(found)
    given = found[surname:].strip()
    most = 4 if surname > 1 else 2
    return 0 < surname and 1 <= len(given) <= most and not _NO_JAPANESE_NAMES.search(found)


def is_english_name(found: str, before: str, after: str) -> bool:
    """Two capitalised words that are no weekday, office, or beginning of a sentence."""
    return not any(word.strip(".'’").lower() in _NO_NAMES for word in found.split())


def is_id(found: str, before: str, after: str) -> bool:
    """A number as they are given to people: five digits at least, no year, no plain word."""
    digits = sum(map(str.isdigit, found))
    return digits >= 5 or (digits >= 3 and len(found) >= 6 and bool(re.search("[A-Z]", found)))


def is_public_ip(found: str, before: str, after: str) -> bool:
    """An address on the open network, beside the trace of somebody who used it."""
    parts = [int(part) for part in found.split(".")]
    if max(parts) > 255 or parts[0] in (0, 10, 127, 255):
        return False
    if parts[:2] == [192, 168] or (parts[0] == 172 and 16 <= parts[1] < 32):
        return False
    around = before + after
    return bool(
        re.search(
            r"ログイン|社員|さん|自宅|利用者|(?i:\b(?:user|login|logged|home|from|by)\b)", around
        )
    )
