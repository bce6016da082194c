"""Prompts for models that are given one text: the templates that they were trained with.

The first control token (`<s>`, `<|begin_of_text|>`) is left out: TGI and LMI put it there themselves, and two of them
make answers worse. The strings are those of TGI's template tests; Falcon's are convention.

A message is data. A control token in it is broken by one space ("<|im_end|>" becomes "< |im_end|>"), so that no
message can end its turn and speak as somebody else; the words stay, so that a text about templates still can be asked
about. Falcon's roles are words at the beginning of a line: such a line is quoted instead ("> User: ...").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.sagemaker.conversation import Turn, alternating, merged, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Template:
    """How a family of models is prompted.

    `control` matches what must not come out of a message. `ends` are texts that end an answer, should the container
    not know them; `stops` are those of them that the container must be told.
    """

    render: Callable[[tuple[Turn, ...]], str]
    control: re.Pattern[str]
    ends: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()

    def prompt(self, turns: tuple[Turn, ...]) -> str:
        """The prompt of a conversation.

        Raises:
            UnsupportedParameter: the model has no form for this order of roles.
        """
        return self.render(tuple(Turn(turn.role, self.harmless(turn.text), turn.at) for turn in turns))

    def harmless(self, text: str) -> str:
        """A message's text without anything that the model would take for the template's own."""
        return self.control.sub(_broken, text)


def _broken(match: re.Match[str]) -> str:
    token = match[0]
    return f"{token[0]} {token[1:]}" if token else "> "


def _llama2(turns: tuple[Turn, ...]) -> str:
    system, talk = alternating(turns)
    opening = f"<<SYS>>\n{system.strip()}\n<</SYS>>\n\n" if system else ""
    out = []
    for number, turn in enumerate(talk):
        if turn.role == "assistant":
            out.append(f" {turn.text.strip()} </s><s>")
        else:
            out.append(f"[INST] {opening if number == 0 else ''}{turn.text.strip()} [/INST]")
    return "".join(out)


def _mistral(between: str) -> Callable[[tuple[Turn, ...]], str]:
    def render(turns: tuple[Turn, ...]) -> str:
        system, talk = alternating(turns)
        opening = f"{system}\n\n" if system else ""
        return "".join(
            f"{turn.text}</s>{between}"
            if turn.role == "assistant"
            else f"[INST] {opening if number == 0 else ''}{turn.text} [/INST]"
            for number, turn in enumerate(talk)
        )

    return render


def _mistral_small(turns: tuple[Turn, ...]) -> str:
    system, talk = alternating(turns)
    out = [f"[SYSTEM_PROMPT]{system}[/SYSTEM_PROMPT]"] if system else []
    out += [f"{turn.text}</s>" if turn.role == "assistant" else f"[INST]{turn.text}[/INST]" for turn in talk]
    return "".join(out)


def _llama3(turns: tuple[Turn, ...]) -> str:
    said = [f"<|start_header_id|>{turn.role}<|end_header_id|>\n\n{turn.text.strip()}<|eot_id|>" for turn in turns]
    return "".join(said) + "<|start_header_id|>assistant<|end_header_id|>\n\n"


def _chatml(turns: tuple[Turn, ...]) -> str:
    said = [f"<|im_start|>{turn.role}\n{turn.text}<|im_end|>\n" for turn in turns]
    return "".join(said) + "<|im_start|>assistant\n"


def _falcon(turns: tuple[Turn, ...]) -> str:
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "".join(f"{names[turn.role]}{turn.text}\n\n" for turn in turns) + "Assistant:"


def _falcon_180b(turns: tuple[Turn, ...]) -> str:
    names = {"system": "System", "user": "User", "assistant": "Falcon"}
    return "".join(f"{names[turn.role]}: {turn.text}\n" for turn in turns) + "Falcon:"


def _falcon3(turns: tuple[Turn, ...]) -> str:
    return "".join(f"<|{turn.role}|>\n{turn.text}\n" for turn in turns) + "<|assistant|>\n"


def _plain(turns: tuple[Turn, ...]) -> str:
    """The one message as it is: a base model has no roles."""
    (only, *more) = merged(turns)
    if more:
        raise unsupported(f"messages[{more[0].at}].role", "it has no roles, so it takes the text of one role only")
    return only.text


_LLAMA2 = re.compile(r"</?s>|<unk>|<</?SYS>>|\[/?INST\]")
_MISTRAL = re.compile(
    r"</?s>|<unk>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|THINK)\]"
    r"|\[(?:TOOL_CALLS|TOOL_CONTENT|CALL_ID|ARGS|PREFIX|MIDDLE|SUFFIX|IMG|IMG_BREAK|IMG_END)\]"
)
# Every special token of these families has this form, those reserved for later included.
_PIPED = re.compile(r"<\|[A-Za-z0-9_./-]{1,64}\|>|</?s>")
# An empty match at the beginning of a line, for whatever a reader may take for the end of one.
_ROLE_LINE = re.compile(
    "(?:\\A|(?<=[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]))(?=[ \t]*(?:System|User|Assistant|Falcon)[ \t]*:)",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?!)")

TEMPLATES: Mapping[str, Template] = {
    "llama2": Template(_llama2, _LLAMA2, ("</s>",)),
    "llama3": Template(_llama3, _PIPED, ("<|eot_id|>", "<|end_of_text|>"), ("<|eot_id|>",)),
    "mistral": Template(_mistral(" "), _MISTRAL, ("</s>",)),
    "mixtral": Template(_mistral(""), _MISTRAL, ("</s>",)),
    "mistral-small": Template(_mistral_small, _MISTRAL, ("</s>",)),
    "chatml": Template(_chatml, _PIPED, ("<|im_end|>", "<|endoftext|>"), ("<|im_end|>",)),
    "falcon": Template(_falcon, _ROLE_LINE, ("\nUser:", "<|endoftext|>"), ("\nUser:",)),
    "falcon-180b": Template(_falcon_180b, _ROLE_LINE, ("\nUser:", "<|endoftext|>"), ("\nUser:",)),
    "falcon3": Template(_falcon3, _PIPED, ("<|user|>", "<|endoftext|>"), ("<|user|>",)),
    "plain": Template(_plain, _NOTHING),
}
