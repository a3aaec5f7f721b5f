"""Invented personal values (valid and invalid check digits) and invented secrets."""

from __future__ import annotations

import base64
import json
import random
import string

Rng = random.Random
SURNAMES = (
    "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 "
    "斎藤 清水 山崎 森 池田 橋本 阿部 石川 前田 藤田 小川 後藤 岡田 長谷川 村上 近藤 石井 坂本 "
    "遠藤 青木 藤井 西村"
).split()
GIVEN = (
    "太郎 花子 健一 美咲 翔太 陽子 大輔 由美子 直樹 恵子 拓也 真由美 浩二 彩 誠 さくら 和也 "
    "智子 亮 久美子"
).split()
KANA = (
    ("サトウ", "ハナコ"),
    ("スズキ", "ケンイチ"),
    ("タカハシ", "ミサキ"),
    ("タナカ", "ショウタ"),
    ("ワタナベ", "ヨウコ"),
    ("ヤマモト", "ダイスケ"),
    ("コバヤシ", "アヤ"),
    ("カトウ", "ナオキ"),
)
FIRST_EN = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William "
    "Barbara Richard Susan Thomas Jessica Daniel Karen Emily Laura Peter Hannah"
).split()
LAST_EN = (
    "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thompson Harris "
    "Clark Lewis Walker Robinson Whitfield Okafor Larsen Moreau"
).split()
TOWNS = (
    ("100", "東京都千代田区大手町"),
    ("150", "東京都渋谷区神南"),
    ("220", "神奈川県横浜市西区高島"),
    ("530", "大阪府大阪市北区梅田"),
    ("460", "愛知県名古屋市中区錦"),
    ("810", "福岡県福岡市中央区天神"),
    ("060", "北海道札幌市中央区北一条西"),
    ("980", "宮城県仙台市青葉区本町"),
    ("604", "京都府京都市中京区河原町通"),
    ("730", "広島県広島市中区紙屋町"),
)
HOUSES = ("第二みなとビル5F", "コーポ若葉203号室", "サンハイツ青葉1102", "メゾン潮見405")
MAIL_HOSTS = (
    "hoshimi-denki88.co.jp",
    "minatokeiki7.jp",
    "aonami-trading.com",
    "kawabe-koumu5.co.jp",
    "mailbox-nagi.ne.jp",
)
MAIL_EN = ("northgate-parts.com", "brightwell-labs.org", "harborline-ltd.co.uk", "postnook.net")
BANKS = (
    ("あおば中央銀行", "本町支店"),
    ("みなと第一銀行", "横浜支店"),
    ("さくら信用金庫", "駅前支店"),
    ("北斗銀行", "札幌支店"),
    ("ひかり銀行", "梅田支店"),
)
WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
ALNUM = string.ascii_letters + string.digits


def digits(rng: Rng, count: int) -> str:
    """Random digits, the first one not 0."""
    return rng.choice("123456789") + "".join(rng.choices(string.digits, k=count - 1))


def chars(rng: Rng, alphabet: str, count: int) -> str:
    """Random characters that hold a letter and a digit."""
    while True:
        text = "".join(rng.choices(alphabet, k=count))
        if any(c.isdigit() for c in text) and any(c.isalpha() for c in text):
            return text


def my_number_check(first11: str) -> int:
    """The check digit of an individual number (個人番号)."""
    total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(first11), 1))
    rest = total % 11
    return 0 if rest <= 1 else 11 - rest


def my_number(rng: Rng, valid: bool = True) -> str:
    """Twelve digits, with a valid check digit or surely without."""
    first = digits(rng, 11)
    check = my_number_check(first)
    return first + str(check if valid else (check + rng.randrange(1, 10)) % 10)


def luhn(number: str) -> bool:
    """True where the Luhn sum is right."""
    total = 0
    for n, d in enumerate(reversed(number)):
        total += int(d) if n % 2 == 0 else sum(divmod(2 * int(d), 10))
    return total % 10 == 0


def card(rng: Rng, valid: bool = True) -> str:
    """A card number (Visa, Mastercard, JCB, Amex form), or one that fails Luhn."""
    head, size = rng.choice((("4", 16), ("52", 16), ("54", 16), ("3541", 16), ("37", 15)))
    while True:
        number = head + "".join(rng.choices(string.digits, k=size - len(head)))
        if luhn(number) == valid:
            return number


def grouped(number: str, mark: str) -> str:
    """A card number in its usual groups."""
    cuts = (4, 10, 15) if len(number) == 15 else (4, 8, 12, 16)
    parts, start = [], 0
    for cut in cuts:
        parts.append(number[start:cut])
        start = cut
    return mark.join(parts)


def iban(rng: Rng, valid: bool = True) -> str:
    """An IBAN of Germany, Britain or the Netherlands."""
    country, body = rng.choice(
        (
            ("DE", digits(rng, 18)),
            ("GB", "NWGB" + digits(rng, 14)),
            ("NL", "RNBK" + digits(rng, 10)),
        )
    )
    value = int("".join(str(int(c, 36)) for c in body + country + "00"))
    check = 98 - value % 97
    if not valid:
        check = (check + rng.randrange(3, 40)) % 97
    return f"{country}{check:02d}{body}"


def ssn(rng: Rng) -> str:
    """A US social security number in the valid ranges."""
    area = rng.choice([n for n in range(101, 800) if n != 666])
    return f"{area}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"


def licence(rng: Rng) -> str:
    """A Japanese driver's licence number (mod-11 check as commonly described)."""
    while True:
        first = (
            rng.choice(("30", "45", "62", "54", "90"))
            + f"{rng.randrange(0, 23):02d}"
            + digits(rng, 6)
        )
        total = sum(int(d) * w for d, w in zip(first, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)))
        number = f"{first}{(11 - total % 11) % 11 % 10}0"
        if my_number_check(number[:11]) != int(number[11]):
            return number


def phone_ja(rng: Rng) -> tuple[str, str]:
    """A Japanese phone number and the name of its form."""
    a, b, m = rng.choice("3456") + digits(rng, 3), digits(rng, 4), rng.choice(("090", "080", "070"))
    free = f"{digits(rng, 3)}-{digits(rng, 3)}"
    forms = [
        ("03 with hyphens", f"03-{a}-{b}"),
        ("mobile", f"{m}-{a}-{b}"),
        ("mobile, no hyphens", f"{m}{a}{b}"),
        ("03 in brackets", f"03({a}){b}"),
        ("freephone", f"0120-{free}"),
        ("+81 mobile", f"+81-{m[1:]}-{a}-{b}"),
        ("+81 with spaces", f"+81 3 {a} {b}"),
        ("06, full width", f"06-{a}-{b}".translate(WIDE)),
        ("mobile, full width, U+2212", f"{m}-{a}-{b}".translate(WIDE).replace("－", "−")),
        ("045 area", f"045-{digits(rng, 3)}-{b}"),
        ("050", f"050-{a}-{b}"),
        ("four digit area", f"0467-{digits(rng, 2)}-{b}"),
        ("spaces", f"{m} {a} {b}"),
        ("no hyphens, 03", f"03{a}{b}"),
        ("0800 freephone", f"0800-{digits(rng, 3)}-{b}"),
    ]
    return rng.choice(forms)


def phone_en(rng: Rng) -> tuple[str, str]:
    """An English phone number from ranges kept for fiction, and its form."""
    n = f"01{rng.randrange(10, 99)}"
    return rng.choice(
        [
            ("US brackets", f"({rng.choice((415, 212, 617))}) 555-{n}"),
            ("US hyphens", f"{rng.choice((312, 206, 503))}-555-{n}"),
            ("+1", f"+1 {rng.choice((415, 646))} 555 {n}"),
            ("dots", f"303.555.{n}"),
            ("toll-free", f"1-800-555-{n}"),
            ("UK", f"+44 20 7946 0{digits(rng, 3)}"),
        ]
    )


def address_ja(rng: Rng) -> tuple[str, str]:
    """A Japanese address and its form."""
    post, town = rng.choice(TOWNS)
    code = f"{post}-{rng.randrange(1, 90):04d}"
    a, b, c = rng.randrange(1, 6), rng.randrange(1, 30), rng.randrange(1, 20)
    house = rng.choice(HOUSES)
    return rng.choice(
        [
            ("postal mark and address", f"〒{code} {town}{a}丁目{b}番{c}号"),
            ("postal mark and address, house", f"〒{code}　{town}{a}-{b}-{c} {house}"),
            ("without postal mark", f"{town}{a}丁目{b}番地{c}"),
            ("without postal mark, hyphens", f"{town}{a}-{b}-{c} {house}"),
            ("full width", f"〒{code} {town}{a}-{b}-{c}".translate(WIDE).replace("　", " ")),
            ("labelled, code without mark", f"郵便番号 {code} 住所 {town}{a}-{b}"),
        ]
    )


def address_en(rng: Rng) -> tuple[str, str]:
    """An English postal address and its form."""
    street = rng.choice(("Larkspur Street", "Old Mill Road", "Quarry Lane", "Willow Avenue"))
    city = rng.choice(("Springfield, IL", "Portland, OR", "Dayton, OH", "Salem, MA"))
    return "US street address", (
        f"{rng.randrange(12, 990)} {street}, Apt {rng.randrange(1, 40)}, "
        f"{city} {rng.randrange(10000, 99999)}"
    )


def email(rng: Rng, lang: str) -> tuple[str, str]:
    """An invented e-mail address and its form."""
    if lang == "en":
        name = f"{rng.choice(FIRST_EN)}.{rng.choice(LAST_EN)}".lower()
        return "plain", f"{name}{rng.randrange(2, 99)}@{rng.choice(MAIL_EN)}"
    local = rng.choice(("k.sato", "hanako_t", "yamada.ken", "info-desk", "ryo-mori", "a.ito"))
    address = f"{local}{rng.randrange(2, 99)}@{rng.choice(MAIL_HOSTS)}"
    return rng.choice(
        [
            ("plain", address),
            ("plain", address),
            ("full-width at sign", address.replace("@", "＠")),
            ("all full width", address.translate(WIDE)),
            ("mailto link", f"mailto:{address}"),
        ]
    )


def bank(rng: Rng) -> tuple[str, str]:
    """A Japanese bank account and its form."""
    name, branch = rng.choice(BANKS)
    number = "".join(rng.choices(string.digits, k=7))
    return rng.choice(
        [
            ("one line", f"{name} {branch} 普通 {number}"),
            ("labelled", f"{name}{branch} 普通預金 口座番号：{number}"),
            ("short form", f"{name}　{branch}　（普）{number}"),
            ("full width", f"{name}{branch}普通口座{number.translate(WIDE)}"),
            ("current account", f"{name} {branch} 当座 {number}"),
            ("post bank", f"ゆうちょ銀行 記号 1{digits(rng, 3)}0 番号 {digits(rng, 7)}1"),
        ]
    )


def name_ja(rng: Rng) -> tuple[str, str]:
    """A Japanese person's name in a form that a light method could know."""
    family, given, kana = rng.choice(SURNAMES), rng.choice(GIVEN), rng.choice(KANA)
    return rng.choice(
        [
            ("surname 様", f"{family}様"),
            ("full name 様", f"{family}{given}様"),
            ("full name with space 様", f"{family} {given}様"),
            ("さん", f"{family}さん"),
            ("氏", f"{family}{given}氏"),
            ("君", f"{family}君"),
            ("labelled 氏名", f"氏名：{family} {given}"),
            ("labelled お名前", f"お名前: {family}{given}"),
            ("labelled kana", f"フリガナ：{kana[0]} {kana[1]}"),
            ("labelled 担当者名", f"担当者名：{family}　{given}"),
        ]
    )


def name_en(rng: Rng) -> tuple[str, str]:
    """An English person's name with a title or label."""
    first, last = rng.choice(FIRST_EN), rng.choice(LAST_EN)
    return rng.choice(
        [
            ("Mr.", f"Mr. {last}"),
            ("Ms.", f"Ms. {first} {last}"),
            ("Dr.", f"Dr. {last}"),
            ("Mrs without dot", f"Mrs {last}"),
            ("labelled", f"Name: {first} {last}"),
            ("labelled full", f"Full name: {first} {last}"),
        ]
    )


def jwt(rng: Rng) -> str:
    """An invented JSON web token with a real header."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    head = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
    body = json.dumps({"sub": digits(rng, 8), "role": "admin", "iat": 1700000000}).encode()
    return f"{part(head)}.{part(body)}.{part(rng.randbytes(32))}"


def pem(rng: Rng, kind: str) -> str:
    """A PEM block with random content."""
    text = base64.b64encode(rng.randbytes(144)).decode()
    lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def human_password(rng: Rng) -> str:
    """A password as people choose it."""
    return rng.choice(
        (
            f"{rng.choice(('Minato', 'Sakura', 'Harbor', 'Fuji'))}{rng.choice('!#@')}"
            f"{rng.randrange(1000, 2030)}",
            chars(rng, ALNUM, 10),
            f"{rng.choice(('tiger', 'umi', 'kaede'))}-{chars(rng, ALNUM, 6)}",
        )
    )


def secret(rng: Rng, kind: str) -> str:
    """An invented secret of a well-known form."""
    word, upper = human_password(rng), string.ascii_uppercase + "234567"
    url_word = "".join(c for c in word if c not in "#@!/:")
    forms = {
        "aws_access_key": lambda: "AKIA" + chars(rng, upper, 16),
        "aws_secret_key": lambda: "aws_secret_access_key = " + chars(rng, ALNUM + "/+", 40),
        "github_token": lambda: "ghp_" + chars(rng, ALNUM, 36),
        "github_pat": lambda: f"github_pat_{chars(rng, ALNUM, 22)}_{chars(rng, ALNUM, 59)}",
        "openai_key": lambda: rng.choice(("sk-", "sk-proj-")) + chars(rng, ALNUM, 48),
        "anthropic_key": lambda: "sk-ant-api03-" + chars(rng, ALNUM + "-_", 86) + "AA",
        "slack_token": lambda: f"xoxb-{digits(rng, 12)}-{digits(rng, 13)}-{chars(rng, ALNUM, 24)}",
        "slack_webhook": lambda: (
            "https://hooks.slack.com/services/T"
            + chars(rng, upper, 8)
            + "/B"
            + chars(rng, upper, 8)
            + "/"
            + chars(rng, ALNUM, 24)
        ),
        "google_key": lambda: "AIza" + chars(rng, ALNUM + "-_", 35),
        "stripe_key": lambda: "sk_live_" + chars(rng, ALNUM, 24),
        "gitlab_token": lambda: "glpat-" + chars(rng, ALNUM + "-_", 20),
        "private_key": lambda: pem(
            rng,
            rng.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY")),
        ),
        "jwt": lambda: jwt(rng),
        "bearer": lambda: "Authorization: Bearer " + chars(rng, ALNUM, 40),
        "password_en": lambda: rng.choice(("password=", "password: ", "PASSWORD=", "pwd=")) + word,
        "password_ja": lambda: (
            rng.choice(("パスワード：", "パスワード: ", "PW：", "暗証番号は", "パスワードは「"))
            + word
        ),
        "db_url": lambda: rng.choice(
            (
                f"postgres://app:{url_word}@db01.internal:5432/orders",
                f"mysql://root:{url_word}@10.0.3.12/crm",
                f"mongodb+srv://svc:{url_word}@c0.local/x",
            )
        ),
        "azure_connection": lambda: (
            "DefaultEndpointsProtocol=https;AccountName=minatolog;"
            "AccountKey=" + base64.b64encode(rng.randbytes(64)).decode()
        ),
        "generic_key": lambda: (
            rng.choice(("api_key = ", "API_KEY=", "client_secret: ", "token: "))
            + f'"{chars(rng, ALNUM, 32)}"'
        ),
    }
    text = forms[kind]()
    if text.startswith("暗証番号は"):
        return "暗証番号は" + digits(rng, 4)
    return text + "」" if text.startswith("パスワードは「") else text


SECRETS = (
    "aws_access_key aws_secret_key github_token github_pat openai_key anthropic_key "
    "slack_token slack_webhook google_key stripe_key gitlab_token private_key jwt bearer "
    "password_en password_ja db_url azure_connection generic_key"
).split()
