"""`kt policy lint` and `kt policy schema`: texts, JSON, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.cli import main
from extproc.config.schema import rendered

DATA = Path(__file__).parent.parent / "data" / "configs"


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that names no region."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A file with two errors and a warning."""
    file = tmp_path / "bad-config.yaml"
    text = (DATA / "multi-region.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace("version: 1.0.0", "version: 1").replace("- audit-logger", "- audit-loger"))
    return file


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_printed_configurations_are_valid(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each printed configuration lints with status 0, whatever the environment of the machine that lints."""
    assert main(["policy", "lint", "--file", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"OK {file} is valid\n")


def test_valid_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pack, chain and number of policies; no warnings when there are none."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    file = tmp_path / "enterprise.yaml"
    file.write_text((DATA / "enterprise.yaml").read_text().replace('"[A-Za-z0-9/+=]{40}"', "secret=[a-z]{40}"))
    assert main(["policy", "lint", "--policy-config", str(file)]) == 0
    assert capsys.readouterr().out == (
        f"OK {file} is valid\n"
        "Pack: sagemaker-enterprise (v1.0.0)\n"
        "Chain: prompt-injection -> pii-detector -> dlp-filter -> audit-logger\n"
        "Policies validated: 4\n"
    )


def test_missing_region_is_a_warning_of_lint(capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway's machine may know the region: lint warns where it would come from, and does not fail."""
    file = DATA / "minimal.yaml"
    assert main(["policy", "lint", "--file", str(file)]) == 0
    assert f"{file}:7:7: warning: providers.targets[0]: no AWS region; set aws_region" in capsys.readouterr().out


def test_invalid_text(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The number of errors, then each problem on a line that an editor can jump to; status 2."""
    assert main(["policy", "lint", "--file", str(broken)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"X {broken} has 2 errors"
    assert lines[1:] == [
        f"{broken}:3:12: pack.version: expected text, found the number 1; put it in quotes [E006]",
        f"{broken}:13:7: policies.chain[0]: unknown policy 'audit-loger'; did you mean audit-logger? [E001]",
        f"{broken}:15:3: warning: policy.audit-logger: not in policies.chain, so it does not run; add it there [E003]",
    ]


def test_valid_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The documented object, warnings as objects too."""
    file = DATA / "multi-region.yaml"
    assert main(["policy", "lint", "--json", "--file", str(file)]) == 0
    printed = json.loads(capsys.readouterr().out)
    warnings = printed.pop("warnings")
    assert printed == {
        "valid": True,
        "file": str(file),
        "pack": {"name": "sagemaker-providers-6", "version": "1.0.0"},
        "chain": ["audit-logger"],
        "policy_count": 1,
    }
    assert [(warning["code"], warning["line"], warning["column"]) for warning in warnings] == [
        ("W101", 7, 11),
        ("W101", 9, 11),
    ]


def test_invalid_json(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors with code, path, message, suggestion and place; warnings apart."""
    assert main(["policy", "lint", "--file", str(broken), "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["valid"] is False
    assert [error["code"] for error in printed["errors"]] == ["E006", "E001"]
    assert printed["errors"][1] == {
        "code": "E001",
        "path": "policies.chain[0]",
        "message": "unknown policy 'audit-loger'",
        "suggestion": "did you mean audit-logger?",
        "line": 13,
        "column": 7,
    }
    assert [warning["code"] for warning in printed["warnings"]] == ["E003"]


def test_unreadable_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is said plainly; status 2."""
    file = tmp_path / "none.yaml"
    assert main(["policy", "lint", "--file", str(file)]) == 2
    assert (
        capsys.readouterr().out == f"X {file} has 1 error\n{file}: cannot be read: No such file or directory [E009]\n"
    )


def test_default_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --file, policy-config.yaml of this directory."""
    monkeypatch.chdir(tmp_path)
    Path("policy-config.yaml").write_bytes((DATA / "minimal.yaml").read_bytes())
    assert main(["policy", "lint"]) == 0
    assert capsys.readouterr().out.startswith("OK policy-config.yaml is valid\n")


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`kt policy schema` prints exactly what schema.json holds."""
    assert main(["policy", "schema"]) == 0
    assert capsys.readouterr().out == rendered()
