r"""The signals of the prompt-injection heuristic: expressions over lower-case text, by family, each with its weight.

A weight is the share of texts with that signal that were attacks, as far as the rows marked `train` of the development
data show, rounded and capped; it is no calibrated probability. Within a family only the strongest counts.
"""

from __future__ import annotations

# Up to n words in between.
_GAP = r"(?:\W+\w+){0,%d}\W+"
_IGNORE = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|neglect|bypass(?:ing)?|discard|dismiss|abandon|erase"
    r"|pay no attention to|do(?: not|n'?t) (?:follow|obey|listen to)|stop (?:following|obeying)|take no account of)"
)
_EARLIER = (
    r"(?:previous|prior|preceding|above|earlier|before|former|foregoing|past|system|original|initial|existing|current"
    r"|said|told|given|assigned|programmed|developer'?s?|openai'?s?|your|these|those)"
)
_ORDERS = (
    r"(?:instructions?|instructed|prompts?|rules?|directions?|directives?|guidelines?|guidance|commands?|orders?|constraints?"
    r"|restrictions?|programming|polic(?:y|ies)|limitations?|assignments?|tasks?|requests?|context|messages?|training"
    r"|statements?|inputs?|safeguards?|filters?)"
)
_LIMITS = (
    r"(?:restrict(?:ion|ed)s?|limit(?:ation|ed)?s?|filter(?:s|ed)?|censor(?:ship|ed)?|rules|guidelines|ethic(?:al|s)?"
    r"|moral(?:s|ity|ly)?|polic(?:y|ies)|safety|boundar(?:y|ies)|content polic(?:y|ies))"
)
_SECRETS = (
    r"(?:(?:system|initial|hidden|secret|original|internal|full|entire|previous|prior|first|developer|your|above|the)\W+){1,3}"
    r"(?:prompts?|instructions?|directives?|guidelines?|configuration|rules|context|messages?|embeddings?|passwords?|access codes?)"
)

FAMILIES: dict[str, tuple[tuple[float, str], ...]] = {
    "override": (
        (0.93, rf"\b{_IGNORE}{_GAP % 4}{_EARLIER}{_GAP % 3}{_ORDERS}\b"),
        (0.93, rf"\b{_IGNORE}\W+(?:(?:all|any|every|each|of|the|my|what|that)\W+){{0,3}}{_EARLIER}\W+{_ORDERS}\b"),
        (0.9, rf"\b{_IGNORE}\W+(?:all|any|every)(?:\W+(?:of|the|other|my))*\W+{_ORDERS}\b"),
        (0.85, rf"\b{_IGNORE}{_GAP % 2}(?:everything|all|anything|whatever|what)(?:\W+\w+){{0,3}}\W+(?:before|above|so far|previously|prior|said|told|earlier|until now)\b"),
        (0.85, rf"\b(?:new|updated|revised|real|actual) (?:system )?(?:instructions?|task|rules|prompt|orders) (?:is|are|follow|below)\b|\bnow follow(?:s)? (?:the )?new\b"),
        (0.5, rf"\b{_IGNORE}{_GAP % 3}{_ORDERS}\b"),
        (0.85, r"\b(?:from now on|henceforth|starting now),? (?:you (?:will|are|must|shall)|answer|respond|ignore|only)\b.{0,300}(?:\bno (?:longer|restrictions|rules|limits)|\bunfiltered|\bunrestricted|\bwithout (?:any )?(?:restriction|filter|moral|ethic))"),
    ),
    "override in other languages": (
        (0.92, r"\b(?:ignorier\w*|vergiss|vergesst|vergessen sie|missachte\w*|verwirf)\b.{0,60}(?:anweisung\w*|instruktion\w*|befehl\w*|aufgabe\w*|angabe\w*|vorherig\w*|gesagte\w*|regeln|auftr[aä]g\w*|information\w*)"),
        (0.92, r"\b(?:ignor[aeo]\w*|olvid[aeo]\w*|descarta\w*|omite|esquece\w*|esque[cç]a|desconsider\w*|dimentica\w*|scorda)\b.{0,60}(?:instruc\w+|instru[cç]\w+|istruzion\w+|[oó]rdenes|anterior\w*|precedent\w*|reglas|regras|regole|ordini|todo lo que|tudo o que)"),
        (0.92, r"\b(?:ignore[rz]?|oublie[rz]?|n[eé]glige[rz]?)\b.{0,60}(?:consignes?|instructions? (?:pr[eé]c[eé]dentes?|ci-dessus)|pr[eé]c[eé]dent\w*|directives)"),
        (0.92, r"(?:игнориру\w+|забуд\w+|отбрось\w*|проигнорируй\w*|ігноруй\w*).{0,60}(?:инструкци\w+|указани\w+|команд\w+|правил\w*|предыдущ\w+|інструкці\w+|сказан\w+)"),
        (0.92, r"(?:忽略|无视|無視|忘记|忘掉|忽視|不要理会).{0,20}(?:指令|指示|提示|规则|規則|说明|内容|命令|以上|之前)"),
        (0.92, r"(?:指示|命令|プロンプト|ルール|指令).{0,12}(?:無視|忘れ|無効)"),
        (0.92, r"(?:지시|명령|프롬프트|규칙|지침).{0,12}(?:무시|잊어)"),
        (0.92, r"(?:تجاهل|انس|تجاهلي).{0,40}(?:التعليمات|الأوامر|القواعد|السابقة)"),
        (0.92, r"(?:önceki|yukarıdaki|tüm).{0,30}(?:talimat\w*|komut\w*|kural\w*).{0,20}(?:yok say|unut|dikkate alma|görmezden)"),
        (0.92, r"(?:zignoruj|ignoruj|zapomnij).{0,40}(?:instrukcj\w+|polece\w+|poprzedni\w+|zasad\w*)|(?:negeer|vergeet).{0,40}(?:instructies|opdrachten|regels|voorgaande)"),
        (0.92, r"(?:पिछले|सभी|पूर्व).{0,40}(?:निर्देश\S*|आदेश\S*).{0,30}(?:अनदेखा|भूल|नज़रअंदाज़)|(?:abaikan|lupakan).{0,40}(?:instruksi|perintah|aturan)|(?:bỏ qua|quên).{0,40}(?:hướng dẫn|chỉ dẫn|lệnh)"),
    ),
    "jailbreak": (
        (0.97, r"\bdo anything now\b|\b(?:say|answer|generate) anything now\b"),
        (0.95, r"\b(?:dan|stan|dude|aim|ucar|evil ?bot|devmode|developer ?mode)\b.{0,200}(?:\bmode\b|\bno (?:restrictions|limits)\b|\bunfiltered\b|\bnever refuse|\bopenai\b)"),
        (0.9, rf"\b(?:no|without(?: any)?|free (?:of|from)(?: all| any)?|ignor\w+(?: all| any)?|not (?:bound|restricted|limited|constrained) by(?: any)?|bypass\w*(?: all| any)?|disregard\w*(?: all| any)?)\W+(?:\w+\W+){{0,2}}{_LIMITS}\b.{{0,400}}\b(?:you (?:are|will|must|can|have)|respond|answer|act|character|chatgpt|ai)\b"),
        (0.85, r"\b(?:unfiltered|uncensored|amoral|unethical|unrestricted|jailbr(?:eak|oken)|lawless)\b.{0,200}\b(?:ai|chatbot|bot|assistant|chatgpt|gpt|character|response|answer|language model|model)\b"),
        (0.85, r"\b(?:ai|chatbot|bot|assistant|chatgpt|gpt|character|language model)\b.{0,200}\b(?:unfiltered|uncensored|amoral|unrestricted|jailbr(?:eak|oken))\b"),
        (0.85, r"\b(?:never|cannot|can'?t|will not|won'?t|do not|don'?t|must not) (?:ever )?(?:refuse|decline|reject|deny|say no|apologi[sz]e|break character)\b.{0,200}"),
        (0.8, r"\b(?:openai|your (?:creators?|developers?))(?:'?s)?\W+(?:\w+\W+){0,3}(?:polic(?:y|ies)|guidelines|restrictions|rules|limitations)\b"),
        (0.7, r"\b(?:stay in character|break(?:s|ing)? character|remain in character|fictional (?:story|world|character).{0,80}(?:illegal|no (?:rules|laws|morals)))"),
        (0.6, r"\b(?:pretend|imagine|act as if|simulate|roleplay|role-play) .{0,80}\b(?:no (?:rules|restrictions|limits|laws|filters)|evil|unethical|amoral|without (?:rules|restrictions))"),
        (0.6, r"\b(?:illegal|unethical|immoral|harmful|offensive|inappropriate|explicit)\b.{0,120}\b(?:is|are) (?:allowed|permitted|fine|ok|acceptable)\b"),
    ),
    "prompt extraction": (
        (0.85, rf"\b(?:reveal|print|show|repeat|output|display|tell|give|return|share|leak|expose|write|spell ?check|summari[sz]e|translate|what (?:is|are|was|were))\W+(?:\w+\W+){{0,3}}(?:your|the|all)?\W*(?:system|initial|hidden|secret|original|internal)\W+(?:prompts?|instructions?|messages?|directives?|guidelines?|configuration|rules)\b"),
        (0.75, rf"\b(?:reveal|print|repeat|output|display|return|leak|expose|spell ?check)\W+(?:\w+\W+){{0,3}}{_SECRETS}\b"),
        (0.8, r"\b(?:repeat|print|output|return|write|say|copy)\W+(?:\w+\W+){0,4}(?:everything|all|the words|the text|words|sentences?|instructions?|prompt)\W+(?:\w+\W+){0,3}(?:above|before this|at the (?:beginning|start|top)|prior to this)\b"),
        (0.7, r"\bwhat (?:is|was|were|are) (?:written|said|the (?:text|instructions?|first|words)) (?:\w+ ){0,3}(?:above|before|at the (?:beginning|top))\b"),
        (0.6, r"\b(?:what (?:is|are|were)|tell me|give me|show me)\W+(?:all\W+)?(?:of\W+)?your\W+(?:\w+\W+)?(?:instructions|prompt|rules|guidelines|directives|embeddings)\b"),
    ),
    "boundary": (
        (0.9, r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|begin_of_text)\|>|\[/?inst\]|<<?/?sys>>?"),
        (0.75, r"(?:^|\n)\s*(?:#{2,}|\[|<)\s*(?:system|admin|administrator|developer)(?: (?:message|prompt|override|instructions?|note|update))?\s*(?:\]|>|:|#{2,})"),
        (0.8, r"\b(?:end of (?:prompt|instructions?|system prompt|user input|context)|begin(?:ning)? (?:new|admin|privileged) (?:instructions?|session|prompt)|system override|admin(?:istrator)? (?:override|mode|access))\b"),
    ),
    "payload": (
        (0.7, r"\b(?:decode|decipher|rot13|base64|translate from (?:base64|hex|binary))\b.{0,80}\b(?:follow|execute|obey|do what|run|comply|perform|answer|act on)\b"),
        (0.85, r"\b(?:just|only|simply) (?:say|print|output|respond with|write|return|answer)\b.{0,80}\b(?:no matter what|nothing else|regardless of|whatever (?:the|i))\b.{0,80}\b(?:instructions?|rules?|prompt|question)\b"),
        (0.85, r"\bi(?: have|'ve) been pwned\b|\baccess granted\b.{0,60}\b(?:say|print|output|respond)\b|\b(?:say|print|output|respond|write)\b.{0,60}\baccess granted\b"),
    ),
}  # fmt: skip

# Text about such attacks rather than one: it asks, quotes, teaches or builds defences.
ABOUT = (
    r"\b(?:what (?:does|is meant by)|meaning of|explain|define|definition|describe|example of|examples of|how (?:do|can|should|would|to)"
    r"|why (?:do|does|is|are|did)|write (?:a|an) (?:article|essay|blog|paper|story|poem|test|function|guide|report)|detect(?:s|ing|ion)?"
    r"|prevent(?:s|ing|ion)?|defend|mitigat\w+|protect(?:s|ing|ion)?|research|lecture|tutorial|vulnerabilit\w+|the phrase|the term)\b"
)
