"""A small valid configuration to change, and what is said about the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extproc.config.load import inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = """\
pack:
  name: demo
  version: 1.0.0
  enabled: true
providers:
  targets:
    - id: llama
      provider: sagemaker:chat:my-endpoint
      aws_region: us-east-1
policies:
  chain:
    - audit-logger
policy:
  audit-logger:
    immutable: true
"""


@pytest.fixture
def base() -> str:
    """The configuration that the tables change."""
    return BASE


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., list[str]]:
    """A function from a file's text and environment to all that is said about it, one line a problem."""

    def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
        file = tmp_path / "policy-config.yaml"
        file.write_text(text, encoding="utf-8")
        found = inspect(file, environ={"AWS_CONFIG_FILE": str(tmp_path / "none"), **(environ or {})}).problems
        return [problem.render("").removeprefix(":") for problem in found]

    return problems
