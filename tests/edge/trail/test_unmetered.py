"""The meter of a trail that nobody measures."""

import inspect

from extproc.edge.trail.meter import Meter
from extproc.edge.trail.unmetered import Unmetered


def public(cls):
    """Its methods, and how each is called."""
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_can_be_called_like_a_meter_and_keeps_nothing():
    """A trail needs not ask whether it is measured."""
    assert public(Unmetered) == public(Meter)
    unmetered = Unmetered()
    unmetered.committed(3, 0.5)
    assert unmetered.pending is False
