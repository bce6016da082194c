"""From a file to a Runtime, and nothing but ConfigurationError for anything else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.config.load import inspect, load_runtime, profile_region
from extproc.config.problem import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent.parent / "data" / "configs"
ENTERPRISE = (DATA / "enterprise.yaml").read_bytes()
MULTI_REGION = (DATA / "multi-region.yaml").read_bytes()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    """A function that writes a configuration file."""

    def write(data: bytes) -> Path:
        file = tmp_path / "policy-config.yaml"
        file.write_bytes(data)
        return file

    return write


def test_runtime_of_a_file(written: Callable[[bytes], Path]) -> None:
    """Hash, time and the directory of the audit trail are the file's."""
    file = written(ENTERPRISE)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    runtime = load_runtime(str(file), environ={"AWS_REGION": "eu-central-1"}, fail_open=True)
    assert runtime.config_hash == hashlib.sha256(ENTERPRISE).hexdigest()
    assert runtime.created == 1_700_000_000
    assert runtime.audit.path == file.parent / "audit"
    assert runtime.fail_open


def test_relative_path_counts_from_here(written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail's path is absolute even when the file was named relatively: no chdir moves it."""
    monkeypatch.chdir(written(MULTI_REGION).parent)
    assert load_runtime("policy-config.yaml", environ={}).audit.path == Path.cwd() / "audit"


def test_process_environment_is_the_default(written: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `environ`, the process's own environment gives the region."""
    monkeypatch.setenv("AWS_REGION", "ca-central-1")
    assert load_runtime(written(ENTERPRISE)).targets[0].region == "ca-central-1"


def test_error_text_is_ready_to_print(written: Callable[[bytes], Path]) -> None:
    """Each line of the exception begins with the file as it was named."""
    file = written(ENTERPRISE.replace(b"threshold", b"treshold").replace(b"SSN", b"SSM"))
    with pytest.raises(ConfigurationError) as raised:
        load_runtime(file, environ={})
    lines = str(raised.value).split("\n")
    assert [line.split(": ")[0] for line in lines] == [f"{file}:13:5", f"{file}:20:9", f"{file}:28:16"]
    assert len(raised.value.errors) == 2


def test_environment_problems_are_placed(written: Callable[[bytes], Path], tmp_path: Path) -> None:
    """What only the environment lacks is told at the target that needs it."""
    with pytest.raises(ConfigurationError, match=r"policy-config\.yaml:37:7: providers\.targets\[0\]: no AWS region"):
        load_runtime(written(ENTERPRISE), environ={"AWS_CONFIG_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.yaml", "No such file"), (".", "Is a directory"), ("a\0b", "NUL"), ("x" * 300, "File name too long")],
)
def test_unreadable_path(tmp_path: Path, name: str, reason: str) -> None:
    """A path that cannot be read is a ConfigurationError that says why."""
    with pytest.raises(ConfigurationError, match=f"cannot be read: .*{reason}"):
        load_runtime(f"{tmp_path}/{name}", environ={})


def test_endless_file_is_not_read_to_its_end() -> None:
    """A device does not fill the memory."""
    with pytest.raises(ConfigurationError, match="more than 1048576"):
        load_runtime("/dev/zero", environ={})


def test_profile_region_reads_the_config_file(tmp_path: Path) -> None:
    """AWS_CONFIG_FILE and AWS_PROFILE are honoured; an absent or broken file says nothing."""
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = us-east-2\n[profile prod]\nregion = eu-west-3\n[profile bare]\noutput = json\n"
    )
    environ = {"AWS_CONFIG_FILE": str(config)}
    assert profile_region(None, environ=environ) == "us-east-2"
    assert profile_region("prod", environ=environ) == "eu-west-3"
    assert profile_region(None, environ={**environ, "AWS_PROFILE": "prod"}) == "eu-west-3"
    assert profile_region(None, environ={**environ, "AWS_DEFAULT_PROFILE": "prod"}) == "eu-west-3"
    assert profile_region("bare", environ=environ) is None
    assert profile_region("gone", environ=environ) is None
    assert profile_region(None, environ={"AWS_CONFIG_FILE": str(tmp_path / "none")}) is None
    config.write_text("region = us-east-2\n[")
    assert profile_region(None, environ=environ) is None


def test_profiles_region_is_used(written: Callable[[bytes], Path], tmp_path: Path) -> None:
    """A region in ~/.aws/config is enough to run the printed configurations."""
    config = tmp_path / "config"
    config.write_text("[profile sagemaker-inference-role]\nregion = ap-northeast-1\n")
    environ = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "sagemaker-inference-role"}
    assert load_runtime(written(ENTERPRISE), environ=environ).targets[0].region == "ap-northeast-1"


def check_survives(file: Path, data: bytes) -> None:
    """Whatever the bytes, there is a runtime or a ConfigurationError with a text."""
    file.write_bytes(data)
    environ = {"AWS_REGION": "us-east-1"}
    inspected = inspect(file, environ=environ)
    if inspected.runtime is not None:
        assert inspected.configuration is not None
        assert load_runtime(file, environ=environ).config_hash == hashlib.sha256(data).hexdigest()
        return
    with pytest.raises(ConfigurationError) as raised:
        load_runtime(file, environ=environ)
    assert raised.value.errors
    assert str(raised.value)


shared_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@shared_file
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    """Arbitrary bytes never raise anything else."""
    check_survives(tmp_path / "f", data)


@shared_file
@given(st.data())
def test_any_mutation(tmp_path: Path, data: st.DataObject) -> None:
    """A printed configuration with pieces cut, doubled, swapped or replaced never raises anything else."""
    text = ENTERPRISE.decode()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        piece = data.draw(
            st.sampled_from(
                ["", ":", "-", "\n", "\n  ", "{}", "[]", "~", "yes", "1e999", "*a", "&a ", "<<: ", "(", "\\"]
            )
            | st.text(max_size=5)
            | st.just(text[start:end] * 2)
        )
        text = text[:start] + piece + text[end:]
    check_survives(tmp_path / "f", text.encode("utf-8", "surrogatepass"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@shared_file
@given(st.data())
def test_any_value_anywhere(tmp_path: Path, data: st.DataObject) -> None:
    """A value of any shape in the place of any other never raises anything else."""
    import yaml  # noqa: PLC0415  # only this property writes YAML

    document = yaml.safe_load(ENTERPRISE)
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(json_values)
            break
        node = node[key]
    check_survives(tmp_path / "f", yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))
