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
JSON in a string is judged without its escapes (escapes.py): a call's arguments, of a request every text that is an
object or a list of JSON, and of an answer the content, if the request asked for JSON.
Not text: numbers, booleans, and `logprobs` and `token_ids` of a choice. Those spell the answer out once more, so
writing a redaction into a choice sets them to null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extproc.openai import places
from extproc.openai.escapes import escaped, is_document, unescaped
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
# Names all of them, so that there is nothing to judge.
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
# What a completion goes on from, and what is embedded: a text or a list of them.
CONTENT = frozenset({"prompt", "suffix", "input"})
DEFINITIONS = frozenset({"tools", "functions", "response_format"})
ANSWER_STRUCTURE = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "usage"})
CHUNK_STRUCTURE = ANSWER_STRUCTURE | {"choices"}
# The same text as the message's, token by token.
SPELLED_OUT = ("logprobs", "token_ids")
CHOICE_STRUCTURE = frozenset({"index", "finish_reason", *SPELLED_OUT})
PART_STRUCTURE = CHOICE_STRUCTURE | {"delta"}

# Of a tool's definition: what it is called and which JSON type a value has. A property's name is a key.
_DEFINITION_NAMES = frozenset({("type",), ("function", "name"), ("name",), ("json_schema", "name"), ("custom", "name")})
_JSON_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})

# Where the functions are named that a model may call.
_DEFINED = (("tools", "function"), ("tools", "custom"), ("tools", None), ("functions", None))
# Where a request says in which form the answer's content is to be: OpenAI's word, vLLM's, TGI's.
_FORMATS = ("response_format", "structured_outputs", "grammar")
_TELLING = frozenset({*_FORMATS, *(field for field, _ in _DEFINED)})

Path = places.Path
# Of a place: phase, role, kind, choice, path.
Where = tuple[Phase, str, str, int, Path]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request says of its answer: the functions that it may call, and whether its content is to be JSON.

    `functions` None takes every name that looks like one for a function's.
    """

    functions: frozenset[str] | None = None
    json: bool = False

    @classmethod
    def by(cls, document: Document) -> Expected:
        """What that request says."""
        if _TELLING.isdisjoint(document):
            return _NOTHING
        return cls(_function_names(document), any(_asks_json(document.get(name)) for name in _FORMATS))

    def document(self, kind: str) -> bool:
        """Whether the answer's texts of that kind are JSON documents."""
        return self.json and kind == "content"


_ANYTHING = Expected()
_NOTHING = Expected(frozenset())


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


def _asks_json(asked: Any) -> bool:
    # {"type": "json_object"}, {"type": "json_schema", …}, TGI's {"type": "json", …}; vLLM's {"json": …}.
    if type(asked) is not dict:
        return False
    kind = asked.get("type")
    return (type(kind) is str and kind.startswith("json")) or bool(asked.get("json") or asked.get("json_object"))


def _function_names(document: Document) -> frozenset[str]:
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


def response_slots(document: Document, expected: Expected = _ANYTHING) -> list[Slot]:
    """Every text of a whole answer that `whole_answer.finish` accepted: of each choice, and of fields unknown to us."""
    slots: list[Slot] = []
    for name, value in document.items():
        if name == "choices":
            for at, choice in enumerate(value):
                _add_choice(slots, choice, at, expected)
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


def _slot(
    container: Any,
    key: str | int | Key,
    string: str,
    where: Where,
    *,
    choice: Document | None = None,
    expected: Expected = _ANYTHING,
) -> Slot:
    """The slot of a container's string at a key, in that place. JSON is judged without its escapes."""
    phase, role, kind, index, path = where
    document = is_document(string) if phase is Phase.REQUEST else expected.document(kind)
    place = Place(phase, role, kind, index, path, document)
    if not place.is_json:
        return Slot(Text(place, string), container, key, choice)
    plain = unescaped(string)
    if phase is Phase.RESPONSE and type(key) is not Key:
        # Whether an escape is needed or not cannot be seen in a stream, which must say the same.
        container[key] = escaped(plain)
    return Slot(Text(place, plain), container, key, choice)


def _add_message(
    slots: list[Slot],
    message: Document,
    path: Path,
    *,
    phase: Phase,
    role: str,
    index: int = 0,
    choice: Document | None = None,
    expected: Expected = _ANYTHING,
) -> None:
    for name, value in message.items():
        if name == "content" and type(value) is str:
            # Nearly every message is this and a role: spare them the general way.
            kind = "tool_result" if role in places.TOOL_ROLES else "content"
            where: Where = (phase, role, kind, index, (*path, name))
            slots.append(_slot(message, name, value, where, choice=choice, expected=expected))
            continue
        if name == "role" and type(value) is str and value in ROLES:
            continue
        for container, key, string, below in strings(message, name, (name,)):
            found = places.kind(below, role, string, expected.functions)
            if found is not None:
                where = (phase, role, found, index, path + below)
                slots.append(_slot(container, key, string, where, choice=choice, expected=expected))
        if not is_key(name):
            place = Place(phase, role, "other", index, (*path, name))
            slots.append(Slot(Text(place, name), message, Key(name), choice))


def _add_choice(slots: list[Slot], choice: Document, at: int, expected: Expected) -> None:
    index = choice.get("index")
    number = index if type(index) is int else at
    path: Path
    for name, value in choice.items():
        if name == "message" and type(value) is dict:
            path = ("choices", at, name)
            _add_message(
                slots,
                value,
                path,
                phase=Phase.RESPONSE,
                role="assistant",
                index=number,
                choice=choice,
                expected=expected,
            )
        elif name not in CHOICE_STRUCTURE:
            kind = "content" if name == "text" else "other"  # the text of a legacy completion
            for container, key, string, path in strings(choice, name, ("choices", at, name)):
                where = (Phase.RESPONSE, "assistant", kind, number, path)
                slots.append(_slot(container, key, string, where, choice=choice, expected=expected))


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
        slots.append(_slot(container, key, string, (phase, role, kind, 0, path)))
    if not is_key(name):
        slots.append(Slot(Text(Place(phase, role, "other", 0, (name,)), name), document, Key(name)))
