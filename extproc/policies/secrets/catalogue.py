"""The catalogue: every kind of secret that `secrets: true` looks for, and its rules."""

from __future__ import annotations

from extproc.policies.secrets.assigned import ASSIGNED
from extproc.policies.secrets.embedded import EMBEDDED
from extproc.policies.secrets.tokens import TOKENS

# (name in findings and refusals, expression, refinement); several expressions may have one name.
CATALOGUE = (*TOKENS, *EMBEDDED, *ASSIGNED)
NAMES = tuple(dict.fromkeys(name for name, _, _ in CATALOGUE))
