"""What a whole text is asked before an expression is searched for: it lets through every text with anything to find."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policies.pii.detector import ENTITIES, GATES, build
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.REQUEST, "user")
POLICY = build({"entities": list(ENTITIES)})
GATED = [rule for rule in POLICY.rules(PLACE) if rule.gate]
PIECES = {
    "PHONE": [
        *("+49 30 1234567", "(415) 555-2671", "4155552671", "555-2671", "415.555.2671", "+1", "020 7946 0958", "0158"),
        *(
            "01.42.68.53.00",
            "73 448 266",
            "call me",
            "phone",
            "Téléphone",
            "number is",
            " at ",
            "tel",
            ": ",
            "(",
            "x12",
        ),
        *("x12", " office", "- fax", " home", "00", "1 ", "ext. 5", "é", "ID ", "  "),
    ],
    "IP_ADDRESS": [
        *("2001:db8", "::", ":", "fe80", "add", "std", "10:30", "12:34:56", "1:2:3:4:5:6", "1:2:3:4:5:6:7:8", "0", "g"),
        *(" ", "é", "7"),
    ],
    "CREDIT_CARD_EXPIRY": [
        *(
            "card",
            "Visa",
            "4111 1111 1111 1111",
            "exp",
            "expires",
            "expiration",
            "expiración",
            "valid thru",
            "good thru",
        ),
        *("good thru", " ", ": ", ", ", " on the ", "date", "12/27", "1 - 2031", "13/99", "é", "."),
    ],
    "SSN": [
        *("zero", "seven", "eight", "one", "two", "oh", "double", "triple", "dash", "0", "7", "8", "1", "2", " ", ", "),
        *("-", " - ", "(", ") ", "plus ", "+ ", "ssn ", "four one five", "five five five", "two six seven one"),
    ],
}
PIECES["CREDIT_CARD"] = [*PIECES["SSN"], "four one one one", "one one one one "]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """An entity, and pieces of its values and of what stands around them."""
    entity = draw(st.sampled_from(sorted(PIECES)))
    pieces = st.sampled_from(PIECES[entity])
    between = draw(st.sampled_from(["", "", " "]))
    return entity, between.join(draw(st.lists(pieces, max_size=14)))


@given(texts())
@settings(max_examples=1500, deadline=None)
def test_what_is_confirmed_passes_the_gate(case: tuple[str, str]) -> None:
    """Wherever an expression and its refinement find something, its gate matches."""
    entity, text = case
    data = text.encode()
    for rule in GATED:
        if rule.gate is None or rule.name not in (entity, "PHONE"):
            continue
        for match in rule.pattern.compiled.finditer(data):
            before, candidate = data[: match.start()].decode(), match.group().decode()
            if rule.refine(candidate, before[-48:]):
                assert rule.gate.compiled.search(data), candidate


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("PHONE", "+49 30 1234567"),
        ("PHONE", "(415) 555-2671"),
        ("PHONE", "415.555.2671"),
        ("PHONE", "415 555 2671"),
        ("PHONE", "01.42.68.53.00"),
        ("PHONE", "call me at the number: 4155552671"),
        ("PHONE", "73 448 266 x5 office"),
        ("PHONE", "four one five five five five two six seven one"),
        ("IP_ADDRESS", "2001:db8::1"),
        ("IP_ADDRESS", "1:2:3:4:5:6:7:8"),
        ("IP_ADDRESS", "1:2:3:4:5:6::8"),
        ("CREDIT_CARD_EXPIRY", "card 4111 1111 1111 1111, expires 12/27"),
        ("SSN", "oh seven eight oh five one one two oh ssn 0 7 8 - 0 5 - 1 1 2 0"),
        ("CREDIT_CARD", "four, one, one, one, one, one, one, one, one, one, one, one, one, one, one, one"),
    ],
)
def test_values_behind_each_way_through(entity: str, text: str) -> None:
    """Each form that a gate knows is found in a text of its own."""
    assert entity in {rule.name for rule, _, _ in POLICY.rule_set.scan(Text(PLACE, text))}


@pytest.mark.parametrize(
    "text",
    [
        "from 1999-2002 and 2021-02-15, about 1000000 of 123456678909875432 (1914-1922)",
        "at 10:30, 10:30:15 and std::vector<a::b>",
        "3/4 of 12-15",
        "1, 2, 3, 4, 5, 6, 7, 8, 9",
    ],
)
def test_common_numbers_are_not_even_looked_at(text: str) -> None:
    """Years, sums, times of day, fractions and lists of digits pass no gate."""
    assert len(GATED) == 6
    assert set(GATES) == {rule.pattern.source for rule in GATED}
    assert not [rule.name for rule in GATED if rule.gate and rule.gate.compiled.search(text.encode())]
