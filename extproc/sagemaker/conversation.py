"""A chat's messages as turns of plain text, for containers that take no more than that.

Whatever of a message is not text is refused by its path: an image, a call of a tool, what a tool returned. What
OpenAI's own templates leave out too is left out: the reasoning of earlier answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.errors import UnsupportedParameter
from extproc.openai.places import REASONING

if TYPE_CHECKING:
    from extproc.openai.call import Call
    from extproc.openai.document import Document

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# What an SDK's copy of an earlier answer carries besides its text, and a prompt has no place for.
_LEFT_OUT = frozenset({"role", "content", "refusal", "annotations", *REASONING})


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `role` is system, user or assistant; `at` is its place among the messages, for refusals."""

    role: str
    text: str
    at: int


def turns(call: Call) -> tuple[Turn, ...]:
    """Every message as a turn.

    Raises:
        UnsupportedParameter: a role, a content part or a field of a message is not text; `param` is its path.
    """
    return tuple(_turn(message, at) for at, message in enumerate(call.document["messages"]))


def merged(given: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Neighbours of one role joined by an empty line, as models that demand alternation need them."""
    out: list[Turn] = []
    for turn in given:
        if out and out[-1].role == turn.role:
            out[-1] = Turn(turn.role, f"{out[-1].text}\n\n{turn.text}", out[-1].at)
        else:
            out.append(turn)
    return tuple(out)


def alternating(given: tuple[Turn, ...]) -> tuple[str, tuple[Turn, ...]]:
    """The system text, and turns of user and assistant in strict alternation, a user's first and last.

    System messages after the beginning count as the user's: these models know no other place for them.

    Raises:
        UnsupportedParameter: the assistant speaks first or last.
    """
    given = merged(given)
    system = given[0].text if given[0].role == "system" else ""
    rest = given[1:] if given[0].role == "system" else given
    talk = merged(tuple(Turn("user", turn.text, turn.at) if turn.role == "system" else turn for turn in rest))
    if not talk:
        # A system message alone is all that there is to answer.
        return "", (Turn("user", system, given[0].at),)
    for turn in (talk[0], talk[-1]):
        if turn.role != "user":
            raise unsupported(
                f"messages[{turn.at}].role", "this model's conversations begin and end with a message of the user"
            )
    return system, talk


def unsupported(param: str, why: str) -> UnsupportedParameter:
    """The refusal of one parameter by name."""
    return UnsupportedParameter(f"'{param}' is not supported by this model: {why}.", param=param)


def _turn(message: Document, at: int) -> Turn:
    role = ROLES.get(message["role"])
    if role is None:
        raise unsupported(f"messages[{at}].role", "it takes messages of the system, the user and the assistant only")
    for name, value in message.items():
        if name not in _LEFT_OUT and value not in (None, "", [], {}):
            # The name of a field is the client's own text, yet no more than a key that it sent itself.
            raise unsupported(f"messages[{at}].{name[:64]}", "it takes text only")
    content = message.get("content")
    if isinstance(content, list):
        text = "".join(_part(part, f"messages[{at}].content[{number}]") for number, part in enumerate(content))
    else:
        text = content if content is not None else message.get("refusal") or ""
    return Turn(role, text if isinstance(text, str) else "", at)


def _part(part: Any, param: str) -> str:
    for kind in ("text", "refusal"):
        if part.get("type") == kind and isinstance(part.get(kind), str):
            return str(part[kind])
    raise unsupported(param, "it takes text only")
