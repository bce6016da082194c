"""The alias table of the integration page."""

from __future__ import annotations

from extproc.config.jumpstart import CONTEXT_WINDOWS
from extproc.config.provider import resolve


def test_the_five_documented_aliases() -> None:
    """Each alias of the page has its window: 128k, 32k and 8k in binary thousands."""
    assert {alias: tokens // 1024 for alias, tokens in CONTEXT_WINDOWS.items()} == {
        "jumpstart-llama-3-3-70b": 128,
        "jumpstart-llama-3-1-8b": 128,
        "jumpstart-mistral-7b": 32,
        "jumpstart-falcon-40b": 8,
        "jumpstart-mixtral-8x7b": 32,
    }


def test_each_alias_is_an_endpoint_name() -> None:
    """An alias can stand for the endpoint by itself."""
    names = [
        resolve(f"sagemaker:chat:{alias}", forced=False, model=None, endpoint_name=None) for alias in CONTEXT_WINDOWS
    ]
    assert [name.name for name in names] == list(CONTEXT_WINDOWS)
