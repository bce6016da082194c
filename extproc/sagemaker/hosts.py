"""The host names of SageMaker Runtime: every partition, with and without FIPS and dual-stack.

The rules are those of AWS's own clients: botocore's endpoint-rule-set-1.json of sagemaker-runtime and partitions.json,
release 1.44.5. They make a name for every region; whether AWS serves it there, the name server knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from re import Pattern


class UnknownRegion(ValueError):
    """A region of no partition that we know the DNS suffix of."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of AWS with accounts and names of its own: which regions are in it, and what its hosts end in."""

    name: str
    regions: Pattern[str]
    suffix: str
    dualstack_suffix: str


PARTITIONS = (
    Partition("aws", re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+"), "amazonaws.com", "api.aws"),
    Partition("aws-us-gov", re.compile(r"us-gov-[a-z]+-\d+"), "amazonaws.com", "api.aws"),
    Partition("aws-cn", re.compile(r"cn-[a-z]+-\d+"), "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    Partition("aws-eusc", re.compile(r"eusc-de-[a-z]+-\d+"), "amazonaws.eu", "api.amazonwebservices.eu"),
    Partition("aws-iso", re.compile(r"us-iso-[a-z]+-\d+"), "c2s.ic.gov", "api.aws.ic.gov"),
    Partition("aws-iso-b", re.compile(r"us-isob-[a-z]+-\d+"), "sc2s.sgov.gov", "api.aws.scloud"),
    Partition("aws-iso-e", re.compile(r"eu-isoe-[a-z]+-\d+"), "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    Partition("aws-iso-f", re.compile(r"us-isof-[a-z]+-\d+"), "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)


def runtime_host(region: str, *, fips: bool = False, dualstack: bool = False) -> str:
    """Return the region's public SageMaker Runtime host.

    Raises:
        UnknownRegion: the message lists the partitions that are known.
    """
    partition = next((partition for partition in PARTITIONS if partition.regions.fullmatch(region)), None)
    if partition is None:
        known = ", ".join(partition.name for partition in PARTITIONS)
        raise UnknownRegion(
            f"{region[:80]!r} is not a region of a known AWS partition ({known}); set `base_url` to reach it"
        )
    if dualstack:
        return f"runtime.sagemaker{'-fips' if fips else ''}.{region}.{partition.dualstack_suffix}"
    if fips and partition.name == "aws":
        # Older than the rule that the other partitions follow.
        return f"runtime-fips.sagemaker.{region}.{partition.suffix}"
    if fips and partition.name != "aws-us-gov":
        return f"runtime.sagemaker-fips.{region}.{partition.suffix}"
    # In GovCloud the plain host is the FIPS one.
    return f"runtime.sagemaker.{region}.{partition.suffix}"
