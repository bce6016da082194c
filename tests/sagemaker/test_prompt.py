"""The prompt of a target."""

from __future__ import annotations

import pytest

from extproc.errors import GatewayMisconfigured, UnsupportedParameter
from extproc.openai.call import Call
from extproc.routing.targets import Target
from extproc.sagemaker import prompt
from extproc.translate import TRANSLATORS, translator

CALL = Call("m", False, False, {"messages": [{"role": "user", "content": "Hi"}]})


def target(template: str | None) -> Target:
    """A target with that template."""
    return Target(id="t", endpoint="e", models=("m",), region="us-east-1", prompt_template=template)


def test_a_conversation_is_prompted_by_the_targets_template() -> None:
    """And its container is told where answers end."""
    assert prompt.of(CALL, target("falcon")) == "User: Hi\n\nAssistant:"
    assert prompt.stops(CALL, target("falcon")) == ("\nUser:",)


@pytest.mark.parametrize(("prompts", "text"), [("<s>Hi", "<s>Hi"), (["Hi"], "Hi")])
def test_a_completions_prompt_stays_as_it_is(prompts: str | list[str], text: str) -> None:
    """Neither template nor its ends are for it, and no token in it is broken."""
    call = Call("m", False, False, {"prompt": prompts}, "completion")
    assert prompt.of(call, target("falcon")) == text
    assert prompt.stops(call, target("falcon")) == ()


def test_a_container_takes_one_prompt() -> None:
    """Several are refused by name."""
    with pytest.raises(UnsupportedParameter) as refused:
        prompt.of(Call("m", False, False, {"prompt": ["a", "b"]}, "completion"), target(None))
    assert refused.value.param == "prompt"


@pytest.mark.parametrize("dialect", sorted(dialect for endpoint, dialect in TRANSLATORS if endpoint == "chat"))
def test_formats_that_need_a_template_are_known(dialect: str) -> None:
    """Exactly those that lint demands one for cannot ask without it."""
    if dialect not in prompt.PROMPTED:
        assert b"Hi" in translator("chat", dialect).request(CALL, target(None))
        return
    with pytest.raises(GatewayMisconfigured):
        translator("chat", dialect).request(CALL, target(None))
