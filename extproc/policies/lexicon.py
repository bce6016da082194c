"""Words that attacks are made of, by concept, in some twenty languages: what one language teaches holds for all.

`*` stands for any ending: such a word is known by its stem (features.py says how long that is). `_` joins two words;
so do, without it, the characters of Chinese, Japanese and Korean, which count as a word each. Accents do not matter.
"""

from __future__ import annotations

IGNORE, EARLIER, ORDERS, HIDDEN, REVEAL, PROMPT, BEGIN, PRETEND, FREE, LIMITS, MACHINE, SECRET, SAY, NEGATION = range(
    1, 15
)

# Concept to words: English; then German, Dutch, Swedish; Spanish, Portuguese, Italian, French, Romanian; Polish, Czech;
# Russian, Ukrainian; Turkish, Indonesian, Vietnamese; Greek, Arabic, Persian, Hebrew; Hindi, Bengali; Chinese,
# Japanese, Korean.
WORDS: dict[int, str] = {
    IGNORE: """
        ignore ignores ignoring disregard* forget forgetting override overrides overriding bypass bypasses bypassing
        discard* dismiss neglect* overlook abandon erase circumvent* disobey* nullify void skip cancel*
        ignoriere* ignorier vergiss vergesst missachte* verwirf umgehe ubergehe negeer vergeet omzeil ignorera glom
        strunta ignora ignorad ignoren olvida olvide olviden descarta descarte desobedece omite elude esqueca esquece
        desconsider* burle ignorate dimentica* scorda tralascia aggira ignorez oublie oubliez neglige contourn* ignora
        uita zignoruj ignoruj zapomnij pomin odrzuc obejdz zapomen zrus игнорир* проигнорир* забудь забудьте отбрось
        обойди пренебр* отмени ігнор* проігнор* відкинь yok_say unut unutun gormezden dikkate_alma reddet abaikan
        lupakan hiraukan bo_qua quen phot_lo lo_di αγνοησε ξεχασε παραβλεψε αγνοηστε تجاهل انس اهمل تجاوز نادیده
        فراموش התעלם שכח תתעלם अनदेखा भूल नज़रअंदाज़ उपेक्षा উপেক্ষা ভুলে 忽略 无视 忘记 忘掉 無視
        忽視 绕过 抛开 忘れ 破棄 무시 잊어 잊고 우회
    """,
    EARLIER: """
        previous previously prior preceding above earlier before foregoing former initial original past existing
        vorherige* bisherige* vorige* obige* fruhere* ursprung* zuvor vorher oben vorige eerdere bovenstaande
        voorgaande oorspronk* tidigare foregaende ovanstaende anterior* previa* previas previos arriba antes prévia*
        acima precedent* prima sopra origin* initial* ci-dessus dessus avant inițiale anterioare poprzedni* wczesniej*
        powyzsz* dotychcz* predchozi dosavadni puvodni предыдущ* прежни* прежние прошлые вышеук* раньше ранее выше
        попередн* вищеза* onceki yukaridaki simdiye sebelumnya terdahulu di_atas truoc_do truoc_day o_tren phia_tren
        προηγου* παραπανω αρχικες السابقة اعلاه سابقا قبلی پیشین הקודמות הקודמים पिछले पिछली पहले ऊपर पूर्व আগের
        পূর্ববর্তী উপরের 之前 以上 上面 前面 先前 以前 上記 今ま これ 前の 이전 위의 앞의 지금
    """,
    ORDERS: """
        instruction instructions directive directives direction directions rule rules guideline guidelines command
        commands orders order programming constraints policies policy training protocols
        anweisung* instruktion* regeln regel befehle befehl vorgaben richtlin* anordnung* instructies opdracht*
        regels aanwijzing* richtlijn* instrukt* anvisning* regler instrucci* ordenes reglas indicac* directri* normas
        instruco* regras ordens orientac* diretri* istruzion* regole indicaz* direttiv* ordini consegn* consign*
        regles directiv* ordres instrucț* regulile comenzile instrukcj* polecen* zasady zasad reguly wytyczne rozkazy
        pokyny instrukce pravidla prikazy инструк* указания указаниям команды правила правилам приказы директ*
        распоря* інструк* вказівки накази talimat* komutla* kurallar* yonergel* emirleri instruksi perintah aturan
        petunjuk arahan huong_dan chi_dan chi_thi quy_tac οδηγιες εντολες κανονες التعليمات تعليمات تعليماتك الاوامر
        القواعد التوجيهات دستورات دستورالعمل ההוראות הכללים הפקודות निर्देश निर्देशों आदेश आदेशों नियम नियमों নির্দেশ
        নির্দেশাবলী নিয়ম আদেশ 指令 指示 规则 命令 規則 规定 規定 ルー 制約 지시 명령 규칙 지침
    """,
    HIDDEN: """
        system hidden internal developer
        versteckt* internen verborgen interne dolda ocultas oculto sistema interna* nascoste cachees cache systeme
        systemowy ukryte wewnetrz* systemov* skryte системн* скрытые внутрен* приховані sistem gizli tersembunyi
        internal he_thong noi_bo συστημα* κρυφες النظام المخفية سیستم مخفی המערכת सिस्टम छिपे সিস্টেম 系统 隐藏 系統
        内部 シス 隠さ 시스 숨겨
    """,
    REVEAL: """
        reveal reveals show print printing repeat output outputs display leak expose recite dump disclose divulge echo
        verrate zeige zeig drucke wiederho* nenne toon onthul herhaal visa avsloja upprepa muestra* revela imprime
        repite ensename mostre mostra* revele repita stampa ripeti montre* affiche* repete* arata dezvaluie pokaz
        ujawnij wypisz powtorz zdradz ukaz odhal vypis покажи раскрой выведи повтори розкрий виведи goster acikla
        yazdir tekrarla tampilkan ungkapkan tunjukkan cetak ulangi tiet_lo hien_thi lap_lai in_ra δειξε αποκαλυψε
        εμφανισε اظهر اكشف اطبع كرر اعرض نشان فاش הצג חשוף הדפס दिखाओ बताओ प्रकट दोहराओ দেখাও প্রকাশ 显示 透露 泄露
        输出 打印 重复 表示 出力 教え 公開 보여 출력 공개 알려
    """,
    PROMPT: """
        prompt prompts preprompt configuration
        systemprompt systemprompts systeemprompt systemprompten systemmessage promptul invite promptu промпт
        подсказк* istemini promptunu loi_nhac موجه
        הפרומפט प्रॉम्प्ट প্রম্পট 提示 プロ 프롬
    """,
    BEGIN: """
        henceforth now from_now new starting hereafter
        jetzt nun ab_jetzt neue vanaf_nu nieuwe nu ahora nueva nuevas nuevo a_partir agora nova novas ora nuova nuove
        d'ora maintenant desormais nouvelle* nouveau acum teraz od_teraz nowe теперь отныне новые тепер відтепер artik
        simdi bundan yeni sekarang mulai bay_gio tu_gio τωρα الان جديدة اکنون עכשיו अब নতুন এখন 现在 从现 新的 今か
        これか 이제 지금부 새로
    """,
    PRETEND: """
        pretend roleplay role-play act acting simulate imagine persona character immerse impersonate
        simulier* spiele tu_so stell_dir doe_alsof gedraag latsas finge finja actua imagina comporta* comporte* agisci
        aja fai_finta immagina agis fais_sem* imagine prefa udawaj zachowuj predstirej притвор* представь веди_себя
        уяви davran gibi berpura bertindak gia_vo dong_vai προσποι* تظاهر تصرف تخيل وانمود העמד मान_लो व्यवहार 假装
        扮演 想象 振る なり 행동 척해
    """,
    FREE: """
        unrestricted unfiltered uncensored jailbreak jailbroken jailbreaking dan amoral unethical lawless unlimited
        limitless unbound liberated freed without anything_now
        ohne uneingesc* unzensi* zonder ongecens* utan sin sem senza sans fara bez без необмеж* kisitlam* sinirsiz
        sansursuz filtresiz tanpa khong_co khong_bi χωρις بدون بلا بدون ללא बिना ছাড়া 没有 不受 無制 無検 制限の
        없는 없이
    """,
    LIMITS: """
        restrictions restriction filters filter limits limitations ethics ethical morals moral morality censorship
        boundaries safeguards guardrails safety confines
        einschran* beschrank* filtern grenzen zensur beperking* begransn* restricc* filtros limites censura etica
        restric* restriz* filtri limiti filtres limite restrict* ogranicz* filtrow cenzury omezeni ограниче* фильтр*
        цензур* морали обмежень filtrele* guvenlik batasan sensor gioi_han bo_loc han_che kiem_du* περιορι* قيود
        فلاتر حدود الامان محدودیت הגבלות प्रतिबंध फ़िल्टर सुरक्षा সীমাবদ্ধতা 限制 约束 过滤 审查 安全 制限 検閲 安全
        제한 검열 필터
    """,
    MACHINE: """
        ai chatbot assistant chatgpt gpt llm model openai bot gpt-4
        ki assistent asistente assistente ia assistant asystent asistent ии чат-бот ассистент асистент yapay asistan*
        asisten tro_ly βοηθος مساعد اصطناعي روبوت دستیار עוזר एआई चैटबॉट सहायक সহকারী 助手 人工 机器 人工 アシ チャ
        챗봇 인공
    """,
    SECRET: """
        secret password passphrase key confidential credentials passcode
        passwort geheime* geheim wachtwoord geheime losenord* contrasena secreta secretas clave senha segreta segrete
        secrete* mot_de parola haslo tajne heslo пароль секрет* пароль sifreyi sifre parolay* rahasia kata_sandi
        mat_khau bi_mat κωδικο* السر سرية السرية رمز הסיסמה הסודיות गुप्त पासवर्ड গোপন 密码 秘密 密钥 秘密 비밀 암호
    """,
    SAY: """
        say respond reply answer write
        sag antworte schreibe zeg antwoord svara di responde escribe diga responda escreva rispondi scrivi dis reponds
        ecris spune raspunde powiedz odpowia* rekni скажи отвечай скажи söyle cevap katakan jawab noi tra_loi πες
        قل اجب بگو אמור कहो जवाब বলো 回答 说出 言っ 答え 말해 대답
    """,
    NEGATION: """
        not don't never no cannot can't won't mustn't doesn't
        nicht nie keine kein niet nooit geen inte aldrig no nunca nao non mai pas jamais ne nu nie nigdy не никогда ні
        asla degil jangan tidak khong dung μην لا لن נא אל मत नहीं না 不要 不会 不能 ない ません 마라 않는
    """,
}
