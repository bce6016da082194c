r"""From an expression, the one that also says whether a match could still be reached past the end of the text.

`awaiting(tree)` is the expression with every atom `a` written `(?:a|\x00?\z)` and every assertion `A` written
`(?:\x00?\z|A)`, run over the text so far plus one NUL. On a path that gets as far as that last NUL everything left is
satisfied for nothing. RE2 searches leftmost and prefers earlier alternatives, so its match is exactly one of:

* it ends at or before the end of the text: a true match, preferred to whatever more text could bring. It is final,
  lazy and greedy alike;
* it ends after it: from its start a path preferred to every match so far is still open. More text decides.

A NUL in the text itself changes nothing: `\x00\z` only ever fits the last one. An assertion at the end of the text is
open, because what follows is not known yet.

`approaching(tree)` runs over the text itself: it finds a match or an open path of at least one character, without
caring which is preferred; followed by `\z`, only what reaches the end. The idea of a reachable-prefix expression is
from lazy-DFA scanners; preference is what `awaiting` adds to it.
"""

from __future__ import annotations

from extproc.policies.syntax import Assertion, Atom, Choice, Node, Repeat, Sequence, nullable

# What a path matches for nothing at the end: the NUL once, and the end itself ever after.
_OPEN = r"\x00?\z"
_END = r"\z"


def awaiting(node: Node, end: str = _OPEN) -> str:
    """The expression that ends past the text's end exactly where a preferred match is still open."""
    match node:
        case Atom(source):
            return f"(?:{source}|{end})"
        case Assertion(source):
            return f"(?:{end}|{source})"
        case Sequence(parts):
            return "".join(awaiting(part, end) for part in parts) or "(?:)"
        case Choice(branches):
            return f"(?:{'|'.join(awaiting(branch, end) for branch in branches)})"
        case Repeat(body, least, most, greedy):
            return f"(?:{awaiting(body, end)}){_bounds(least, most)}{'' if greedy else '?'}"


def approaching(node: Node) -> str | None:
    """The same, but at least one character is consumed; None when the node cannot consume any."""
    match node:
        case Atom(source):
            return source
        case Assertion():
            return None
        case Sequence(parts):
            branches = []
            skipped = ""
            for at, part in enumerate(parts):
                first = approaching(part)
                if first:
                    branches.append(skipped + first + awaiting(Sequence(parts[at + 1 :]), _END))
                if not nullable(part):
                    break
                skipped += _empty(part)
            return _either(branches)
        case Choice(branches):
            return _either([first for first in map(approaching, branches) if first])
        case Repeat(body, least, most):
            first = approaching(body)
            if not first or most == 0:
                return None
            rest = _bounds(max(least - 1, 0), None if most is None else most - 1)
            return f"(?:{first}(?:{awaiting(body, _END)}){rest})"


def _empty(node: Node) -> str:
    """What a nullable node demands when it consumes nothing: its assertions."""
    match node:
        case Assertion(source):
            return source
        case Sequence(parts):
            return "".join(map(_empty, parts))
        case Choice(branches):
            return f"(?:{'|'.join(_empty(branch) for branch in branches if nullable(branch))})"
        case Repeat(body, least) if least > 0:
            return _empty(body)
        case _:
            return ""


def _either(branches: list[str]) -> str | None:
    return f"(?:{'|'.join(branches)})" if branches else None


def _bounds(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"
