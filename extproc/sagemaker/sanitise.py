"""What of a container's own words a client may read.

A container's validation message is the only text that tells a caller what to change, but it arrives wrapped in account
ids, ARNs and console links, and now and then with a traceback. Known wrappings are removed; if anything is left that
could name our infrastructure, nothing of the text is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Validation messages are a sentence or two; what is longer is a dump.
MAX_CHARACTERS = 500

# Removed, with the words that lead to them: "See https://… in account 123456789012 for more information."
_WRAPPING = re.compile(
    r"""
      (?:\b(?:see|visit|for\ (?:more|further)\ information,?\ (?:see|visit))\s+)?
      https?://\S+
      (?:\s+in\ account\s+\d{12})?
      (?:\s+for\ more\ information\b)?
      [.,;)]?
    | \b(?:(?:in|of|for|from)\s+)?(?:the\s+)?account\s+\d{12}\b
    | \barn:aws[\w-]*:\S+
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Any of these means that the text is not about the caller's request alone.
_SUSPICIOUS = re.compile(
    r"""
      traceback | \bFile\ " | \bline\ \d+,\ in\b | \.py\b | \bat\ [\w.$]+\([\w.]+:\d+\) | stack\s?trace | core\ dumped
    | \b(?:aws|amazon|amazonaws|sagemaker|cloudwatch|x-amzn?)\b | amazonaws | amzn | \barn: | \bs3:
    | :// | \bwww\. | <html | <!doctype
    | \d{12}
    | \b\d{1,3}(?:\.\d{1,3}){3}\b | \bip-\d+-\d+ | \blocalhost\b | \.(?:internal|local|cluster)\b
    | (?:^|[\s'"=(:,])/(?:opt|usr|home|root|tmp|var|etc|mnt|data|app|srv|dev|workspace|models?|ml)(?:/|\b)
    | [A-Za-z]:\\ | \b0x[0-9a-f]{6,}
    | \b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,} | \bhf_\w{8,} | \bsk-\w{8,} | \beyJ[\w-]{8,}
    | \b(?:password|passwd|secret|credentials?|api[_-]?key|authorization|bearer)\b
    | [A-Za-z0-9+/=_-]{40,}
    | [^\x20-\x7e\u00a0-\u024f\u2010-\u2027]
    """,
    re.IGNORECASE | re.VERBOSE,
)


def presentable(text: str, *, hide: Iterable[str] = ()) -> str | None:
    """The text as a client may see it; None when it must not be shown at all.

    Args:
        text: the container's message.
        hide: names that must not be seen (the endpoint's, say).
    """
    # What is long costs nothing but time, and will not be shown whole.
    text = " ".join(text[: 8 * MAX_CHARACTERS].split())
    for name in hide:
        if name and name in text:
            return None
    text = " ".join(_WRAPPING.sub(" ", text).split())
    if not text or _SUSPICIOUS.search(text):
        return None
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
