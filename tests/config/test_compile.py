"""Configuration to Runtime: regions, hosts, groups, identities, policies, audit, limits."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from extproc.config.compile import by_model, compile_runtime
from extproc.config.problem import Code, ConfigurationError, Problem
from extproc.config.runtime import AuditSettings, Limits, Pack, Runtime
from extproc.config.validate import validate
from extproc.policies.verdict import Phase, Place, Text
from extproc.routing.targets import Identity, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = Path(__file__).parent.parent / "data" / "configs"
PRINTED = sorted(path.stem for path in DATA.glob("*.yaml"))


def compiled(
    text: str, environ: Mapping[str, str] | None = None, profiles: Mapping[str | None, str] | None = None, **extra: bool
) -> tuple[Runtime, tuple[Problem, ...]]:
    """The runtime of a configuration that must be valid, with its warnings."""
    configuration, _, problems = validate(text.encode())
    assert configuration is not None, problems
    return compile_runtime(
        configuration,
        environ=environ or {},
        profile_region=(profiles or {}).get,
        base_dir=PurePath("/etc/kt"),
        config_hash="00",
        created=1_700_000_000,
        fail_open=extra.get("fail_open", False),
    )


def target(base: str, *lines: str, environ: Mapping[str, str] | None = None) -> Target:
    """The target of the base configuration with further lines."""
    text = base.replace("      aws_region: us-east-1\n", "".join(f"      {line}\n" for line in lines))
    return compiled(text, environ)[0].targets[0]


def test_base_configuration_whole(base: str) -> None:
    """Every field of a Runtime comes out as documented."""
    runtime, warnings = compiled(base)
    expected = Target(
        id="llama",
        endpoint="my-endpoint",
        models=("my-endpoint", "llama"),
        region="us-east-1",
        host="runtime.sagemaker.us-east-1.amazonaws.com",
    )
    assert warnings == ()
    assert runtime.pack == Pack("demo", "1.0.0", enabled=True)
    assert runtime.targets == (expected,)
    assert runtime.by_model == {"my-endpoint": (expected,), "llama": (expected,)}
    assert runtime.audit == AuditSettings(path=PurePath("/etc/kt/audit"))
    assert runtime.limits == Limits()
    assert (runtime.config_hash, runtime.created, runtime.fail_open) == ("00", 1_700_000_000, False)


@pytest.mark.parametrize("name", PRINTED)
def test_printed_configuration_compiles(name: str) -> None:
    """Each configuration of the integration page runs as printed, with the region from the environment."""
    runtime, warnings = compiled(
        (DATA / f"{name}.yaml").read_text(encoding="utf-8"), {"AWS_DEFAULT_REGION": "eu-west-1"}
    )
    assert runtime.targets
    assert {problem.code for problem in warnings} <= {Code.REGION_FROM_ID}
    assert runtime.audit.enabled


def test_seven_configurations_are_printed() -> None:
    """The page's seven configurations are all here."""
    assert len(PRINTED) == 7


def test_multi_region_configuration_is_a_failover_group() -> None:
    """Two targets of one alias serve it in file order, each in the region at the end of its id; lint says so."""
    text = (DATA / "multi-region.yaml").read_text(encoding="utf-8")
    runtime, warnings = compiled(text, {"AWS_REGION": "eu-west-1"})
    assert [found.region for found in runtime.by_model["jumpstart-llama-3-3-70b"]] == ["us-east-1", "us-west-2"]
    assert [found.host for found in runtime.by_model["sagemaker-us-west-2"]] == [
        "runtime.sagemaker.us-west-2.amazonaws.com"
    ]
    assert [(problem.code, problem.path) for problem in warnings] == [
        (Code.REGION_FROM_ID, ("providers", "targets", 0, "id")),
        (Code.REGION_FROM_ID, ("providers", "targets", 1, "id")),
    ]


def test_enterprise_configuration_guards() -> None:
    """The page's policy chain blocks an access key id and redacts an address, with the settings as printed."""
    text = (DATA / "enterprise.yaml").read_text(encoding="utf-8")
    runtime, _ = compiled(text, {"AWS_REGION": "us-east-1"})
    place = Place(Phase.REQUEST, "user")
    judged = runtime.chain.judge([Text(place, "write to jane.doe@example.com")])
    assert judged.texts == ("write to [EMAIL_REDACTED]",)
    refused = runtime.chain.judge([Text(place, "key AKIAIOSFODNN7EXAMPLE")]).block
    assert refused is not None
    assert (refused.policy, refused.rule) == ("dlp-filter", "aws-access-key")
    assert [policy.kind for policy in runtime.chain.policies] == [
        "prompt-injection",
        "pii-detector",
        "dlp-filter",
        "audit-logger",
    ]


@pytest.mark.parametrize(
    ("environ", "profiles", "region"),
    [
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, {}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, {"prod": "sa-east-1"}, "eu-west-2"),
        ({}, {"prod": "sa-east-1", None: "eu-north-1"}, "sa-east-1"),
    ],
)
def test_region_from_outside(base: str, environ: dict[str, str], profiles: dict[str | None, str], region: str) -> None:
    """Without a region in the file, the environment decides, then the target's profile."""
    runtime, _ = compiled(base.replace("aws_region: us-east-1", "aws_profile: prod"), environ, profiles)
    assert runtime.targets[0].region == region
    assert runtime.targets[0].host == f"runtime.sagemaker.{region}.amazonaws.com"


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({}, "no AWS region; set aws_region, or AWS_REGION in the environment of the gateway"),
        (
            {"AWS_REGION": "mars"},
            "AWS_REGION does not hold an AWS region such as us-east-1; correct it or set aws_region",
        ),
    ],
)
def test_no_region_is_an_error(base: str, environ: dict[str, str], text: str) -> None:
    """A target whose region nothing says, or something says wrongly, cannot run."""
    with pytest.raises(ConfigurationError) as raised:
        compiled(base.replace("      aws_region: us-east-1\n", ""), environ)
    (problem,) = raised.value.problems
    assert problem.render("f") == f"f: providers.targets[0]: {text} [E011]"


def test_hosts_by_partition_and_base_url(base: str) -> None:
    """China has its own suffix; base_url gives scheme, host and port, and the signed authority follows."""
    assert target(base, "aws_region: cn-north-1").authority == "runtime.sagemaker.cn-north-1.amazonaws.com.cn"
    local = target(base, "aws_region: us-east-1", "base_url: http://localhost:8080")
    assert (local.scheme, local.host, local.port, local.authority) == ("http", "localhost", 8080, "localhost:8080")
    six = target(base, "aws_region: us-east-1", "base_url: 'https://[::1]'")
    assert (six.scheme, six.host, six.port, six.authority) == ("https", "::1", 443, "[::1]")


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"AWS_ENDPOINT_URL": "http://localhost:4566"}, "localhost"),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://127.0.0.1:2"},
            "127.0.0.1",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "runtime.sagemaker.us-east-1.amazonaws.com",
        ),
    ],
)
def test_endpoint_variables_of_the_sdks(base: str, environ: dict[str, str], host: str) -> None:
    """The SDKs' endpoint variables work as in the SDKs, and a warning says so; base_url goes before them."""
    runtime, warnings = compiled(base, environ)
    assert runtime.targets[0].host == host
    redirected = not host.startswith("runtime")
    assert [problem.code for problem in warnings] == [Code.ENDPOINT_FROM_ENVIRONMENT] * redirected
    assert target(base, "aws_region: us-east-1", "base_url: https://own", environ=environ).host == "own"


def test_bad_endpoint_variable_is_an_error(base: str) -> None:
    """An endpoint variable that is no origin is not ignored."""
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL in the environment: a URL begins with"):
        compiled(base, {"AWS_ENDPOINT_URL": "localhost"})


@pytest.mark.parametrize(
    ("lines", "tokens"),
    [
        (["model: jumpstart-mistral-7b"], 32_768),
        (["model: jumpstart-mistral-7b", "max_context_tokens: 100"], 100),
        (["model: jumpstart-llama-3-1-8b", "sagemaker_endpoint_name: llama-prod"], 131_072),
        (["model: fast", "sagemaker_endpoint_name: jumpstart-falcon-40b"], 8_192),
        (["model: own"], None),
    ],
)
def test_context_window(base: str, lines: list[str], tokens: int | None) -> None:
    """A JumpStart alias brings its window, as model or as endpoint name; the file's own number goes before."""
    text = base.replace("sagemaker:chat:my-endpoint", "sagemaker")
    assert target(text, "aws_region: us-east-1", *lines).max_context_tokens == tokens


def test_names_that_select_a_target(base: str) -> None:
    """Model or alias first, then endpoint name, then id, each once."""
    named = target(base, "aws_region: us-east-1", "sagemaker_endpoint_name: prod-endpoint")
    assert (named.models, named.endpoint) == (("my-endpoint", "prod-endpoint", "llama"), "prod-endpoint")
    assert target(base.replace("id: llama", "id: my-endpoint"), "aws_region: us-east-1").models == ("my-endpoint",)


def test_groups_by_any_shared_name() -> None:
    """A name that is one target's id and another's model selects both, in file order."""
    first = Target("a", "x", ("x", "a"), "us-east-1")
    second = Target("x", "y", ("y", "x"), "us-east-1")
    assert by_model((first, second)) == {"x": (first, second), "a": (first,), "y": (second,)}


def test_key_variables(base: str) -> None:
    """The names of the variables become the identity; one that is not set is a warning, its value never read."""
    text = base.replace("aws_region:", "aws_access_key_env: KEY\n      aws_secret_key_env: SECRET\n      aws_region:")
    runtime, warnings = compiled(text, {"KEY": "AKIDEXAMPLE"})
    assert runtime.targets[0].identity == Identity(None, "KEY", "SECRET")
    (warning,) = warnings
    assert (warning.code, warning.path) == (Code.CREDENTIALS, ("providers", "targets", 0, "aws_secret_key_env"))
    assert "SECRET is not set; the target is unavailable" in warning.message
    assert compiled(text, {"KEY": "a", "SECRET": "b"})[1] == ()


@pytest.mark.parametrize(
    ("settings", "path"),
    [("path: trail", "/etc/kt/trail"), ("path: /var/lib/kt", "/var/lib/kt"), ("", "/etc/kt/audit")],
)
def test_audit_settings(base: str, settings: str, path: str) -> None:
    """The trail's path counts from the configuration; the other settings pass through."""
    text = base.replace("immutable: true", f"immutable: false\n    retention_days: 9\n    {settings}")
    audit = compiled(text)[0].audit
    assert audit == AuditSettings(immutable=False, retention_days=9, path=PurePath(path))


def test_audit_is_off_outside_the_chain(base: str) -> None:
    """Settings alone do not turn the trail on."""
    assert not compiled(base.replace("    - audit-logger", "    - pii-detector"))[0].audit.enabled


def test_fail_open_reaches_the_chain(base: str) -> None:
    """--fail-mode allow stands in the runtime and in its chain."""
    runtime, _ = compiled(base, fail_open=True)
    assert runtime.fail_open
    assert runtime.chain.fail_open


@pytest.mark.parametrize("fail_open", [False, True])
@pytest.mark.parametrize(
    ("said", "opens"),
    [("fail: open", True), ("fail: closed", False), ("mode: observe", True), ("pci_mode: true", None)],
)
def test_a_policy_may_fail_in_its_own_way(base: str, fail_open: bool, said: str, opens: bool | None) -> None:
    """A policy's `fail` goes before --fail-mode, one that observes fails open, and others do as all do."""
    text = base.replace("    - audit-logger", "    - audit-logger\n    - pii-detector")
    runtime, _ = compiled(f"{text}  pii-detector:\n    {said}\n", fail_open=fail_open)
    assert ("pii-detector" in runtime.chain.open) is (fail_open if opens is None else opens)
    assert ("audit-logger" in runtime.chain.open) is fail_open


def test_size_limits(base: str) -> None:
    """Both limits pass through in bytes."""
    text = f"{base}size_limits: {{max_body_bytes: 2048, max_response_bytes: 4096}}\n"
    assert compiled(text)[0].limits == Limits(2048, 4096)


def test_what_addresses_a_model(base: str) -> None:
    """Every field of the address arrives under its name; a multi-model target does not stream."""
    lines = (
        "aws_region: us-east-1",
        "inference_component: copy",
        "target_model: a/model.tar.gz",
        "target_variant: blue",
        "target_container: second",
        "custom_attributes: accept_eula=true",
        "inference_id: request_id",
        "max_body_bytes: 4194304",
        "base_url: https://proxy.example/sage/maker/",
    )
    found = target(base, *lines)
    assert (found.inference_component, found.target_model, found.target_variant) == ("copy", "a/model.tar.gz", "blue")
    assert (found.target_container, found.custom_attributes) == ("second", "accept_eula=true")
    assert (found.inference_id, found.streaming, found.max_body_bytes) == (True, False, 4_194_304)
    assert (found.host, found.path_prefix, found.route) == ("proxy.example", "/sage/maker", "invocations")


@pytest.mark.parametrize(
    ("lines", "streaming", "route"),
    [((), True, "invocations"), (("streaming: false",), False, "invocations"), (("route: openai",), True, "openai")],
)
def test_how_a_target_is_asked(base: str, lines: tuple[str, ...], streaming: bool, route: str) -> None:
    """Signed and streaming, unless the target says otherwise."""
    found = target(base, "aws_region: us-east-1", *lines)
    assert (found.streaming, found.route) == (streaming, route)


FIPS, DUALSTACK = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"}


@pytest.mark.parametrize(
    ("lines", "environ", "host"),
    [
        (("use_fips: true",), {}, "runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        (("use_dualstack: true",), {}, "runtime.sagemaker.us-east-1.api.aws"),
        (("use_fips: true", "use_dualstack: true"), {}, "runtime.sagemaker-fips.us-east-1.api.aws"),
        ((), FIPS, "runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ((), FIPS | DUALSTACK, "runtime.sagemaker-fips.us-east-1.api.aws"),
        (("use_fips: false",), FIPS, "runtime.sagemaker.us-east-1.amazonaws.com"),
        ((), {"AWS_USE_FIPS_ENDPOINT": "no"}, "runtime.sagemaker.us-east-1.amazonaws.com"),
    ],
)
def test_the_variant_of_the_host(base: str, lines: tuple[str, ...], environ: dict[str, str], host: str) -> None:
    """The target's own word, else the environment's, as AWS's SDKs read it."""
    assert target(base, "aws_region: us-east-1", *lines, environ=environ).host == host


def test_an_endpoint_variable_and_fips_contradict_each_other(base: str) -> None:
    """A target that asks for a FIPS host never connects to another one because of the environment."""
    text = base.replace("aws_region: us-east-1\n", "aws_region: us-east-1\n      use_fips: true\n")
    with pytest.raises(ConfigurationError) as caught:
        compiled(text, {"AWS_ENDPOINT_URL": "https://h"})
    (problem,) = caught.value.errors
    assert (problem.code, problem.path) == (Code.CONFLICT, ("providers", "targets", 0, "use_fips"))
    assert "AWS_ENDPOINT_URL in the environment" in problem.message


@pytest.mark.parametrize(
    ("lines", "name", "external"),
    [
        ((), "kt-gateway", None),
        (("aws_external_id: partner", "aws_role_session_name: mine"), "mine", "partner"),
    ],
)
def test_a_role_is_assumed_in_the_endpoints_region(
    base: str, lines: tuple[str, ...], name: str, external: str | None
) -> None:
    """On top of the target's other credentials, by STS of the same region and so of the same partition."""
    role = "arn:aws-cn:iam::123456789012:role/invoke"
    found = target(base, "aws_region: cn-north-1", "aws_profile: team", f"aws_role_arn: {role}", *lines).identity
    assert found == Identity("team", None, None, role, external, name, "cn-north-1")
    assert found.source == Identity("team")
