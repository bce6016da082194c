"""The host names of SageMaker Runtime, against the rules that AWS's own client follows."""

from __future__ import annotations

import re

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.session import Session

from extproc.sagemaker.hosts import PARTITIONS, UnknownRegion, runtime_host

SESSION = Session()
KNOWN = [
    region
    for partition in SESSION.get_available_partitions()
    for region in SESSION.get_available_regions("sagemaker-runtime", partition)
]
# Of partitions in which botocore lists no endpoint of this service, and a region that does not exist yet.
FURTHER = ["eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "mx-north-9"]


LOADER = SESSION.get_component("data_loader")
RULES = EndpointProvider(
    LOADER.load_service_model("sagemaker-runtime", "endpoint-rule-set-1"), LOADER.load_data("partitions")
)


def botocores_host(region: str, *, fips: bool, dualstack: bool) -> str:
    """Where botocore's endpoint rules lead."""
    endpoint = RULES.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dualstack)
    return endpoint.url.removeprefix("https://")


@pytest.mark.parametrize("dualstack", [False, True])
@pytest.mark.parametrize("fips", [False, True])
def test_hosts_are_those_of_botocore(fips: bool, dualstack: bool) -> None:
    """For every region of every partition, plain, FIPS, dual-stack and both: the name that AWS's client would call."""
    assert {"us-east-1", "us-gov-west-1", "cn-north-1"} <= set(KNOWN)
    ours = {region: runtime_host(region, fips=fips, dualstack=dualstack) for region in [*KNOWN, *FURTHER]}
    theirs = {region: botocores_host(region, fips=fips, dualstack=dualstack) for region in [*KNOWN, *FURTHER]}
    assert ours == theirs


def test_partitions_are_those_of_botocore() -> None:
    """No partition is missing, none is made up, and their names end in the same."""
    theirs = LOADER.load_data("partitions")["partitions"]
    assert {(p.name, p.suffix, p.dualstack_suffix) for p in PARTITIONS} == {
        (p["id"], p["outputs"]["dnsSuffix"], p["outputs"]["dualStackDnsSuffix"]) for p in theirs
    }
    # Every partition has both, so that no combination of the two options is an error.
    assert all(p["outputs"]["supportsFIPS"] and p["outputs"]["supportsDualStack"] for p in theirs)
    for partition in theirs:
        ours = next(p for p in PARTITIONS if p.name == partition["id"])
        regions = [region for region in partition["regions"] if not region.endswith("-global")]
        assert all(ours.regions.fullmatch(region) and re.match(partition["regionRegex"], region) for region in regions)


@pytest.mark.parametrize("region", ["", "us-east", "US-EAST-1", "mars-1", "us-east-1.evil.example", "us-east-1\n"])
def test_a_region_of_no_partition_is_refused(region: str) -> None:
    """The error lists the partitions that are known, and says what to set instead."""
    with pytest.raises(UnknownRegion, match=r"aws-us-gov.*aws-cn.*base_url"):
        runtime_host(region)
