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
