"""The counts of one process, or of several added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from extproc.metrics.families import BY_NAME
from extproc.metrics.family import GAUGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.metrics.family import Family

# By a family's name, pairs of label values and a cell. As JSON can hold it.
Snapshot = Mapping[str, Sequence[tuple[Sequence[str], Sequence[float]]]]


class Tally:
    """Cells by family and label values. A cell has one owner, who counts in it without asking anybody."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells: dict[Family, dict[tuple[str, ...], list[float]]] = {}

    def cell(self, family: Family, *labels: str) -> list[float]:
        """The cell to count in; the same one each time."""
        cells = self._cells.setdefault(family, {})
        found = cells.get(labels)
        # Two threads that ask at once get the same one.
        return cells.setdefault(labels, family.cell) if found is None else found

    def set(self, family: Family, value: float, *labels: str) -> None:
        """Let a gauge say this."""
        self.cell(family, *labels)[0] = value

    def snapshot(self) -> Snapshot:
        """All of it, as it is now."""
        return {family.name: [(labels, list(cell)) for labels, cell in cells] for family, cells in self}

    def add(self, snapshot: Snapshot, *, alive: bool = True) -> None:
        """Count what another process has counted. One that is not alive has no gauges any more.

        What this version does not know, or counts in another form, is left out.
        """
        for name, cells in snapshot.items():
            family = BY_NAME.get(name)
            if family is None or (family.kind == GAUGE and not alive):
                continue
            known = self._cells.setdefault(family, {})
            for labels, values in cells:
                if len(labels) != len(family.labels) or len(values) != len(family.cell):
                    continue
                key, told = tuple(labels), list(values)
                if (cell := known.get(key)) is None:
                    known[key] = told
                else:
                    family.add(cell, told)

    def __iter__(self) -> Iterator[tuple[Family, list[tuple[tuple[str, ...], list[float]]]]]:
        """Each family with its cells. Safe while others count."""
        return iter([(family, list(cells.items())) for family, cells in list(self._cells.items())])
