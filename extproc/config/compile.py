"""Configuration to Runtime: everything resolved once, nothing left to look up on the request path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from extproc.config import auditing, kinds, routing
from extproc.config.base_url import Origin, parse_base_url
from extproc.config.jumpstart import CONTEXT_WINDOWS
from extproc.config.problem import Code, ConfigurationError, Path, Problem, Severity
from extproc.config.provider import Endpoint, resolve
from extproc.config.recipe import Recipe
from extproc.config.region import InvalidRegion, ProfileRegion, Region, Source, region_of
from extproc.config.runtime import Limits, Pack, Runtime
from extproc.policies.chain import Chain
from extproc.policies.syntax import PatternError
from extproc.policies.table import build
from extproc.routing.targets import Identity, Target
from extproc.sagemaker.hosts import UnknownRegion, runtime_host

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from extproc.config.model.configuration import Configuration
    from extproc.config.model.target import Target as TargetSection

# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html: the service's own variable wins.
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "AWS_ENDPOINT_URL")
USE_FIPS, USE_DUALSTACK = "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"
ROLE_SESSION_NAME = "kt-gateway"
IGNORE_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


def compile_runtime(
    configuration: Configuration,
    *,
    environ: Mapping[str, str],
    profile_region: ProfileRegion,
    base_dir: FilePath,
    config_hash: str,
    created: int,
    fail_open: bool,
) -> tuple[Runtime, tuple[Problem, ...]]:
    """The runtime of a valid configuration, and warnings about it.

    Args:
        configuration: as validated.
        environ: the process environment; region, endpoint override and the presence of credentials are read from it.
        profile_region: the region of a named profile, or of the default one for None.
        base_dir: where the configuration file lies; relative paths count from it.
        config_hash: SHA-256 of the file, hex.
        created: Unix seconds, for /v1/models.
        fail_open: `--fail-mode allow`.

    Raises:
        ConfigurationError: a target has no region, or the environment contradicts the configuration. Its problems are
            not yet placed in a file.
    """
    problems: list[Problem] = []
    compiled = [
        _target(target, ("providers", "targets", index), environ, profile_region, problems)
        for index, target in enumerate(configuration.providers.targets)
    ]
    recipe = _recipe(configuration, fail_open=fail_open)
    chain = _chain(recipe, problems)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ConfigurationError(problems)
    sections = configuration.providers.targets
    targets = tuple(
        routing.bar(
            replace(target, health_check=routing.health_check_of(section, configuration)),
            *(section, configuration, ("providers", "targets", index), problems),
        )
        for index, (target, section) in enumerate(zip(compiled, sections, strict=True))
        if target is not None
    )
    groups = routing.groups_of(configuration, targets)
    pack = configuration.pack
    limits = configuration.size_limits
    runtime = Runtime(
        pack=Pack(pack.name, pack.version, pack.enabled),
        config_hash=config_hash,
        targets=targets,
        by_model={**by_model(targets), **groups.by_model},
        chain=chain,
        audit=auditing.settings_of(configuration, base_dir),
        limits=Limits(limits.max_body_bytes, limits.max_response_bytes),
        created=created,
        fail_open=fail_open,
        routing=routing.routing_of(configuration),
        fallbacks=groups.fallbacks,
        groups=groups.names,
        recipe=recipe,
    )
    return runtime, tuple(problems)


def by_model(targets: Sequence[Target]) -> dict[str, tuple[Target, ...]]:
    """Every name a client may send to its failover group, in the order of `targets`."""
    groups: dict[str, tuple[Target, ...]] = {}
    for target in targets:
        for name in target.models:
            groups[name] = (*groups.get(name, ()), target)
    return groups


def _target(
    target: TargetSection,
    path: Path,
    environ: Mapping[str, str],
    profile_region: ProfileRegion,
    problems: list[Problem],
) -> Target | None:
    endpoint = resolve(
        target.provider,
        forced="provider_type" in target.model_fields_set,
        model=target.model,
        endpoint_name=target.sagemaker_endpoint_name,
    )
    problems += kinds.check(target, endpoint.kind, path)
    region = _region(target, path, environ, profile_region, problems)
    origin = None if region is None else _origin(target, region, path, environ, problems)
    if region is None or origin is None:
        return None
    return Target(
        id=target.id,
        endpoint=endpoint.name,
        models=tuple(dict.fromkeys((endpoint.model, endpoint.name, target.id))),
        region=region.name,
        kind=endpoint.kind,
        format=target.format,
        scheme=origin.scheme,
        host=origin.host,
        port=origin.port,
        identity=_identity(target, region, path, environ, problems),
        max_context_tokens=_context_window(target, endpoint),
        timeout_seconds=float(target.timeout_seconds),
        first_byte_timeout_seconds=target.first_byte_timeout_seconds,
        retry_model_timeouts=target.retry_model_timeouts,
        max_tokens=target.options.max_tokens,
        temperature=target.options.temperature,
        upstream_model=target.upstream_model,
        prompt_template=target.prompt_template,
        accept_eula=target.accept_eula,
        input_type=target.options.input_type,
        pooling=target.options.pooling,
        path_prefix=origin.path,
        route=target.route,
        streaming=target.target_model is None if target.streaming is None else target.streaming,
        max_body_bytes=target.max_body_bytes,
        inference_component=target.inference_component,
        target_model=target.target_model,
        target_variant=target.target_variant,
        target_container=target.target_container,
        custom_attributes=target.custom_attributes,
        inference_id=target.inference_id == "request_id",
        sessions=target.sessions,
        weight=float(target.weight),
        priority=target.priority,
        pricing=None if target.pricing is None else (target.pricing.input, target.pricing.output),
    )


def _region(
    target: TargetSection,
    path: Path,
    environ: Mapping[str, str],
    profile_region: ProfileRegion,
    problems: list[Problem],
) -> Region | None:
    try:
        region = region_of(
            target.id,
            aws_region=target.aws_region,
            profile=target.aws_profile,
            environ=environ,
            profile_region=profile_region,
        )
    except InvalidRegion as error:
        problems.append(Problem(Code.REGION, path, str(error), "correct it or set aws_region"))
        return None
    if region is None:
        advice = "set aws_region, or AWS_REGION in the environment of the gateway"
        problems.append(Problem(Code.REGION, path, "no AWS region", advice))
    elif region.source is Source.ID:
        message = f"region {region.name} is taken from the id"
        problems.append(
            Problem(Code.REGION_FROM_ID, (*path, "id"), message, f"set aws_region: {region.name}", Severity.WARNING)
        )
    return region


def _origin(
    target: TargetSection, region: Region, path: Path, environ: Mapping[str, str], problems: list[Problem]
) -> Origin | None:
    if target.base_url is not None:
        return parse_base_url(target.base_url)
    if not _is_true(environ, IGNORE_ENDPOINTS):
        for variable in ENDPOINT_VARIABLES:
            if url := environ.get(variable, ""):
                for name in ("use_fips", "use_dualstack"):
                    if getattr(target, name):
                        message = f"has no meaning beside {variable} in the environment, which names the host"
                        problems.append(Problem(Code.CONFLICT, (*path, name), message, "unset one of them"))
                return _origin_from_environment(variable, url, path, problems)
    try:
        host = runtime_host(
            region.name,
            fips=_is_true(environ, USE_FIPS) if target.use_fips is None else target.use_fips,
            dualstack=_is_true(environ, USE_DUALSTACK) if target.use_dualstack is None else target.use_dualstack,
        )
        return Origin("https", host, 443)
    except UnknownRegion:
        message = f"{region.name} is in no AWS partition that this gateway knows the host of"
        problems.append(Problem(Code.REGION, path, message, "set base_url to reach it"))
        return None


def _is_true(environ: Mapping[str, str], variable: str) -> bool:
    return environ.get(variable, "").lower() == "true"


def _origin_from_environment(variable: str, url: str, path: Path, problems: list[Problem]) -> Origin | None:
    try:
        origin = parse_base_url(url)
    except ValueError as error:
        problems.append(
            Problem(Code.NOT_ALLOWED, path, f"{variable} in the environment: {error}", "correct or unset it")
        )
        return None
    message = f"requests go to {urlsplit(url).netloc}, as {variable} in the environment says"
    problems.append(
        Problem(Code.ENDPOINT_FROM_ENVIRONMENT, path, message, "set base_url to say it here", Severity.WARNING)
    )
    return origin


def _identity(
    target: TargetSection, region: Region, path: Path, environ: Mapping[str, str], problems: list[Problem]
) -> Identity:
    for field in ("aws_access_key_env", "aws_secret_key_env"):
        variable = getattr(target, field)
        if variable is not None and not environ.get(variable, ""):
            message = f"the environment variable {variable} is not set; the target is unavailable until it is"
            problems.append(Problem(Code.CREDENTIALS, (*path, field), message, severity=Severity.WARNING))
    own = Identity(target.aws_profile, target.aws_access_key_env, target.aws_secret_key_env)
    if target.aws_role_arn is None:
        return own
    return replace(
        own,
        role_arn=target.aws_role_arn,
        external_id=target.aws_external_id,
        role_session_name=target.aws_role_session_name or ROLE_SESSION_NAME,
        # STS in the endpoint's own partition and region.
        sts_region=region.name,
    )


def _context_window(target: TargetSection, endpoint: Endpoint) -> int | None:
    if target.max_context_tokens is not None:
        return target.max_context_tokens
    return CONTEXT_WINDOWS.get(endpoint.model) or CONTEXT_WINDOWS.get(endpoint.name)


def _recipe(configuration: Configuration, *, fail_open: bool) -> Recipe:
    policies = []
    fail: dict[str, bool] = {}
    for kind in configuration.policies.chain:
        section = configuration.policy.of(kind)
        # Only what the file says: a policy knows its own defaults.
        settings = {} if section is None else section.model_dump(exclude_unset=True)
        # A policy that only observes refuses nothing, not even by failing.
        how = "open" if settings.get("mode") == "observe" else settings.get("fail")
        if how is not None:
            fail[kind] = how == "open"
        policies.append((kind, settings))
    return Recipe(tuple(policies), fail_open, fail)


def _chain(recipe: Recipe, problems: list[Problem]) -> Chain:
    policies = []
    for kind, settings in recipe.policies:
        try:
            policies.append(build(kind, settings))
        except PatternError as error:
            # Every expression compiled by itself when the file was read; together they may still be too much.
            problems.append(Problem(Code.PATTERN, ("policy", kind), str(error)))
    return Chain(tuple(policies), fail_open=recipe.fail_open, fail=recipe.fail)
