"""What one attempt sends: the path of an endpoint's operation, the host of a region, and the signed headers.

Operations: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html and
API_runtime_InvokeEndpointWithResponseStream.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extproc.sagemaker.sigv4 import sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.routing.targets import Credentials, Target

CONTENT_TYPE = "application/json"
ACCEPT = "application/json"

# EndpointName of the service model; such a name needs no percent-encoding in a path.
_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9])*")
_MAX_ENDPOINT_NAME = 63

# Partition, the regions in it, and its DNS suffix: botocore's partitions.json, release 1.44.5.
_PARTITIONS = (
    ("aws", re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+"), "amazonaws.com"),
    ("aws-us-gov", re.compile(r"us-gov-[a-z]+-\d+"), "amazonaws.com"),
    ("aws-cn", re.compile(r"cn-[a-z]+-\d+"), "amazonaws.com.cn"),
    ("aws-eusc", re.compile(r"eusc-de-[a-z]+-\d+"), "amazonaws.eu"),
    ("aws-iso", re.compile(r"us-iso-[a-z]+-\d+"), "c2s.ic.gov"),
    ("aws-iso-b", re.compile(r"us-isob-[a-z]+-\d+"), "sc2s.sgov.gov"),
    ("aws-iso-e", re.compile(r"eu-isoe-[a-z]+-\d+"), "cloud.adc-e.uk"),
    ("aws-iso-f", re.compile(r"us-isof-[a-z]+-\d+"), "csp.hci.ic.gov"),
)


class InvalidEndpointName(ValueError):
    """A name that no SageMaker endpoint can have."""


class UnknownRegion(ValueError):
    """A region of no partition that we know the DNS suffix of."""


def check_endpoint_name(name: str) -> str:
    """Return the name.

    Raises:
        InvalidEndpointName: not 1 to 63 letters, digits and inner hyphens.
    """
    if len(name) > _MAX_ENDPOINT_NAME or not _ENDPOINT_NAME.fullmatch(name):
        raise InvalidEndpointName(
            f"{name[:80]!r} is not an endpoint name: 1 to {_MAX_ENDPOINT_NAME} letters, digits and hyphens, "
            "a letter or a digit at both ends"
        )
    return name


def endpoint_path(endpoint: str, *, stream: bool) -> str:
    """Return the path of InvokeEndpoint, or of InvokeEndpointWithResponseStream.

    Raises:
        InvalidEndpointName: see check_endpoint_name().
    """
    operation = "invocations-response-stream" if stream else "invocations"
    return f"/endpoints/{check_endpoint_name(endpoint)}/{operation}"


def runtime_host(region: str) -> str:
    """Return the region's public SageMaker Runtime host (the plain variant: neither FIPS nor dual-stack).

    Raises:
        UnknownRegion: the message lists the partitions that are known.
    """
    for _, regions, suffix in _PARTITIONS:
        if regions.fullmatch(region):
            return f"runtime.sagemaker.{region}.{suffix}"
    known = ", ".join(name for name, _, _ in _PARTITIONS)
    raise UnknownRegion(
        f"{region[:80]!r} is not a region of a known AWS partition ({known}); set `base_url` to reach it"
    )


def signed_request(
    target: Target,
    body_length: int,
    payload_hash: str,
    *,
    stream: bool,
    credentials: Credentials,
    now: float,
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return every header, pseudo-headers included, that an attempt at this target must set.

    Args:
        target: whose endpoint, region and authority are signed.
        body_length: bytes of the body.
        payload_hash: sigv4.payload_hash() of the body.
        stream: InvokeEndpointWithResponseStream rather than InvokeEndpoint.
        credentials: who signs.
        now: Unix seconds.
        headers: more x-amzn-sagemaker-* headers, names in lower case; they are signed.

    Raises:
        InvalidEndpointName: the target's endpoint.
        Unsignable: a header or the credentials have characters that a header cannot carry.
    """
    path = endpoint_path(target.endpoint, stream=stream)
    # Every x-amzn-sagemaker-* header belongs here: what SageMaker acts on is signed.
    signed = {"content-type": CONTENT_TYPE, **(headers or {})}
    if stream:
        signed["x-amzn-sagemaker-accept"] = ACCEPT
    request = {
        ":path": path,
        ":authority": target.authority,
        "content-length": str(body_length),
        **signed,
        **sign(
            method="POST",
            path=path,
            host=target.authority,
            headers=signed,
            payload_hash=payload_hash,
            region=target.region,
            credentials=credentials,
            now=now,
        ),
    }
    if not stream:
        # Unsigned: a decompressor or another filter on the way may rewrite Accept.
        request["accept"] = ACCEPT
    return request
