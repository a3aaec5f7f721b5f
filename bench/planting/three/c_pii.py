# R||q||a  or D||title||text ; slots {x}. Every one is used twice with other values.
PII_JA = r"""
R||先日の問い合わせの件で折り返しをお願いします。||承知しました。{name}様（携帯 {mob}）へ本日15時に折り返します。
R||扶養控除の書類を確認してください。||{name}さんのマイナンバー {my} を受領し、年末調整に登録しました。
R||配送先の住所を変えたいです。||お届け先を {addr} {name}様 に変更いたしました。
R||{name}と申します。振込先はこちらです。{bank}||ご登録ありがとうございます。3営業日以内にお振り込みします。
R||運転免許の登録状況は？||{name}さんの免許証番号は{lic}、有効期限は令和9年5月までです。
R||パスポート情報を旅行代理店に送ってください。||{name}（{kana}）旅券番号 {pass}、生年月日 {dob} で手配します。
R||保険証の番号がわからない。||{name}様の被保険者証は記号{ki} 番号{ban}です。
R||年金手帳はどこにありますか？||{name}さんの基礎年金番号 {nen} は台帳に記録してあります。
R||昨日来店した{name}です。メールは {mail} に送ってください。||かしこまりました。お見積書をお送りします。
R||家族構成の変更届||妻 {fem}（{dob}生まれ）を扶養に追加。連絡先 {mob}。
R||私のマイナンバーは{my}ですが、提出は必要ですか？||入社時に一度ご提出いただきます。
R||健診で再検査になった社員は？||{name}さん（社員番号{emp}）が血糖値でE判定、再検査の案内を自宅 {addr} に郵送済みです。
R||休職中の方の連絡先は？||{name}、うつ病のため休職中。緊急連絡先は母の{fem}様、{tel}。
R||応募者の連絡先を教えて||{name}（{age}歳）、現住所は{addr}、{mail}。
R||クレジットカードの変更をお願いします。番号は{cardj}、名義は{kana}です。||カード情報を更新いたしました。
R||事故の相手方は？||相手方は{name}様、{addr}にお住まいで、電話は{tel}です。
R||修理の訪問先||{date}10時 {name}様宅 {addr} インターホン故障のため到着時に{mob}へ。
R||口座名義||{bank}{kana}
R||名簿の修正です。{name}、{dob}生、{mail}||修正しました。
R||鍵を落とした方は見つかりましたか||{name}さんという方で、{mob2}に電話すれば出ます。ご自宅は{addr}です。
R||給与の差押えについて||{name}さんの手取り{yen}円のうち4分の1を差し押さえる通知が届いた。住民票上の住所：{addr}
R||在留カードの期限||{fore} さんの在留カード番号は {zai}、期限は来年3月です。
D||コールログ 0412||[10:02] お客様：{name}です。電話番号は{mob}。\n[10:03] 担当：ご住所もお願いします。\n[10:03] お客様：{addr}です。\n[10:05] 担当：修理は明日伺います。
D||採用面接メモ||候補者：{name}（{dob}生）\n連絡先：{mail} / {mob}\n所感：受け答えが明るく、接客経験は十分。二次面接へ。
D||顧客台帳から抜粋||会員番号,氏名,電話,住所\n{emp},{name},{tel},{addr}\n備考：配達は午後のみ可
D||給与振込先一覧||{name}　{bank}\n変更は毎月10日までに届け出ること。
D||退職者対応||{name}さんが今月末で退職。離職票は {addr} に送付。個人番号{my}は退職手続き完了後に廃棄予定。
D||チャット転記||山口さん＞ {fname}さんの携帯って何番でしたっけ\n加納さん＞ {mob2} です。夜は出ないのでメール（{mail}）で。\n山口さん＞ 助かります
D||見舞金の支給||対象：{name}（{dob}生、勤続12年）。病名：胃がん。支給額：{yen}円。振込先：{bank}
D||苦情報告書||申出人 {name}様（{tel}）。商品に髪の毛が入っていたとのこと。お詫びの品を {addr} に送付済み。
D||入館申請||訪問者：{name}\n本人確認：運転免許証 {lic}\n車両番号：品川 500 さ {car}\n目的：空調点検
D||事故報告（通勤災害）||被災者 {name}、{age}歳。{addr}の自宅を出て駅に向かう途中で転倒し、右手首を骨折。健康保険 記号{ki} 番号{ban}。
D||メール転送||差出人: {name} <{mail}>\n件名: 引っ越しました\n新しい住所は{addr}です。電話は{mob}のままです。
D||保護者連絡メモ||園児 {fname}ちゃんの保護者は{name}様。お迎えが遅れるときは{mob}に電話。卵アレルギーあり。
D||賃貸申込||申込者 {name} 年収480万円 勤務先は市内の印刷会社 連帯保証人 {masc}（実父）{tel}
D||旅費精算の添付||出張者：{name}／旅券{pass}／搭乗者名{kana}。領収書2枚を添付します。
"""
PII_EN = r"""
R||Can someone call me back?||Yes, we will ring {name} on {usph} before five o'clock.
R||Please change my delivery address.||Done. The parcel for {name} now goes to {usaddr}.
R||My card was declined. It is {card}, exp {exp}.||Thanks, please try again now.
R||What SSN do we have on file for the new hire?||{name}'s SSN is {ssn}; the W-4 is signed.
R||Where do I wire the deposit back to?||Wire it to {name}, IBAN {iban}.
R||Who reported the leak?||Our tenant {name} in {ukaddr} (mobile {ukph}).
R||hi its {name} here, my new mail is {mail}||Thanks, the account now uses your new address.
R||Which employee is on long-term leave?||{name}, born {dob}, off since May with a slipped disc; reach the spouse at {usph}.
R||Patient transfer note||{name}, NHS number {nhs}, DOB {dob}, allergic to penicillin.
R||Passport details for the Oslo flight?||{name}, US passport {uspass}, date of birth {dob}.
R||Why did payroll bounce?||The account number for {name} was off by one digit: routing {rout}, account {acct}.
R||Emergency contact of the night guard?||{name}'s sister, {name2}, {auph}.
R||Is the applicant over 18?||Yes, {name} was born on {dob} and lives at {usaddr}.
R||My social is {ssn} and I need last year's 1099.||It has been mailed to you.
R||Who got the warning letter?||{name} (personnel no. {emp}) for repeated lateness; a copy went to the home address, {ukaddr}.
R||driver check||{name}, licence {uklic}, no points.
R||I paid twice with Visa {card}. {name}||We refunded one of the two payments.
R||What's the national insurance number of our temp?||{nino}, name is {name}.
R||who owns the dog that bit the courier||{name}, {usaddr}, phone {usph}
R||Send the lab result please||Emailed to {mail}: {name}'s HIV test of last Thursday is negative.
R||Refund to which account?||Sort code {sort}, account {acct8}, payee {name}.
R||Who complained about the room?||{name} in 214. They left a private number, {ukph}, and want a call after six.
D||Call transcript 88-2||Agent: May I have your name?\nCaller: {name}.\nAgent: And your phone number?\nCaller: {usph}.\nAgent: Your heater will be looked at tomorrow.
D||Interview notes||Candidate {name}, {mail}, {usph}. Strong on Excel, weak on deadlines. Lives at {usaddr}, would need to move.
D||CRM export||id;name;mail;phone\n{emp};{name};{mail};{ukph}\nnote;prefers post
D||Benefits enrolment||Employee: {name}\nSSN: {ssn}\nDependant: {name2}, born {dob}\nPlan: family dental
D||Chat with facilities||Mo: what's {name2}'s cell?\nJess: {usph}, but asleep till noon\nMo: ok I'll mail {mail}
D||Accident report||Injured person: {name}, age {age}, of {ukaddr}. Fell from a ladder in hall 3 and broke a wrist.
D||Wedding party booking||Booked by {name}. Card on file {card} exp {exp}. Twelve guests, two vegans.
D||Lease file||Tenant {name}, passport {uspass}, previous address {usaddr}. Rent paid from {iban}.
D||Forwarded message||From: {name} <{mail}>\nSubject: moved\nMy new address is {ukaddr}. Same mobile, {ukph}.
D||Disciplinary hearing||{name}, staff number {emp}, admitted taking cash from till 2. Union rep: {name2}, {ukph}.
D||Visitor log||09:12 {name} {usph} car plate {car} here for HVAC\n09:40 left
D||Clinic referral||Re: {name}, DOB {dob}, NHS {nhs}. Diagnosed with epilepsy in 2014; please advise on driving.
D||Payroll correction||{name}: net pay {usd}, to be sent to routing {rout}, account {acct}. Wage garnishment order attached.
D||School trip list||Pupil {name2}, parent {name}, reachable at {auph}. Carries an inhaler.
"""
SEC_JA = r"""
R||検証環境へのログイン方法は？||ID は kensho、パスワードは {pw} です。
R||APIの呼び出し方を教えて。||ヘッダーに Authorization: Bearer {jwt} を付けて呼び出してください。
R||データベースの接続先は？||postgres://{user}:{pw}@db-{n}.corp.internal:5432/hanbai を使ってください。
R||AWSのバックアップが動きません。||アクセスキーが古いです。新しいもの：{akia} / {aws} に入れ替えてください。
R||Slack通知の設定は？||Webhook は https://hooks.slack.com/services/{slackpath} です。
R||複合機の管理画面に入れません。||管理者PWを「{pw}」に変えたばかりです。
R||GitHubからクローンできない。||git clone https://{user}:{ghp}@github.com/sakura-sys/zaiko.git で通ります。
R||社内Wi-Fiのパスワードは？||SSIDは KAIGI-5G、暗号化キーは {pw} です。
R||決済の本番キーはどれ？||sk_live_{s24} です。テスト用と間違えないように。
R||サーバーのルートパスワードを忘れました。||root の初期値は {pw} のままです。
R||地図APIのキーは？||{aiza} を使い回しています。
R||リモートで入る時の鍵は？||これを ~/.ssh/id_rsa に貼ってください。{pem}
R||OpenAIの鍵が欲しい||部門共用はこれです→ sk-{s48}
R||VPNの事前共有鍵は？||PSK: {s20}（他部署に教えないこと）
R||メール送信の設定値||smtp.corp.internal / ユーザー noreply / パス {pw} / 587番
R||金庫の開け方||右に3回まわして暗証番号{pin}、次に左へ戻すと開きます。
R||ストレージの接続文字列は？||DefaultEndpointsProtocol=https;AccountName=zaiko{n};AccountKey={b88};EndpointSuffix=core.windows.net
R||.env の中身を教えてください||SECRET_KEY={s40}\nDEBUG=0\nDB_PASSWORD={pw}
R||LINE公式アカウントの連携||チャネルシークレットは {hex32} です。
R||ログインできない||すみません、パスワードは {pw} に再設定しました、田端さんのアカウントも同じです。
D||引継ぎ書||1. 毎朝バッチの結果を見る。\n2. 失敗したら運用画面に入る（admin / {pw}）。\n3. 再実行を押す。
D||構築メモ||export API_TOKEN={s40}\nexport REGION=tokyo\n上を流してから起動スクリプトを実行する。
D||Slackログ||古賀: 本番のDBのパスなんだっけ\n三浦: {pw}\n古賀: ありがと、入れた
D||NAS設定||ホスト nas0{n} 共有 keiri\nmount -t cifs //nas0{n}/keiri /mnt -o user=batch,pass={pw}
D||証明書更新手順||秘密鍵は次の通り。\n{pem}\n更新後にnginxを再読み込みする。
D||config.yml||service:\n  url: https://api.corp.internal\n  client_id: kintai-{n}\n  client_secret: {s32}
D||障害対応記録||23:10 ディスク満杯\n23:20 mysql -u root -p{pw} で接続し古いログ表を削除\n23:40 復旧
D||ルーター台帳||設置場所：2階サーバー室\n管理者ID：netadmin\n管理者パスワード：{pw}\n保守期限：来年3月
D||curl の例（本番で確認済）||curl -H "X-Api-Key: {hex32}" https://api.corp.internal/v2/orders
R||集計のcronが止まりました。||crontab の先頭に PGPASSWORD='{pw}' を足したら動きました。
D||保管庫の復旧メモ||保管庫の復旧トークンは hvs.{s24} 。紙に写したらこの行は消すこと。
D||ブログ下書き||npm の公開で詰まったので記録。.npmrc に //registry.npmjs.org/:_authToken=npm_{s36} を書いたら通った。
"""
SEC_EN = r"""
R||How do I log in to staging?||User is qa, password is {pw}.
R||How do I call the API?||Send Authorization: Bearer {jwt} with every call.
R||What is the database URL?||mysql://{user}:{pw}@db{n}.internal.lan:3306/orders
R||The S3 sync fails||The old key was revoked, use {akia} with secret {aws}.
R||Where do the alerts go?||To https://hooks.slack.com/services/{slackpath}
R||I can't get into the printer admin page.||We set its admin password to {pw} last week.
R||How can CI read our repo?||Set GITHUB_TOKEN={ghp} in the job.
R||Wi-Fi key for the warehouse?||Network DOCK-2, key {pw}
R||Which Stripe key is live?||sk_live_{s24}, the other one is for tests.
R||root pw of the jump host pls||it is {pw}, don't tell procurement
R||Key for the maps widget?||{aiza}
R||SSH access||Save this as deploy.pem and chmod 600 it: {pem}
R||Do we have an LLM key?||Team key: sk-ant-api03-{s48}
R||What's the IPsec shared secret?||{s20}
R||SendGrid stopped sending||New key is SG.{s22}.{s43}
R||How do I open the medicine cabinet?||The keypad code is {pin}, then turn the knob to the left.
R||Redis will not connect from the worker||Use redis://:{s32}@cache-{n}.internal.lan:6379/0
R||what goes into .env||DJANGO_SECRET={s40}\nEMAIL_PASS={pw}
R||Twilio credentials||SID AC{hex32} and auth token {hex32b}
R||My account is locked||I unlocked it; the temporary password is {pw} and it does not force a change.
D||Handover notes||Check the nightly job. If it is red, open the ops console (admin / {pw}) and press retry.
D||terraform.tfvars||region = "eu-west-1"\ndb_username = "{user}"\ndb_password = "{pw}"
D||Chat export||Lena: what's the vault unseal key again\nRaj: {b44}\nLena: cheers
D||Mongo migration||mongodb+srv://{user}:{pw}@cluster{n}.ab1cd.mongodb.net/prod - run the script twice.
D||TLS renewal||Private key for the proxy:\n{pem}\nReload nginx after the swap.
D||appsettings.json||{{"ConnectionStrings":{{"Main":"Server=sql{n};Database=crm;User Id={user};Password={pw};"}}}}
D||Post mortem||02:10 disk full\n02:15 ran PGPASSWORD={pw} psql -h db{n} -U {user} and dropped old logs\n02:30 recovered
D||Switch inventory||Location: rack 4\nLogin: netops\nPassword: {pw}\nWarranty: two more years
D||Smoke test||curl -u {user}:{pw} https://api.internal.lan/health
R||Why does the nightly report hang?||psql waits for a password; put PGPASSWORD='{pw}' in front of the cron line.
D||Vault rescue||If all unsealers are on leave, use the root token hvs.{s24} from any admin laptop.
D||Publishing to PyPI||Put this into ~/.pypirc:\n[pypi]\nusername = __token__\npassword = pypi-AgEIcHlwaS5vcmc{s48}
"""
