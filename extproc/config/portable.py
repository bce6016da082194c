"""A Runtime as bytes, for another process of the same program.

Reading and validating a configuration takes pydantic and 14 MiB that stay with a process for its life: who only runs a
configuration is given it in this form.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from typing import Any

from extproc import __version__
from extproc.config.runtime import Runtime
from extproc.policies.chain import Chain

# What a Runtime consists of beside plain values.
_MODULES = ("extproc.config.", "extproc.routing.", "pathlib", "extproc.policies.chain")


class NotPortable(Exception):
    """The bytes are no Runtime of this version of the program."""


def dump(runtime: Runtime) -> bytes:
    """The bytes; the runtime was compiled from a configuration, so that it knows how its chain is made."""
    return pickle.dumps((__version__, replace(runtime, chain=Chain(()))), protocol=pickle.HIGHEST_PROTOCOL)


def load(data: bytes, key: bytes | None = None) -> Runtime:
    """The runtime, with a chain of its own; `key` as of Recipe.chain.

    Raises:
        NotPortable: see there.
    """
    try:
        version, runtime = _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # noqa: BLE001 - bytes may be anything, and every error means the same
        raise NotPortable(type(error).__name__) from None
    if version != __version__ or not isinstance(runtime, Runtime) or runtime.recipe is None:
        raise NotPortable("another version")
    return replace(runtime, chain=runtime.recipe.chain(key))


class _Unpickler(pickle.Unpickler):
    """Makes nothing but what a Runtime consists of."""

    def find_class(self, module: str, name: str) -> Any:
        """A class by its name."""
        if not module.startswith(_MODULES):
            raise pickle.UnpicklingError(module)
        return super().find_class(module, name)
