"""policy-config.yaml from disk to Runtime. The only file of config/ that touches the world."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.config.compile import compile_runtime
from extproc.config.document import MAX_BYTES, Unreadable
from extproc.config.problem import Code, ConfigurationError, Problem
from extproc.config.validate import placed, validate

if TYPE_CHECKING:
    from extproc.config.model.configuration import Configuration
    from extproc.config.runtime import Runtime

__all__ = ["ConfigurationError", "Inspected", "inspect", "load_runtime", "profile_region"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file as read, what it became, and everything found about it, in the file's order.

    `configuration` is None when the file is not valid, `runtime` also when the environment does not suffice to run it.
    """

    configuration: Configuration | None
    runtime: Runtime | None
    problems: tuple[Problem, ...]


def load_runtime(path: Path | str, *, environ: Mapping[str, str] | None = None, fail_open: bool = False) -> Runtime:
    """The runtime of one file. Several files laid over each other are not supported.

    Args:
        path: the file; relative paths in it count from its directory.
        environ: None for the process's own.
        fail_open: `--fail-mode allow`.

    Raises:
        ConfigurationError: all problems, warnings included; its text is ready to print. Nothing else is ever raised,
            whatever the file holds.
    """
    inspected = inspect(path, environ=environ, fail_open=fail_open)
    if inspected.runtime is None:
        raise ConfigurationError(inspected.problems, str(path))
    return inspected.runtime


def inspect(
    path: Path | str,
    *,
    environ: Mapping[str, str] | None = None,
    fail_open: bool = False,
    home: Path | None = None,
) -> Inspected:
    """Read, validate and compile one file, whatever comes of it; arguments as of `load_runtime`. Never raises.

    `home` is what relative paths count from when the file is a copy that stands elsewhere.
    """
    file = Path(path)
    environment = os.environ if environ is None else environ
    try:
        data, modified = _read(file)
        configuration, document, problems = validate(data)
    except Unreadable as error:
        return Inspected(None, None, (error.problem,))
    if configuration is None:
        return Inspected(None, None, problems)
    try:
        runtime, warnings = compile_runtime(
            configuration,
            environ=environment,
            profile_region=partial(profile_region, environ=environment),
            base_dir=home or file.absolute().parent,
            config_hash=hashlib.sha256(data).hexdigest(),
            created=modified,
            fail_open=fail_open,
        )
    except ConfigurationError as error:
        return Inspected(configuration, None, placed((*problems, *error.problems), document))
    return Inspected(configuration, runtime, placed((*problems, *warnings), document))


def _read(file: Path) -> tuple[bytes, int]:
    """The file's bytes and its time of modification in Unix seconds. Raises Unreadable."""
    try:
        with file.open("rb") as stream:
            # Without a bound, a device or a wrong path (/dev/zero, a core dump) would fill the memory.
            data = stream.read(MAX_BYTES + 1)
            return data, int(os.fstat(stream.fileno()).st_mtime)
    except OSError as error:
        message = f"cannot be read: {error.strerror or 'input/output error'}"
    except ValueError:
        message = "cannot be read: the path holds a NUL character"
    raise Unreadable(Problem(Code.SYNTAX, (), message))


def profile_region(profile: str | None, *, environ: Mapping[str, str]) -> str | None:
    """The region of a profile of ~/.aws/config (AWS_CONFIG_FILE), the default one (AWS_PROFILE) for None."""
    from botocore.configloader import load_config  # noqa: PLC0415  # 0.1 s that most configurations do not need
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # the same

    name = profile or environ.get("AWS_PROFILE", "") or environ.get("AWS_DEFAULT_PROFILE", "") or "default"
    try:
        profiles = load_config(environ.get("AWS_CONFIG_FILE", "") or "~/.aws/config")["profiles"]
    except (BotoCoreError, OSError, ValueError):
        return None
    region = profiles.get(name, {}).get("region")
    return region if isinstance(region, str) else None
