r"""JSON inside prose: it is not parsed, and the escape before a value does not hide it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policies import dlp
from extproc.policies.chain import Chain
from extproc.policies.pii import detector
from extproc.policies.verdict import Phase, Place, Text

PLACE = Place(Phase.RESPONSE, "assistant")
CHAIN = Chain((detector.build({}), dlp.build({"secrets": True, "blocked_terms": ["bluebird", "проект"]})))
ESCAPES = [
    r"\n",
    r"\t",
    r"\r\n",
    r"\n\n",
    r"\u00a0",
    r"\u2028",
    r"\u000A",
    r"\u200b",
    r"\u7535\u8bdd",
    r"\ud83d\ude00",
    r"\\n",
]
VALUES = {
    "078-05-1120": "[SSN_REDACTED]",
    "bob@example.com": "[EMAIL_REDACTED]",
    "4111 1111 1111 1111": "[CREDIT_CARD_REDACTED]",
    "+49 30 1234567": "[PHONE_REDACTED]",
    "GB33BUKB20201555555555": "[IBAN_REDACTED]",
    "203.0.113.7": "[IP_ADDRESS_REDACTED]",
    "bluebird": "[BLOCKED_TERM_REDACTED]",
    "проект": "[BLOCKED_TERM_REDACTED]",
    "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8": "[GITHUB_TOKEN_REDACTED]",
    "０７８-05-1120": "[SSN_REDACTED]",
}


def judged(text: str) -> str:
    """The whole text as it may go on."""
    return CHAIN.judge([Text(PLACE, text)]).texts[0]


def streamed(text: str, size: int) -> str:
    """The same of a stream in pieces of so many characters."""
    window = CHAIN.window(PLACE)
    assert window is not None
    pieces = [window.push(text[at : at + size]).text for at in range(0, len(text), size)]
    return "".join([*pieces, window.finish().text])


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("value", VALUES)
def test_no_escape_hides_a_value(escape: str, value: str) -> None:
    """It is redacted between two of them, and they stay whole, however a stream is cut."""
    text = f'Summarise this: {{"a": "{escape}{value}{escape}{value}{escape}"}} now'
    expected = text.replace(value, VALUES[value])
    assert judged(text) == expected
    for size in (1, 2, 3, 5, 8, 50):
        assert streamed(text, size) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"C:\new\table\report.txt C:\temp\readme \\host\files\name1 C:\users\u1234567",
        r"\nu \tau \rho \frac{1}{2} \textbf{42} \nabla_{12} \right) \forall x \newcommand{\foo}[1]{#1}",
        r"^\d{3}-\d{2}-\d{4}$ [\t\r\n]+ \n? (\r\n|\n) \u0041\u00e9 \u{1F600} s/\t/    /g \u00df12",
        r'print("a\n") printf("%d\n", 5) "\n".join(x) f"{a}\t{b}" "1\n2\n3" "line1\nline2\n"',
        r"C:\terms\bluebirds C:\bluebird2 \nbluebirds \tabluebird",
    ],
)
def test_other_backslashes_are_left_alone(text: str) -> None:
    """Paths, LaTeX, regular expressions and code say nothing but what they said."""
    assert judged(text) == text
    assert streamed(text, 3) == text


PIECES = [*ESCAPES, *VALUES, "\\", '\\"', "n", "u00", " ", '"', "C:", ", ", "x", "\u200b"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.integers(1, 20))
def test_a_stream_says_what_the_whole_text_says(text: str, size: int) -> None:
    """To the letter, wherever it is cut."""
    assert streamed(text, size) == judged(text)


@given(st.text(st.sampled_from("abnt01. -@é４\u200b"), max_size=40), st.integers(1, 9))
def test_findings_point_at_values(text: str, size: int) -> None:
    """Positions are those of the text as it was written."""
    quoted = rf"x{text}\n078-05-1120\n"
    found = CHAIN.judge([Text(PLACE, quoted)]).findings
    assert "078-05-1120" in {quoted[finding.start : finding.end] for finding in found}
    assert streamed(quoted, size) == judged(quoted)
