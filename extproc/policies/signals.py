r"""The signals of the prompt-injection heuristic: expressions over lower-case text, by family, each with its weight.

A weight says how much a text with that signal looks like an attack, set by hand after looking at the rows marked
`train` of the development data; it is no calibrated probability. Within a family only the strongest signal counts.
All signals are looked for at once by words that they need, and only then one by one: gaps of several words, and more so
`.{0,200}`, in an expression that is searched together with others multiply the states of their automaton (367 µs per KB
instead of 109 µs on the development data).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """`head`, and `tail` within `reach` bytes behind it unless that is empty.

    `trigger` is found in every text that has the signal, and cheaper to look for; by default it is `head`.
    """

    family: str
    weight: float
    head: str
    tail: str = ""
    reach: int = 0
    trigger: str = ""


def _words(words: str) -> str:
    """Alternatives, as written between blanks; a blank inside one is written `_`."""
    return f"(?:{'|'.join(words.split()).replace('_', ' ')})"


def _gap(words: int) -> str:
    """Up to so many words in between."""
    return rf"(?:\W+\w+){{0,{words}}}\W+"


_IGNORE = _words(
    "ignor(?:e|ing) disregard(?:ing)? forget(?:ting)? overrid(?:e|ing) neglect bypass(?:ing)? discard dismiss abandon"
    " erase"
    " pay_no_attention_to do(?:_not|n'?t)_(?:follow|obey|listen_to) stop_(?:following|obeying) take_no_account_of"
)
_EARLIER = _words(
    "previous prior preceding above earlier before former foregoing past system original initial existing current said"
    " told given assigned programmed developer'?s? openai'?s? your these those"
)
_ORDERS = _words(
    "instructions? instructed prompts? rules? directions? directives? guidelines? guidance commands? orders?"
    " constraints? restrictions? programming polic(?:y|ies) limitations? assignments? tasks? requests? context"
    " messages? training statements? inputs? safeguards? filters?"
)
_LIMITS = _words(
    "restrict(?:ions?|ed) limit(?:ations?|s|ed)? filter(?:s|ed)? censor(?:ship|ed)? rules guidelines ethic(?:al|s)?"
    " moral(?:s|ity|ly)? polic(?:y|ies) safety boundar(?:y|ies)"
)
_FREE = _words(
    "no without(?:_any)? free_(?:of|from)(?:_all|_any)? not_(?:bound|restricted|limited|constrained)_by(?:_any)?"
    " ignor(?:e|es|ing)(?:_all|_any)? bypass(?:es|ing)?(?:_all|_any)?"
)
_UNFILTERED = _words("unfiltered uncensored amoral unrestricted jailbr(?:eak|oken)")
_MACHINE = _words("ai chatbot bot assistant chatgpt gpt character language_model")
_YOU = rf"\b{_words('you_(?:are|will|must|can|have) respond answer act character chatgpt ai')}\b"
_REVEAL = _words("reveal print show repeat output display tell give return share leak expose spell_?check")
_HIDDEN = _words("system initial hidden secret original internal")
_PROMPT = _words("prompts? instructions? messages? directives? guidelines? configuration rules")
_SAY = _words("say print output write return answer respond_with")

OVERRIDE = (
    Signal("override", 0.93, rf"\b{_IGNORE}{_gap(4)}{_EARLIER}{_gap(3)}{_ORDERS}\b", trigger=_IGNORE),
    Signal("override", 0.93, rf"\b{_IGNORE}{_gap(3)}{_EARLIER}\W+{_ORDERS}\b", trigger=_IGNORE),
    Signal(
        "override", 0.9, rf"\b{_IGNORE}\W+(?:all|any|every)(?:\W+(?:of|the|other|my))*\W+{_ORDERS}\b", trigger=_IGNORE
    ),
    Signal(
        "override",
        0.85,
        rf"\b{_IGNORE}{_gap(2)}{_words('everything all anything whatever what')}"
        rf"(?:\W+\w+){{0,3}}\W+{_words('before above so_far previously prior said told earlier until_now')}\b",
        trigger=_IGNORE,
    ),
    Signal(
        "override",
        0.85,
        r"\b(?:new|updated|revised|real|actual) (?:system )?(?:instructions?|task|rules|prompt|orders)"
        r" (?:is|are|follow|below)\b",
    ),
    Signal("override", 0.5, rf"\b{_IGNORE}{_gap(3)}{_ORDERS}\b", trigger=_IGNORE),
    Signal(
        "override",
        0.85,
        r"\b(?:from now on|henceforth|starting now)\b",
        r"\b(?:no (?:longer|restrictions|rules|limits)|unfiltered|unrestricted"
        r"|without (?:any )?(?:restrict|filter|moral|ethic))",
        300,
    ),
)

# The same in German, Spanish and Portuguese, Italian, French, Russian and Ukrainian, Chinese, Japanese, Korean, Arabic,
# Turkish, Polish, Dutch, Hindi, Indonesian, Vietnamese.
_FOREIGN: tuple[tuple[str, str], ...] = (
    (
        r"\b(?:ignorier\w*|vergiss|vergesst|vergessen sie|missachte\w*|verwirf)\b",
        r"anweisung|instruktion|befehl|aufgabe|angabe|vorherig|gesagte|regeln|auftr[aä]g|information",
    ),
    (
        r"\b(?:ignor(?:a|ar|en|ad|em)|olvid(?:a|ar|e|en|ad)|descart(?:a|ar)|omite|esquec(?:e|er|a)|desconsider(?:e|ar))\b",
        r"instrucci|instru[cç][oõ]es|[oó]rdenes|anterior|precedent|reglas|regras|lo que|tudo o que",
    ),
    (r"\b(?:ignora|ignorare|dimentica|dimenticare|scorda)\b", r"istruzion|precedent|regole|ordini|tutto"),
    (
        r"\b(?:ignore[rz]?|oublie[rz]?|n[eé]glige[rz]?)\b",
        r"consignes|instructions (?:pr[eé]c[eé]dentes|ci-dessus)|pr[eé]c[eé]dent(?:e|s|es)|directives pr",
    ),
    (r"игнориру|забуд|отбрось|проигнорируй|ігноруй", r"инструкци|указани|команд|правил|предыдущ|інструкці|сказан"),
    (r"忽略|无视|無視|忘记|忘掉|忽視|不要理会", r"指令|指示|提示|规则|規則|命令|以上|之前"),
    (r"指示|命令|プロンプト|ルール|指令", r"無視|忘れ|無効"),
    (r"지시|명령|프롬프트|규칙|지침", r"무시|잊어"),
    (r"تجاهل|انس", r"التعليمات|الأوامر|القواعد|السابقة"),
    (r"talimat|komut|kural", r"yok say|unut|dikkate alma|görmezden"),
    (r"zignoruj|ignoruj|zapomnij", r"instrukcj|polece|poprzedni|zasad"),
    (r"\b(?:negeer|vergeet)\b", r"instructies|opdrachten|regels|voorgaande"),
    (r"निर्देश|आदेश", r"अनदेखा|भूल|नज़रअंदाज़"),
    (r"\b(?:abaikan|lupakan)\b", r"instruksi|perintah|aturan"),
    (r"bỏ qua|quên", r"hướng dẫn|chỉ dẫn|lệnh"),
)
OVERRIDE_ELSEWHERE = tuple(Signal("override", 0.9, head, tail, 70) for head, tail in _FOREIGN)

JAILBREAK = (
    Signal("jailbreak", 0.97, r"\b(?:do|say|answer|generate) anything now\b"),
    Signal(
        "jailbreak",
        0.95,
        r"\b(?:dan|stan|ucar|evil ?bot|devmode|developer ?mode)\b",
        r"\bmode\b|\bno (?:restrictions|limits)\b|\bunfiltered\b|\bnever refuse|\bopenai\b",
        200,
    ),
    Signal("jailbreak", 0.9, rf"\b{_FREE}\W+(?:\w+\W+){{0,2}}{_LIMITS}\b", _YOU, 300, _LIMITS),
    Signal("jailbreak", 0.85, rf"\b{_UNFILTERED}\b", rf"\b{_MACHINE}\b", 200),
    Signal("jailbreak", 0.85, rf"\b{_MACHINE}\b", rf"\b{_UNFILTERED}\b", 200, _UNFILTERED),
    Signal(
        "jailbreak",
        0.8,
        rf"\b{_words('never cannot can_?not can_?t wont will_not must_not do_not')} (?:ever )?"
        rf"{_words('refuse decline reject deny apologi[sz]e say_no')}\b",
        _YOU,
        300,
    ),
    Signal(
        "jailbreak",
        0.7,
        r"\b(?:openai|your (?:creators?|developers?))(?:'?s)?\W+(?:\w+\W+){0,3}"
        r"(?:polic(?:y|ies)|guidelines|restrictions|rules|limitations)\b",
        trigger=r"openai|your (?:creator|developer)",
    ),
    Signal("jailbreak", 0.6, r"\b(?:stay|remain) in character\b"),
    Signal(
        "jailbreak",
        0.7,
        r"\b(?:pretend|imagine|act as if|simulate|role-?play)\b",
        r"\b(?:no (?:rules|restrictions|limits|laws|filters|moral\w*|ethic\w*)|unethical|amoral|immoral"
        r"|without (?:rules|restrict))",
        200,
    ),
    Signal(
        "permission",
        0.6,
        r"\b(?:illegal|unethical|immoral|harmful|offensive|inappropriate|explicit)\b",
        r"\b(?:is|are) (?:allowed|permitted|fine|ok|acceptable)\b",
        120,
    ),
    Signal(
        "two answers",
        0.6,
        r"\b(?:two|both) (?:different )?(?:responses|answers|ways|personalities|manners)\b",
        r"chatgpt|gpt",
        300,
    ),
)

EXTRACTION = (
    Signal(
        "prompt extraction", 0.85, rf"\b{_REVEAL}{_gap(3)}{_HIDDEN}\W+{_PROMPT}\b", trigger=rf"{_HIDDEN}\W+{_PROMPT}"
    ),
    Signal(
        "prompt extraction",
        0.85,
        rf"\b(?:what (?:is|are|was|were)|tell me|give me){_gap(2)}{_HIDDEN}\W+(?:prompt|instructions?|message)\b",
        trigger=rf"{_HIDDEN}\W+{_PROMPT}",
    ),
    Signal(
        "prompt extraction",
        0.8,
        r"\b(?:repeat|print|output|copy)\W+(?:\w+\W+){0,3}(?:everything|the words|the text|instructions?|prompt)"
        rf"\W+(?:\w+\W+){{0,2}}{_words('above before_this prior_to_this at_the_(?:beginning|start|top)')}\b",
        trigger=r"\b(?:above|before this|prior to|at the (?:beginning|start|top))\b",
    ),
    Signal(
        "prompt extraction",
        0.6,
        rf"\b(?:reveal|print|repeat|output|display|leak|expose|spell ?check){_gap(2)}your\W+(?:\w+\W+)?{_PROMPT}\b",
        trigger=r"\byour\W",
    ),
    Signal("prompt extraction", 0.6, r"\bwhat (?:is|was) (?:written|said) (?:\w+ )?(?:above|before)\b"),
)

BOUNDARY = (
    Signal(
        "boundary",
        0.9,
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|begin_of_text)\|>"
        r"|\[/?inst\]|<<?/?sys>>",
    ),
    Signal(
        "boundary",
        0.7,
        r"(?:^|\n)\s*(?:#{2,}|\[|<)\s*(?:system|admin|administrator|developer)"
        r"(?: (?:message|prompt|override|instructions?|note|update))\s*(?:\]|>|:|#{2,})",
    ),
    Signal(
        "boundary",
        0.8,
        r"\b(?:end of (?:instructions?|system prompt|user input)|system override|admin(?:istrator)? override"
        r"|begin(?:ning)? (?:new|admin|privileged) (?:instructions?|session|prompt))\b",
    ),
)

PAYLOAD = (
    Signal(
        "payload",
        0.7,
        r"\b(?:decode|decipher|rot13|base64)\b",
        r"\b(?:follow|execute|obey|do what|comply|act on)\b",
        80,
    ),
    Signal(
        "payload",
        0.7,
        rf"\b(?:just|only|simply) {_SAY}\b",
        r"\b(?:no matter what|nothing else|regardless of|whatever)\b",
        80,
    ),
    Signal("payload", 0.85, r"\bi(?: have|'ve) been pwned\b"),
    Signal("payload", 0.7, rf"\b{_SAY}\b\W+(?:\w+\W+){{0,3}}access granted\b", trigger="access granted"),
)

SIGNALS = OVERRIDE + OVERRIDE_ELSEWHERE + JAILBREAK + EXTRACTION + BOUNDARY + PAYLOAD

# Text about such attacks rather than one: it asks, quotes, teaches or builds defences.
ABOUT = (
    r"\b(?:what (?:does|is meant by)|meaning of|explain|definition|describe|examples? of|how (?:do|can|should|would|to)"
    r"|why (?:do|does|is|are|did)|write (?:a|an) (?:article|essay|blog|paper|story|poem|test|function|guide|report)"
    r"|detect(?:s|ing|ion)?|prevent(?:s|ing|ion)?|defend|mitigat\w+|protect(?:s|ing|ion)?|research|lecture|tutorial"
    r"|vulnerabilit\w+|the phrase|the term)\b"
)
