"""The stream window that puts a vault's values back: it comes after the hold-back of the policies.

Policies so judge the model's own text, in which placeholders stand, and never see a value that was put back. What may
still become a placeholder of this vault is held, and nothing else; so what comes out is `Vault.restore` of the whole,
however it is cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.policies.verdict import Released

if TYPE_CHECKING:
    from extproc.policies.vault import Vault
    from extproc.policies.verdict import Place, StreamWindow


class Restoring:
    """A StreamWindow. `window` is the policies' own for that place: None where none of them looks."""

    __slots__ = ("_in_json", "_kept", "_vault", "_window")

    def __init__(self, window: StreamWindow | None, vault: Vault, place: Place) -> None:
        self._window = window
        self._vault = vault
        self._in_json = place.is_json
        self._kept = ""

    @property
    def held(self) -> int:
        """Characters held back at present, by the policies and here."""
        return len(self._kept) + (0 if self._window is None else self._window.held)

    def push(self, text: str) -> Released:
        """Take the next piece; release what neither a rule nor a placeholder can still reach."""
        released = Released(text) if self._window is None else self._window.push(text)
        if not self._kept and "[" not in released.text and not released.text.endswith("\\"):
            # Nearly every piece: nothing begins in it.
            return released
        passed = self._kept + released.text
        end = len(passed) - self._vault.begun(passed)
        self._kept = passed[end:]
        return replace(released, text=self._vault.restore(passed[:end], in_json=self._in_json))

    def finish(self) -> Released:
        """The place has ended: release what is held."""
        released = Released("") if self._window is None else self._window.finish()
        passed, self._kept = self._kept + released.text, ""
        return replace(released, text=self._vault.restore(passed, in_json=self._in_json)) if passed else released
