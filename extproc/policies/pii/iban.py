"""IBAN: an international bank account number: a country's length and the mod-97 check (ISO 13616, ISO 7064)."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.policies.base import Span

# In one piece, or in groups of four; words of other lengths that follow are not taken along.
EXPRESSION = (
    r"\b[A-Za-z]{2}\d{2}"
    r"(?:[A-Za-z0-9]{11,30}|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,3})?)"
)

# SWIFT IBAN registry, release 99: total length by country.
_LENGTHS: dict[str, int] = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN", 21: "HR LV LI CH",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def refine(candidate: str, before: str) -> Sequence[Span]:
    """The account number at the candidate's start; what follows it there is other text."""
    del before
    length = _LENGTHS.get(candidate[:2].upper())
    places = [at for at, character in enumerate(candidate) if character not in " -"]
    if length is None or len(places) < length:
        return ()
    end = places[length - 1] + 1
    # A letter or digit right behind it: a longer name that happens to begin like one.
    if candidate[end : end + 1].isalnum():
        return ()
    number = "".join(candidate[at] for at in places[:length]).upper()
    return ((0, end),) if int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1 else ()
