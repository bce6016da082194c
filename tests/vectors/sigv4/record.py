"""Records what AWS's own client sends: `python tests/vectors/sigv4/record.py` writes the JSON files beside it.

Run it after a new release of boto3; a difference in the files is a difference in what AWS's client signs. No request
leaves the machine: the client is stopped just before sending.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import boto3

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

HERE = Path(__file__).parent
NOW = 1_790_000_000
ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJGMEQCIE+token/with=chars=="
BODY = '{"messages":[{"role":"user","content":"Grüße"}],"stream":true}'.encode()
CASES = {
    "unary": ("invoke_endpoint", "us-east-1", None, {"Accept": "application/json"}),
    "unary_session": ("invoke_endpoint", "eu-central-1", TOKEN, {}),
    "unary_every_parameter": (
        "invoke_endpoint",
        "cn-north-1",
        TOKEN,
        {
            "Accept": "application/json",
            "CustomAttributes": "accept_eula=true  trace=1",
            "TargetModel": "models/a  b.tar.gz",
            "TargetVariant": "blue",
            "TargetContainerHostname": "first",
            "InferenceId": "id-1",
            "EnableExplanations": "`true`",
            "InferenceComponentName": "component-1",
            "SessionId": "NEW_SESSION",
        },
    ),
    "stream": ("invoke_endpoint_with_response_stream", "us-west-2", None, {"Accept": "application/json"}),
    "stream_session": (
        "invoke_endpoint_with_response_stream",
        "us-gov-west-1",
        TOKEN,
        {"Accept": "application/json", "InferenceComponentName": "component-1"},
    ),
}


def record(operation: str, region: str, token: str | None, parameters: dict[str, str]) -> dict[str, object]:
    """Return the request that the client would have sent."""
    sent: list[AWSPreparedRequest] = []

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request)
        raise InterruptedError

    client = boto3.client(
        "sagemaker-runtime",
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=token,
    )
    client.meta.events.register("before-send.sagemaker-runtime.*", stop)
    now = datetime.fromtimestamp(NOW, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now), contextlib.suppress(InterruptedError):
        getattr(client, operation)(EndpointName="my-endpoint", Body=BODY, ContentType="application/json", **parameters)
    request = sent[0]
    _, _, host, path = request.url.split("/", 3)
    text = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    return {
        "operation": operation,
        "region": region,
        "now": NOW,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "token": token,
        "method": request.method,
        "host": host,
        "path": f"/{path}",
        "headers": {
            name: value for name, value in text.items() if not name.lower().startswith(("user-agent", "amz-sdk"))
        },
        "body": BODY.decode(),
    }


if __name__ == "__main__":
    for name, case in CASES.items():
        text = json.dumps(record(*case), ensure_ascii=False, indent=1)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
