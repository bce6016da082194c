"""A container's error of any shape as both OpenAI SDKs show it: they lose the words of every shape but OpenAI's.

SageMaker wraps the container's body in a 424; the shapes and who writes them: extproc/sagemaker/container_error.py.
"""

from __future__ import annotations

import json

import pytest

from extproc.sagemaker.container_error import FAILED, MISSING, OVERLOADED, REFUSED

WORDS = "n must be 1 with this model"
# The container's status and body → what the SDKs have: the status, words of the message, type, code, param.
REFUSAL = ("invalid_request_error", None, None)
FAILURE = ("server_error", "model_error", None)
SHAPES = {
    "OpenAI": (
        400,
        {"error": {"message": WORDS, "type": "BadRequestError", "param": "n", "code": "bad_n"}},
        (400, WORDS, "invalid_request_error", "bad_n", "n"),
    ),
    "vLLM": (
        400,
        {"error": {"message": WORDS, "type": "BadRequestError", "param": None, "code": 400}},
        (400, WORDS, *REFUSAL),
    ),
    "older vLLM": (
        400,
        {"object": "error", "message": WORDS, "type": "BadRequestError", "param": None, "code": 400},
        (400, WORDS, *REFUSAL),
    ),
    "TGI": (422, {"error": WORDS, "error_type": "validation"}, (400, WORDS, *REFUSAL)),
    "TGI, failed": (424, {"error": "CUDA error", "error_type": "generation"}, (502, FAILED, *FAILURE)),
    "TGI, full": (
        429,
        {"error": "Model is overloaded", "error_type": "overloaded"},
        (429, OVERLOADED, "rate_limit_error", "rate_limit_exceeded", None),
    ),
    "LMI": (400, {"error": WORDS, "code": 400}, (400, WORDS, *REFUSAL)),
    "DJL": (503, {"code": 503, "type": "WlmCapacityException", "message": "No worker"}, (503, FAILED, *FAILURE)),
    "FastAPI": (400, {"detail": WORDS}, (400, WORDS, *REFUSAL)),
    "FastAPI, list": (422, {"detail": [{"loc": ["body", "n"], "msg": "must be 1"}]}, (400, "n: must be 1", *REFUSAL)),
    "FastAPI, path": (
        404,
        {"detail": "Not Found"},
        (404, MISSING, "invalid_request_error", "model_not_found", None),
    ),
    "AWS": (400, {"ErrorCode": "VALIDATION", "Message": WORDS}, (400, WORDS, *REFUSAL)),
    "dict message": (
        400,
        {"error": {"message": {"error": WORDS, "guard": "g"}, "type": "None", "param": "None", "code": "400"}},
        (400, REFUSED, *REFUSAL),
    ),
    "plain text": (400, WORDS, (400, WORDS, *REFUSAL)),
    "HTML": (500, "<html><body><h1>Internal Server Error</h1></body></html>", (502, FAILED, *FAILURE)),
    "traceback": (
        400,
        'Traceback (most recent call last):\n  File "/opt/ml/model/code/inference.py", line 3, in handle',
        (400, REFUSED, *REFUSAL),
    ),
    "cut": (400, json.dumps({"error": {"message": WORDS, "more": "x" * 3000}}), (400, WORDS, *REFUSAL)),
    "null": (400, "null", (400, REFUSED, *REFUSAL)),
    "nothing": (500, "", (502, FAILED, *FAILURE)),
}
CASES = [f"{shape}, {how}" for shape in SHAPES for how in ("whole", "streamed")]


def row(case: str) -> dict:
    """What a program asks: an endpoint whose container refuses so."""
    shape, _, how = case.rpartition(", ")
    status, body, _ = SHAPES[shape]
    said = body if isinstance(body, str) else json.dumps(body)
    knobs = {"fault": "model-error", "original_status": status, "original_message": said}
    return {
        "name": case,
        "call": "chat.completions.create",
        "with": {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "stream": how == "streamed"},
        "extra": {"emulator": knobs},
    }


@pytest.fixture(scope="module", params=["python", "node"])
def told(request, regions, tmp_path_factory, launch, see):
    """What one SDK saw of each."""
    config = launch.pack(launch.target("chat", regions[0], "chat"))
    gateway = launch.gateway(tmp_path_factory.mktemp("bodies"), config)
    yield gateway, see(request.param, f"{gateway.url}/v1", [row(case) for case in CASES])
    assert gateway.stop() == 0


@pytest.mark.parametrize("case", CASES)
def test_a_containers_words_reach_the_sdk_in_openais_shape(told, case):
    """Message, type, code and param are where SDKs look, and the id is that of the audit line."""
    gateway, everything = told
    status, message, *fields = SHAPES[case.rpartition(", ")[0]][2]
    seen = everything[case]
    assert seen["status"] == status
    assert message in seen["message"]
    assert [seen["type"], seen["code"], seen["param"]] == fields
    assert gateway.audited(seen["request_id"])["status"] == status
