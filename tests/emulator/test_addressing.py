"""What stands behind an emulated endpoint, asked for by AWS's own client."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from extproc.emulator.addressing import HEADERS, SERVERLESS_BYTES


def refused(call, **parameters):
    """The error's code, status and message."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


@pytest.mark.parametrize(
    ("endpoint", "parameters"),
    [
        ("components", {"InferenceComponentName": "copy-1"}),
        ("multi-model", {"TargetModel": "team a/model.tar.gz"}),
        ("chat", {"TargetVariant": "blue", "TargetContainerHostname": "second", "InferenceId": "x y"}),
        ("chat", {"PrefixAwareId": "p" * 64, "CustomAttributes": "a" * 1024, "SessionId": "s-1"}),
        ("serverless", {}),
    ],
)
def test_what_is_there_answers(client, chat, endpoint, parameters) -> None:
    """A named component, model, variant or container is the echo container."""
    answer = client.invoke_endpoint(EndpointName=endpoint, Body=chat(), **parameters)
    assert b"Hello wide world" in answer["Body"].read()


@pytest.mark.parametrize(
    ("endpoint", "parameters", "said"),
    [
        ("components", {}, "header is required"),
        ("components", {"InferenceComponentName": "missing-1"}, "not found"),
        ("components", {"InferenceComponentName": "empty-1"}, "has no capacity"),
        ("chat", {"InferenceComponentName": "copy"}, "header is not allowed"),
        ("multi-model", {}, "Target model is required"),
        ("chat", {"TargetModel": "a"}, "Target model is required"),
        ("components", {"InferenceComponentName": "a_b"}, "'inferenceComponentName'"),
        ("chat", {"TargetVariant": "v" * 64}, "'targetVariant'"),
        ("chat", {"InferenceId": "i" * 65}, "'inferenceId'"),
        ("chat", {"EnableExplanations": "e" * 65}, "'enableExplanations'"),
        ("chat", {"Accept": "a" * 1025}, "'accept'"),
        ("chat", {"ContentType": "c" * 1025}, "'contentType'"),
    ],
)
def test_what_is_not_there_is_refused(client, chat, endpoint, parameters, said) -> None:
    """A ValidationError, as SageMaker's are."""
    code, status, message = refused(client.invoke_endpoint, EndpointName=endpoint, Body=chat(), **parameters)
    assert (code, status) == ("ValidationError", 400)
    assert said in message


def test_a_model_that_is_loading_is_not_ready(client, chat) -> None:
    """The first call of a model gets 429 ModelNotReadyException."""
    said = refused(client.invoke_endpoint, EndpointName="multi-model", TargetModel="loading.tar.gz", Body=chat())
    assert said[:2] == ("ModelNotReadyException", 429)


def test_serverless_endpoints_neither_stream_nor_take_much(client, chat) -> None:
    """A stream is refused, and so is a body over 4 MiB that any other endpoint takes."""
    said = refused(client.invoke_endpoint_with_response_stream, EndpointName="serverless", Body=chat(stream=True))
    assert said[:2] == ("ValidationError", 400)
    large = chat("x" * SERVERLESS_BYTES, emulator={"text": "short"})
    assert client.invoke_endpoint(EndpointName="chat", Body=large)["Body"].read()
    assert refused(client.invoke_endpoint, EndpointName="serverless", Body=large)[1] == 413


def test_headers_are_those_of_the_service_model(client) -> None:
    """Names and lengths are botocore's, for every header of both operations."""
    operations = map(client.meta.service_model.operation_model, ("InvokeEndpoint", "InvokeEndpointWithResponseStream"))
    headers = {
        shape.serialization["name"].lower().encode(): shape.metadata["max"]
        for operation in operations
        for shape in operation.input_shape.members.values()
        if shape.serialization.get("location") == "header"
    }
    assert {name: most for name, (_, _, most) in HEADERS.items()} == headers
