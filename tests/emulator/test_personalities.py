"""Which behaviour an endpoint has."""

from __future__ import annotations

import pytest

from extproc.emulator import answer
from extproc.emulator.personalities import (
    IN_STREAM,
    KINDS,
    container_of,
    is_kind,
    kind_of,
    original_status,
    table,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("my-endpoint", "chat"),
        ("chat-2", "chat"),
        ("throttle", "throttle"),
        ("throttle-east", "throttle"),
        ("throttled", "chat"),
        ("reset", "reset"),
        ("reset-midstream", "reset-midstream"),
        ("reset-midstream--after1", "reset-midstream"),
        ("reset-mid", "reset"),
        ("missing-one", "missing"),
        ("model-error-503-b", "model-error"),
        ("my-throttle", "chat"),
        ("tei-2", "tei"),
        ("lmi-embedding-2", "lmi-embedding"),
        ("lmi-2", "lmi"),
    ],
)
def test_the_longest_kind_at_the_beginning_wins(name, kind) -> None:
    """A name has the kind that it is, or begins with before a hyphen."""
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("name", "status"), [("model-error", 500), ("model-error-0", 0), ("model-error-429-x", 429), ("model-error-x", 500)]
)
def test_a_model_error_names_its_status(name, status) -> None:
    """The number after model-error is the container's status."""
    assert original_status(name) == status


@pytest.mark.parametrize(
    ("name", "known"), [("throttle", True), ("model-error-503", True), ("throttle-x", False), ("", False)]
)
def test_faults_are_called_exactly(name, known) -> None:
    """A fault that is set by name must be a kind as it stands."""
    assert is_kind(name) is known


def test_every_kind_is_documented_and_chosen_by_its_own_name() -> None:
    """--help lists every kind, and an endpoint called like a kind has it."""
    rows = {line.split()[0] for line in table().splitlines()}
    assert rows == KINDS
    assert {kind for kind in KINDS if kind_of(kind) == kind} == KINDS


def test_every_fault_of_a_stream_exists() -> None:
    """The table of stream faults and the code that makes them name the same kinds."""
    assert set(IN_STREAM) == set(answer._STREAM_FAULTS)


@pytest.mark.parametrize(
    ("name", "endpoint", "container", "fault"),
    [
        ("tei", "tei", "tei", ""),
        ("tei-vector-missing", "tei-vector-missing", "tei", "vector-missing"),
        ("lmi-embedding-error-200", "lmi-embedding-error-200", "lmi-embedding", "error-200"),
        ("chat-truncated", "chat-truncated", "chat", "truncated"),
        ("jsonlines-truncated", "jsonlines-truncated", "jsonlines", "truncated"),
        ("truncated", "truncated", "chat", "truncated"),
        ("truncated", "tgi-2", "tgi", "truncated"),
        ("not-json", "voyage", "voyage", "not-json"),
        ("truncated", "bad-crc", "chat", "truncated"),
        ("vectors-text", "cohere--write3", "cohere", "vectors-text"),
        ("vectors-shuffled", "my-endpoint", "vllm-embedding", "vectors-shuffled"),
        ("vector-missing", "vector-missing", "vllm-embedding", "vector-missing"),
        ("error-200", "my-endpoint", "chat", "error-200"),
        ("tei", "my-endpoint", "tei", ""),
        ("my-truncated", "my-truncated", "chat", ""),
    ],
)
def test_a_fault_is_had_by_the_container_it_is_set_on(name, endpoint, container, fault) -> None:
    """Set or part of the name, a fault of an answer leaves the container what it is; vectors need one that has any."""
    assert container_of(name, endpoint) == (container, fault)
