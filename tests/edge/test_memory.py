"""What is asked of the allocator and the collector."""

import ctypes
import gc
from types import SimpleNamespace

import pytest

from extproc.edge import memory


@pytest.fixture
def asked(monkeypatch):
    """What a C library is asked, in order; it has nothing but what the first argument names."""

    def library(*names):
        calls = []
        has = {name: (lambda *given, name=name: calls.append((name, *given))) for name in names}
        monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(**has))
        return calls

    return library


def test_large_blocks_go_back_as_soon_as_they_are_free(asked):
    """The parameters of mallopt(3), by their numbers; TRIM, MMAP and ARENA_MAX."""
    calls = asked("mallopt", "malloc_trim")
    memory.bound()
    assert calls == [("mallopt", -3, 131_072), ("mallopt", -1, 1_048_576), ("mallopt", -8, 2)]


def test_another_c_library_is_left_alone(asked):
    """One without these functions is asked nothing."""
    calls = asked()
    memory.bound()
    memory.trim()
    assert calls == []


def test_what_was_loaded_is_not_looked_at_again(asked):
    """It leaves the collector's generations, and free pages are given back."""
    calls, before = asked("mallopt", "malloc_trim"), gc.get_threshold()
    try:
        memory.settle()
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold() == (memory.YOUNGEST, *before[1:])
        assert calls == [("malloc_trim", 0)]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
