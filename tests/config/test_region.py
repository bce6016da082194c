"""Which region a target is in, and which rule said so."""

from __future__ import annotations

import botocore.session
import pytest

from extproc.config.region import InvalidRegion, Region, Source, region_in, region_of

BOTH = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}


def decide(
    target_id: str = "llama", aws_region: str | None = None, environ: dict[str, str] | None = None, profile: str = ""
) -> Region | None:
    """The rules with defaults for what a case does not set."""
    return region_of(
        target_id, aws_region=aws_region, profile=None, environ=environ or {}, profile_region=lambda _: profile or None
    )


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (decide("a-us-west-2", "us-east-1", BOTH, "sa-east-1"), Region("us-east-1", Source.TARGET)),
        (decide("a-us-west-2", None, BOTH, "sa-east-1"), Region("us-west-2", Source.ID)),
        (decide("a", None, BOTH, "sa-east-1"), Region("eu-west-1", Source.ENVIRONMENT)),
        (decide("a", None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "sa-east-1"), Region("eu-west-2", Source.ENVIRONMENT)),
        (decide("a", None, {"AWS_REGION": ""}, "sa-east-1"), Region("sa-east-1", Source.PROFILE)),
        (decide("a"), None),
    ],
)
def test_order_of_the_rules(region: Region | None, expected: Region | None) -> None:
    """aws_region, else the id's end, else AWS_REGION, else AWS_DEFAULT_REGION, else the profile, else nothing."""
    assert region == expected


def test_the_targets_own_profile_is_asked() -> None:
    """The profile's region is that of the target's `aws_profile`."""
    asked: list[str | None] = []
    region_of("a", aws_region=None, profile="prod", environ={}, profile_region=asked.append)
    assert asked == ["prod"]


@pytest.mark.parametrize(
    ("environ", "profile", "origin"),
    [({"AWS_REGION": "us-east"}, "", "AWS_REGION"), ({}, "not a region", "the AWS profile")],
)
def test_nonsense_outside_the_file_is_named(environ: dict[str, str], profile: str, origin: str) -> None:
    """A variable or profile that holds no region is an error that names it."""
    with pytest.raises(InvalidRegion, match=origin):
        decide(environ=environ, profile=profile)


@pytest.mark.parametrize(
    ("target_id", "region"),
    [
        ("sagemaker-us-east-1", "us-east-1"),
        ("us-west-2", "us-west-2"),
        ("llama.ap-southeast-2", "ap-southeast-2"),
        ("llama_us-gov-west-1", "us-gov-west-1"),
        ("x-eusc-de-east-1", "eusc-de-east-1"),
        ("gpus-east-1", None),
        ("llama-us-large-1", None),
        ("us-east-1-llama", None),
        ("us-east-1a", None),
        ("mistral-7b", None),
    ],
)
def test_region_at_the_end_of_an_id(target_id: str, region: str | None) -> None:
    """Only a whole AWS region after a separator, at the very end, counts."""
    assert region_in(target_id) == region


def test_every_region_aws_has_is_one() -> None:
    """All regions of all partitions that botocore knows pass, as a value and at the end of an id."""
    session = botocore.session.Session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    ]
    assert len(regions) > 30
    assert [region for region in regions if region_in(f"llama-{region}") != region] == []
