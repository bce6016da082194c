r"""Classification markings: what a document says of its own secrecy, by the dlp-filter's `sensitivity_level`.

`standard` looks for none. `high` finds markings that stand as markings do: government banners and portion marks with
their double slash, control words (NOFORN, ORCON), the Traffic Light Protocol's red and amber, a line that is nothing
but a marking, and a field ("Classification: Confidential"). `restricted` also finds those of several words in running
text ("for internal use only") and one at the head of a line ("CONFIDENTIAL - page 3"). A single word in a sentence,
capitals or not, is no marking: of 26,000 ordinary prompts ten hold "TOP SECRET" or "CONFIDENTIAL".
Sources: the US CAPCO register's banner and portion marks (32 CFR 2001.23), 32 CFR 2002 for CUI, FIRST's TLP 2.0.
"""

from __future__ import annotations

# Alone they are ordinary words, so only in capitals; the phrases below are markings in any case.
_WORDS = "TOP SECRET|SECRET|CONFIDENTIAL|RESTRICTED|PROPRIETARY"
_PHRASES = (
    "(?:strictly|highly|company|business|private (?:and|&)) confidential|commercial in confidence"
    "|(?:for )?(?:internal|official) use only|internal only|(?:company|confidential (?:and|&)) proprietary"
    "|proprietary (?:and|&) confidential|attorney[ -]client privileged?|privileged (?:and|&) confidential"
    "|not for (?:public )?(?:release|distribution)|official[ -]sensitive"
)
_CAVEATS = r"//[A-Z][A-Z0-9 ,/-]{0,40}[A-Z0-9]"
_EDGE = r"[ \t*#=_>()\[\]!.:~-]{0,16}"

_FIELDS = "(?i:(?:security |data )?classification|sensitivity(?: (?:level|label))?)"
_VALUES = "(?i:top secret|secret|(?:strictly |highly )?confidential|(?:highly )?restricted|internal(?: use)? only)"

_HIGH = (
    rf"\b(?:TOP SECRET|SECRET|CONFIDENTIAL|UNCLASSIFIED|CONTROLLED|CUI){_CAVEATS}",
    rf"\((?:TS|S|C|U|CUI){_CAVEATS}\)",
    r"\b(?:NOFORN|ORCON|TLP:(?:RED|AMBER(?:\+STRICT)?))\b",
    rf"(?m)^{_EDGE}(?:{_WORDS}|(?i:{_PHRASES})){_EDGE}$",
    rf"\b{_FIELDS}[ \t]{{0,4}}[:=][ \t]{{0,4}}{_VALUES}\b",
)
_RESTRICTED = (
    rf"(?m)^{_EDGE}(?:{_WORDS})[ \t]{{1,3}}[|/\x{{2013}}\x{{2014}}-][ \t]",
    r"\b(?:NATO (?:SECRET|CONFIDENTIAL|RESTRICTED)|HIGHLY CONFIDENTIAL)\b",
    rf"\b(?i:{_PHRASES.replace('|highly', '')})\b",
)
EXPRESSIONS: dict[str, tuple[str, ...]] = {"standard": (), "high": _HIGH, "restricted": (*_HIGH, *_RESTRICTED)}
