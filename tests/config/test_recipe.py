"""What a chain is made from."""

from extproc.config.recipe import Recipe
from extproc.policies.memory import Memory


def test_a_chain_like_the_first():
    """The same policies in the same order, failing the same way."""
    recipe = Recipe((("pii-detector", {"action": "block"}), ("dlp-filter", {})), True, {"dlp-filter": False})
    chain = recipe.chain()
    assert list(chain.order) == ["pii-detector", "dlp-filter"]
    assert (chain.fail_open, chain.open) == (True, {"pii-detector"})


def test_with_a_key_a_chain_remembers():
    """Policies that can remember do, each chain's with a memory of its own; without a key none does."""
    recipe = Recipe((("prompt-injection", {}), ("pii-detector", {})))
    first, second = (recipe.chain(bytes(32)).policies[0].memory for _ in range(2))
    assert isinstance(first, Memory)
    assert isinstance(second, Memory)
    assert first is not second
    assert recipe.chain().policies[0].memory is None
