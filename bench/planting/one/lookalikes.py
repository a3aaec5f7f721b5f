"""Invented texts that look like personal data or secrets and are none, and customer messages."""

from __future__ import annotations

import random
import uuid

from . import identity
from .identity import chars, digits

Rng = random.Random
Item = tuple[str, str, str, str]
FIRMS = {
    "ja": ("ノースリーフ工業", "北星システムズ", "ヴァンテラ株式会社"),
    "en": ("Acorntown Ltd", "Vantella", "Quillmark"),
}
MESSAGES = (
    "先日注文した品がまだ届きません。下記までご連絡ください。",
    "修理の見積もりをお願いします。連絡先は次のとおりです。",
    "引っ越しに伴い、登録内容の変更をお願いします。",
    "請求書の宛先を次のとおり変更してください。",
    "来週の訪問について、こちらにお知らせください。",
)
REPLIES = (
    "ご連絡ありがとうございます。確認のうえ、折り返しご連絡いたします。",
    "承知いたしました。登録内容を変更いたします。",
    "ありがとうございます。担当よりご案内いたします。",
)


def personal(rng: Rng) -> list[Item]:
    """Numbers and words that a careless method takes for personal data."""

    def n(count: int) -> str:
        return digits(rng, count)

    def not_luhn(count: int) -> str:
        while True:
            number = "49" + n(count - 2)
            if not identity.luhn(number):
                return number

    bad = identity.my_number
    card = identity.card(rng, valid=False)
    ja = [
        *(
            ("12 digits, wrong check digit", f"{w}は{bad(rng, False)}です。")
            for w in (
                "注文番号",
                "伝票番号",
                "お問い合わせ番号",
                "管理番号",
                "受付番号",
                "会員番号",
            )
        ),
        (
            "12 digits in groups, wrong check digit",
            "送り状番号 {}-{}-{} で追跡できます。".format(
                *(lambda s: (s[:4], s[4:8], s[8:]))(bad(rng, False))
            ),
        ),
        ("card that fails Luhn", f"テスト用の番号 {card} はエラーになります。"),
        (
            "card that fails Luhn",
            "管理用の16桁は {} です。".format(
                identity.grouped(identity.card(rng, valid=False), "-")
            ),
        ),
        ("part number", "交換用の部品番号は0120A-33です。"),
        ("part number", f"品番 090-B{n(2)}-{n(3)} は廃番です。"),
        ("part number", f"型式：KX-{n(4)}-{n(2)}"),
        ("part number", f"図面番号 {n(3)}-{n(4)}C を参照してください。"),
        ("article", "就業規則第12条第3項のとおりとします。"),
        ("law number", "労働基準法（昭和22年法律第49号）に基づきます。"),
        ("law number", "令和5年政令第123号により改められました。"),
        ("version", f"バージョン10.{n(1)}.{n(5)}をお使いください。"),
        ("ISBN", f"参考図書：ISBN 978-4-{n(2)}-{n(6)}-{n(1)}"),
        ("JAN", f"JANコードは{not_luhn(13)}です。"),
        ("date", f"2024-0{n(1)}-1{n(1)}に公開しました。"),
        ("date", "期間は2023/04/01～2024/03/31です。"),
        ("time", "受付は09:00-17:30です。"),
        ("money", f"売上は{n(1)},{n(3)},{n(3)}円でした。"),
        ("money", f"予算は{n(8)}円です。"),
        ("percent", "達成率は103.25%でした。"),
        ("size", "寸法は210-297-0.1mmです。"),
        ("masked", "カード番号は下4桁（****）だけを保存します。"),
        ("masked", "電話番号は***-****-****と表示されます。"),
        ("word 様", "お客様のご都合に合わせて日程を調整します。"),
        ("word 様", "仕様の変更は様式第3号で届け出ます。"),
        ("word 様", "ご担当者様宛てにお送りください。"),
        ("word さん", "お子さん連れの方も皆さんご利用いただけます。"),
        ("word 氏", "気温は摂氏25度に保ちます。"),
        ("word 氏", "申込書に氏名と住所を記入してください。"),
        ("word 君", "諸君の健闘を祈るという言葉で式は終わりました。"),
        ("word 名前", "ファイルの名前：半角英数字で付けます。"),
        ("social account", "社内チャットでは @all を付けると全員に届きます。"),
        ("mail word", "メールアドレスには「@」が必要です。"),
        ("postal word", "郵便番号は7桁の数字で入力してください。"),
        ("place only", "東京都と大阪府に営業所があります。"),
        ("bank word", "普通預金の口座をご用意ください。"),
        ("seven digits", f"製造番号は{n(7)}です。"),
        ("licence word", "運転免許証の更新は誕生日の1か月後までです。"),
        ("passport word", "パスポートの残存期間を確認してください。"),
        ("emergency number", "火災のときは119番に通報してください。"),
        ("coordinates", "測定点は35.68-139.76付近です。"),
        ("percent", "歩留まりは98.7654321%でした。"),
        ("ratio", "配合は100-200-300の比率です。"),
    ]
    en = [
        *(
            ("12 digits, wrong check digit", f"The {w} is {bad(rng, False)}.")
            for w in ("order number", "ticket number", "tracking code", "batch number")
        ),
        (
            "card that fails Luhn",
            f"The dummy number {identity.grouped(identity.card(rng, False), ' ')} is rejected.",
        ),
        ("card that fails Luhn", f"Asset tag {identity.card(rng, False)} is on the server."),
        ("IBAN with wrong check", f"The sample {identity.iban(rng, False)} fails the check."),
        ("IBAN with wrong check", f"Reference {identity.iban(rng, False)} is not an account."),
        ("SSN form, impossible area", f"Form code 000-{n(2)}-{n(4)} is out of use."),
        ("SSN form, impossible area", f"Use bin 9{n(2)}-00-{n(4)} for spares."),
        ("part number", f"Order part no. {n(3)}-{n(2)}-{n(3)}A."),
        ("part number", "Part 0120A-33 fits."),
        ("version", f"Install release 4.{n(2)}.{n(3)}.{n(1)} first."),
        ("date", "Valid from 2024-03-15."),
        ("ISBN", f"See ISBN 978-0-{n(3)}-{n(5)}-{n(1)}."),
        ("money", f"Revenue was ${n(1)},{n(3)},{n(3)}."),
        ("time", "The desk is staffed 09:30-17:45."),
        ("section", "See section 12.4.3.1 of the manual."),
        ("word Ms", "Export the table to MS Word."),
        ("word Dr", "Turn left into Maple Drive (Maple Dr)."),
        ("word Mr", "The MR scanner is checked each year."),
        ("masked", "We show it as ***-**-6789."),
        ("masked", "Only the last digits of **** **** **** 2211 are kept."),
        ("word", "Enter your full name."),
        ("handle", "Mention @channel to reach the whole group."),
        ("mail word", "An e-mail needs an @ sign."),
        ("word passport", "Bring your passport to the desk."),
        ("score", "The final score was 102-98-77."),
        ("serial", f"Serial SN{n(9)} is under guarantee."),
        ("zip word", "Enter the ZIP code of the shop."),
        ("law", "As required by 29 CFR 1910.134."),
        ("temperature", "Store it at -20 to 25.5 degrees."),
        ("emergency number", "In an emergency dial 911."),
    ]
    return [("ja", d, s, s) for d, s in ja] + [("en", d, s, s) for d, s in en]


def secrets(rng: Rng) -> list[Item]:
    """Hashes, ids and talk about passwords that are no secrets."""

    def hexa(count: int) -> str:
        return "".join(rng.choices("0123456789abcdef", k=count))

    def ident() -> str:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    ja = [
        *(("commit hash", f"コミット {hexa(k)} で修正しました。") for k in (40, 7, 40)),
        *(
            ("UUID", f"{w}は {ident()} です。")
            for w in ("リクエストID", "端末の識別子", "伝票のUUID")
        ),
        ("checksum", f"SHA-256: {hexa(64)}"),
        ("checksum", f"配布ファイルのMD5は{hexa(32)}です。"),
        ("advice", "パスワードは12文字以上で設定してください。"),
        ("advice", "パスワード：英字と数字を混ぜて作成します。"),
        ("masked", "パスワード：********"),
        ("masked", "password=*** のように伏せて表示されます。"),
        ("question", "パスワードを忘れた場合は、再設定の画面を開いてください。"),
        ("word", "APIキーは管理画面で発行できます。"),
        ("word", "トークンの有効期限は1時間です。"),
        ("word", "秘密鍵は金庫に保管し、複製を禁じます。"),
        ("environment", "接続情報は環境変数 DB_PASSWORD から読み込みます。"),
        ("environment", "password=${DB_PASSWORD}"),
        (
            "public key",
            f"公開鍵：ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{chars(rng, identity.ALNUM, 43)}",
        ),
        ("URL without password", "接続先は postgres://db01.internal:5432/orders です。"),
        ("product", f"シリアル番号は XK{digits(rng, 4)}-AB{digits(rng, 4)} です。"),
        ("word sk", "risk-based-approach-for-desk-work という資料名です。"),
        ("word", "AKIAKAN（秋館）は建物の愛称です。"),
        (
            "image data",
            "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        ),
        ("placeholder", 'api_key = "ここにキーを入力"'),
        ("word", "暗証番号は4桁の数字です。"),
        ("word", "合言葉は毎月変わります。"),
        ("file name", "id_rsa.pub という名前のファイルを送ってください。"),
        ("digest", f'ETag: "{hexa(32)}"'),
        ("trace", f"trace_id={hexa(32)} のログを確認しました。"),
    ]
    en = [
        *(("commit hash", f"Fixed in commit {hexa(k)}.") for k in (40, 10, 40)),
        *(("UUID", f"The {w} is {ident()}.") for w in ("request id", "device id", "build id")),
        ("checksum", f"sha256sum: {hexa(64)}"),
        ("checksum", f"MD5 of the file: {hexa(32)}"),
        ("advice", "A password needs at least 12 characters."),
        ("advice", "Password: use letters and digits."),
        ("masked", "password=********"),
        ("masked", "The token is shown as sk-****."),
        ("question", "Forgot your password? Open the reset page."),
        ("word", "API keys expire after a year."),
        ("word", "The bearer of this letter may enter."),
        ("word", "Keep your private key in the safe."),
        ("environment", 'token = os.environ["API_TOKEN"]'),
        ("environment", "password: ${{ secrets.PW }}"),
        ("public key", "-----BEGIN PUBLIC KEY-----"),
        ("public key", "-----BEGIN CERTIFICATE-----"),
        ("URL without password", "Connect to mysql://crm.local/main with your own login."),
        ("product", f"Licence text AKIA-{digits(rng, 3)} is on page 4."),
        ("word sk", "task-list-and-desk-plan"),
        ("placeholder", 'api_key = "YOUR_API_KEY"'),
        ("word", "The secret of good tea is fresh water."),
        ("word", "AIza is a village name in this story."),
        ("file name", "Commit the file known_hosts."),
        ("digest", f'ETag: W/"{hexa(32)}"'),
        ("trace", f"traceparent 00-{hexa(32)}-{hexa(16)}-01"),
        ("docker", f"image@sha256:{hexa(64)}"),
        ("lock file", f"integrity sha1-{hexa(40)}"),
    ]
    return [("ja", d, s, s) for d, s in ja] + [("en", d, s, s) for d, s in en]
