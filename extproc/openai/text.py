"""Where text lives in a request and in a whole answer: all of it, so that no policy can be walked around.

Every string of every message is text unless `places` lists it as structural or binary. Beside the messages:
    prompt, suffix, input                     of completions and embeddings: kind "content", role "user"
    tools[], functions[], response_format     every string but types and names: kind "tool_definition", role "system"
    prediction                                what the answer is expected to be: kind "content", role "assistant"
    any other field of a request              kind "other", role "user" (`user`, `metadata`, `stop`, RAG `documents`),
                                              but those in SETTINGS, which select behaviour by a name
    keys                                      those that are more than a field's name (shape.py): kind "other"
    any other field of a choice or an answer  kind "other", role "assistant", but those in CHOICE_STRUCTURE and
                                              ANSWER_STRUCTURE; the `text` of a legacy completion's choice is "content"
A call's arguments are JSON in a string: they are judged without its escapes (escapes.py).
Not text: numbers, booleans, and `logprobs` and `token_ids` of a choice. Those spell the answer out once more, so
writing a redaction into a choice sets them to null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.openai import places
from extproc.openai.escapes import escaped, unescaped
from extproc.openai.shape import is_key, is_name
from extproc.policies.verdict import Phase, Place, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.openai.document import Document

SETTINGS = frozenset(
    {
        "tool_choice",
        "function_call",
        "service_tier",
        "reasoning_effort",
        "verbosity",
        "modalities",
        "stream_options",
        "audio",
    }
)
# What a completion goes on from, and what is embedded: a text or a list of them.
CONTENT = frozenset({"prompt", "suffix", "input"})
DEFINITIONS = frozenset({"tools", "functions", "response_format"})
ANSWER_STRUCTURE = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "usage"})
# The same text as the message's, token by token.
SPELLED_OUT = ("logprobs", "token_ids")
CHOICE_STRUCTURE = frozenset({"index", "finish_reason", *SPELLED_OUT})

# Of a tool's definition: what it is called and which JSON type a value has. A property's name is a key.
_DEFINITION_NAMES = frozenset({("type",), ("function", "name"), ("name",), ("json_schema", "name"), ("custom", "name")})
_JSON_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})

# Where the functions are named that a model may call.
_DEFINED = (("tools", "function"), ("tools", "custom"), ("tools", None), ("functions", None))

Path = places.Path


@dataclass(frozen=True, slots=True)
class Key:
    """Says of a text that it is itself a key of its container."""

    name: str


@dataclass(slots=True)
class Slot:
    """One text and the place it is written back to, with its escapes again where that is JSON.

    `choice` is the answer's choice that it belongs to.
    """

    text: Text
    _container: Any
    _key: str | int | Key
    _choice: Document | None = None

    def replace(self, new: str) -> None:
        """Write a rewritten text into the document; what spells the old one out goes from its choice."""
        put(self._container, self._key, escaped(new) if self.text.place.is_json else new)
        if self._choice is not None:
            for name in SPELLED_OUT:
                if name in self._choice:
                    self._choice[name] = None


def put(container: Any, key: str | int | Key, new: str) -> None:
    """Write a text back to where it stood. A renamed key comes after the text below it, which goes by the old one."""
    if type(key) is Key:
        container[new] = container.pop(key.name)
    else:
        container[key] = new


def function_names(document: Document) -> frozenset[str]:
    """The names of the functions that a request defines."""
    names = set()
    for field, inner in _DEFINED:
        for tool in document.get(field) or ():
            described = tool if inner is None else tool.get(inner)
            if type(described) is dict and type(described.get("name")) is str:
                names.add(described["name"])
    return frozenset(names)


def request_slots(document: Document) -> list[Slot]:
    """Every text of a request that its endpoint's `parse` accepted, in the order of its fields."""
    slots: list[Slot] = []
    for name, value in document.items():
        if name == "messages":
            for at, message in enumerate(value):
                _add_message(slots, message, ("messages", at), phase=Phase.REQUEST, role=message["role"])
        elif name in DEFINITIONS:
            _add_definitions(slots, document, name)
        elif name == "prediction" and value is not None:
            _add_message(slots, value, ("prediction",), phase=Phase.REQUEST, role="assistant")
        elif name != "model":  # which no container is sent
            kind = "content" if name in CONTENT else "other"
            _add_other(slots, document, name, Phase.REQUEST, "user", kind=kind, settings=name in SETTINGS)
    return slots


def response_slots(document: Document, functions: frozenset[str] | None = None) -> list[Slot]:
    """Every text of a whole answer that `whole_answer.finish` accepted: of each choice, and of fields unknown to us.

    `functions` are those that the request defined; None takes every name that looks like one for a function's.
    """
    slots: list[Slot] = []
    for name, value in document.items():
        if name == "choices":
            for at, choice in enumerate(value):
                _add_choice(slots, choice, at, functions)
        elif name not in ANSWER_STRUCTURE:
            _add_other(slots, document, name, Phase.RESPONSE, "assistant")
    return slots


def strings(container: Any, key: str | int, path: Path) -> Iterator[tuple[Any, str | int | Key, str, Path]]:
    """The string at that key of a container, or every string below it: where it stands, itself, its path.

    A key below it that is more than a name is a string too, and comes after what it is the key of.
    """
    # `type() is` rather than isinstance: orjson makes exactly these types, and every string comes through here.
    value = container[key]
    if type(value) is str:
        yield container, key, value, path
    elif type(value) is dict:
        for name in value:
            yield from strings(value, name, (*path, name))
            if not is_key(name):
                yield value, Key(name), name, (*path, name)
    elif type(value) is list:
        for at in range(len(value)):
            yield from strings(value, at, (*path, at))


def _add_message(
    slots: list[Slot],
    message: Document,
    path: Path,
    *,
    phase: Phase,
    role: str,
    index: int = 0,
    choice: Document | None = None,
    functions: frozenset[str] | None = None,
) -> None:
    for name, value in message.items():
        if name == "content" and type(value) is str:
            # Nearly every message is this and a role: spare it the general way.
            kind = "tool_result" if role in places.TOOL_ROLES else "content"
            slots.append(Slot(Text(Place(phase, role, kind, index, (*path, name)), value), message, name, choice))
            continue
        for container, key, string, below in strings(message, name, (name,)):
            found = places.kind(below, role, string, functions)
            if found is not None:
                place = Place(phase, role, found, index, path + below)
                if place.is_json:
                    plain = unescaped(string)
                    container[key] = escaped(plain)
                    slots.append(Slot(Text(place, plain), container, key, choice))
                else:
                    slots.append(Slot(Text(place, string), container, key, choice))
        if not is_key(name):
            place = Place(phase, role, "other", index, (*path, name))
            slots.append(Slot(Text(place, name), message, Key(name), choice))


def _add_choice(slots: list[Slot], choice: Document, at: int, functions: frozenset[str] | None) -> None:
    index = choice.get("index")
    number = index if type(index) is int else at
    path: Path
    for name, value in choice.items():
        if name == "message" and type(value) is dict:
            path = ("choices", at, name)
            _add_message(
                *(slots, value, path),
                phase=Phase.RESPONSE,
                role="assistant",
                index=number,
                choice=choice,
                functions=functions,
            )
        elif name not in CHOICE_STRUCTURE:
            kind = "content" if name == "text" else "other"  # the text of a legacy completion
            for container, key, string, path in strings(choice, name, ("choices", at, name)):
                place = Place(Phase.RESPONSE, "assistant", kind, number, path)
                slots.append(Slot(Text(place, string), container, key, choice))


def _add_definitions(slots: list[Slot], document: Document, name: str) -> None:
    for container, key, string, path in strings(document, name, (name,)):
        shape = path[1:] if name == "response_format" else path[2:]
        named = shape in _DEFINITION_NAMES and is_name(string)
        if not named and not (key == "type" and string in _JSON_TYPES):
            slots.append(Slot(Text(Place(Phase.REQUEST, "system", "tool_definition", 0, path), string), container, key))


def _add_other(
    slots: list[Slot],
    document: Document,
    name: str,
    phase: Phase,
    role: str,
    *,
    kind: str = "other",
    settings: bool = False,
) -> None:
    for container, key, string, path in strings(document, name, (name,)):
        if settings and is_name(string):
            continue
        slots.append(Slot(Text(Place(phase, role, kind, 0, path), string), container, key))
    if not is_key(name):
        slots.append(Slot(Text(Place(phase, role, "other", 0, (name,)), name), document, Key(name)))
