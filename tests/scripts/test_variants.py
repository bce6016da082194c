"""What scripts/bench asks: the same work of everybody, each in the way it wants to be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.mark.parametrize(("kind", "tokens"), [("unary", 328), ("stream", 100), ("paced", 200)])
def test_call_asks_for_a_fixed_answer(program, kind, tokens):
    """A call has a prompt of exactly so many bytes and tells the emulator how many tokens to answer with."""
    document = json.loads(program("variants").call(kind, prompt_bytes=2048, answer_tokens=328, model="m"))
    assert len(document["messages"][0]["content"].encode()) == 2048
    assert document["emulator"] == {"tokens": tokens, **({"delay_ms": 20} if kind == "paced" else {})}
    assert (document["model"], document.get("stream", False)) == ("m", kind != "unary")


@pytest.mark.parametrize(("kind", "turns", "varied"), [("unary", 1, 1), ("continued", 20, 1), ("strange", 20, 20)])
def test_each_call_says_something_new(program, kind, turns, varied):
    """One call's texts all differ, and so many of them from one call to the next; the last one always."""
    variants, varying = program("variants"), program("varying")
    asked = varying.Varying(variants.call(kind, prompt_bytes=2048, answer_tokens=9), 0)
    first, second = ([each["content"] for each in json.loads(asked())["messages"]] for _ in range(2))
    assert len(set(first)) == len(first) == turns
    assert len(set(first) - set(second)) == varied
    assert first[-1] != second[-1]
    assert list(map(len, first)) == list(map(len, second))


def test_a_conversation_is_one(program):
    """The system's message comes first, the user's last; each has a KiB, and the answer is as long as others'."""
    document = json.loads(program("variants").call("continued", prompt_bytes=9, answer_tokens=328))
    roles = [each["role"] for each in document["messages"]]
    assert roles == ["system", "user", *["assistant", "user"] * 9]
    assert {len(each["content"].encode()) for each in document["messages"]} == {1024}
    assert document["emulator"] == {"tokens": 328}


def test_http_is_a_whole_request(program, tmp_path):
    """The file holds request line, headers, a true content-length, and the body."""
    file = program("variants").http(tmp_path / "x.http", "/v1/x", {"host": "h"}, b"{12}")
    head, _, body = file.read_bytes().partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1/x HTTP/1.1", b"host: h", b"content-type: application/json", b"content-length: 4"
    ]  # fmt: skip
    assert body == b"{12}"


def test_variant_in_one_counts_every_process(program):
    """To be compared with what has other parts, Envoy, workers and supervisor become one part; requests stay."""
    variants = program("variants")
    variant = variants.Variant("x", 1, {"envoy": [2], "workers": [3, 4]}, Path)
    one = variant.in_one(5)
    assert one.parts == {"all": [2, 3, 4, 5]}
    assert (one.name, one.port, one.request) == ("x", 1, Path)
    assert variant.in_one().parts == {"all": [2, 3, 4]}


def test_bare_envoy_has_one_route_to_the_upstream(program):
    """Everything goes to one cluster, and what is said about the route's action stands there."""
    config = program("variants").bare_envoy(1, 2, host_rewrite_literal="h")["static_resources"]
    manager = config["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    (route,) = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert route["route"] == {"cluster": "all", "host_rewrite_literal": "h"}
    assert [each["name"] for each in manager["http_filters"]] == ["router"]
    endpoint = config["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    assert endpoint["address"]["socket_address"]["port_value"] == 2
