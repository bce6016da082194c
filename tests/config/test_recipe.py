"""What a chain is made from."""

from extproc.config.recipe import Recipe


def test_a_chain_like_the_first():
    """The same policies in the same order, failing the same way."""
    recipe = Recipe((("pii-detector", {"action": "block"}), ("dlp-filter", {})), True, {"dlp-filter": False})
    chain = recipe.chain()
    assert list(chain.order) == ["pii-detector", "dlp-filter"]
    assert (chain.fail_open, chain.open) == (True, {"pii-detector"})
