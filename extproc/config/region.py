"""Where a target's endpoint is: design rule by rule, and which rule it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from extproc.config.model.target import REGION

ProfileRegion = Callable[[str | None], str | None]

_REGION = re.compile(REGION)
# The longest partition prefix must win: `us-gov-west-1`, not `west-1` after an unknown prefix.
_REGION_AT_END = re.compile(r"(?:^|[-._])(" + REGION.removeprefix("^") + ")")


class Source(Enum):
    """What said so."""

    TARGET = "aws_region"
    ID = "the id"
    ENVIRONMENT = "the environment"
    PROFILE = "the profile"


@dataclass(frozen=True, slots=True)
class Region:
    """A region's name and what said so."""

    name: str
    source: Source


class InvalidRegion(Exception):
    """The environment or the profile names a region that is none. `origin` is the variable or the profile."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin} does not hold an AWS region such as us-east-1")


def region_of(
    target_id: str,
    *,
    aws_region: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    profile_region: ProfileRegion,
) -> Region | None:
    """The region of a target: `aws_region`, else a region at the end of its id, else AWS_REGION, else
    AWS_DEFAULT_REGION, else the profile's; None when nothing says it.

    Raises:
        InvalidRegion: a variable or the profile holds something else than a region.
    """  # noqa: D205  # the rule is one sentence
    if aws_region is not None:
        return Region(aws_region, Source.TARGET)
    in_id = region_in(target_id)
    if in_id is not None:
        return Region(in_id, Source.ID)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if value := environ.get(variable, ""):
            return Region(_checked(value, variable), Source.ENVIRONMENT)
    if value := profile_region(profile) or "":
        return Region(_checked(value, f"profile {profile}" if profile else "the AWS profile"), Source.PROFILE)
    return None


def region_in(target_id: str) -> str | None:
    """The AWS region at the end of an id, None if there is none: `llama-us-west-2` says us-west-2."""
    found = _REGION_AT_END.search(target_id)
    return found.group(1) if found else None


def _checked(value: str, origin: str) -> str:
    if not _REGION.fullmatch(value):
        raise InvalidRegion(origin)
    return value
