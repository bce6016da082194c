"""JumpStart aliases: names for models, and the context window of each in tokens.

The alias is also the endpoint's name unless the target says otherwise.
"""

from __future__ import annotations

CONTEXT_WINDOWS = {
    "jumpstart-llama-3-3-70b": 131_072,
    "jumpstart-llama-3-1-8b": 131_072,
    "jumpstart-mistral-7b": 32_768,
    "jumpstart-falcon-40b": 8_192,
    "jumpstart-mixtral-8x7b": 32_768,
}
