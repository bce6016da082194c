"""What each room of extproc/ may import: the core judges and translates, the edges touch the world."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "extproc"

# Everything outside these is the core. A folder ends in "/".
EDGES = ("edge/", "emulator/", "cli/", "_pb/", "config/load.py", "__main__.py")

# Standard library modules that reach for the world, its clock or its dice: the core gets these as arguments.
WORLD = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "fileinput", "ftplib", "getpass", "glob", "http", "imaplib", "logging",
    "mmap", "multiprocessing", "os", "platform", "poplib", "pwd", "queue", "random", "resource", "sched", "secrets",
    "select", "selectors", "shutil", "signal", "smtplib", "socket", "socketserver", "ssl", "subprocess", "syslog",
    "tempfile", "termios", "threading", "time", "urllib.request", "uuid", "webbrowser",
})  # fmt: skip

# Which core rooms may use which library; "" is the whole core. What is not listed is for the edges alone.
LIBRARIES = {
    "orjson": ("",),
    "cryptography": ("audit/",),
    "re2": ("policies/", "config/"),
    "hpack": ("http2/",),
    "numpy": ("policies/",),
    "phonenumbers": ("policies/",),
    "pydantic": ("config/",),
    "pydantic_core": ("config/",),
    "yaml": ("config/", "render/"),
}

# Asking the clock without an import that WORLD could catch.
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})


def modules() -> list[str]:
    """Every source file of the package, relative to it."""
    return sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


CORE = [name for name in modules() if not any(name == edge or name.startswith(edge) for edge in EDGES)]


def tree(name: str) -> ast.Module:
    """The syntax tree of one source file."""
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def imports(name: str) -> set[str]:
    """Every module a file imports, at any depth and under TYPE_CHECKING too, `from a import b` counted as a and a.b."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: relative import; write the full name"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(module: str, roots: frozenset[str]) -> bool:
    """Whether a module is one of the roots or lies below one."""
    parts = module.split(".")
    return any(".".join(parts[:length]) in roots for length in range(1, len(parts) + 1))


def test_the_core_is_found() -> None:
    """The rules below look at the real files: the contracts are core, the command line is not."""
    assert {"events.py", "actions.py", "errors.py", "policies/verdict.py"} <= set(CORE)
    assert "cli/__init__.py" not in CORE


@pytest.mark.parametrize("name", CORE)
def test_core_does_not_reach_for_the_world(name: str) -> None:
    """A core module imports nothing that opens, waits, logs, or asks the clock, the dice or the environment."""
    assert {module for module in imports(name) if within(module, WORLD)} == set()


@pytest.mark.parametrize("name", CORE)
def test_core_uses_only_the_libraries_of_its_room(name: str) -> None:
    """A core module imports a third-party library only where the table above allows it; grpc and botocore nowhere."""
    outside = {
        module.split(".")[0]
        for module in imports(name)
        if module.split(".")[0] not in sys.stdlib_module_names and not within(module, frozenset({"extproc"}))
    }
    refused = {library for library in outside if not any(name.startswith(room) for room in LIBRARIES.get(library, ()))}
    assert refused == set()


@pytest.mark.parametrize("name", CORE)
def test_core_does_not_import_an_edge(name: str) -> None:
    """No core module imports an edge, so by induction none does indirectly either."""
    edges = frozenset(f"extproc.{edge.removesuffix('/').removesuffix('.py').replace('/', '.')}" for edge in EDGES)
    assert {module for module in imports(name) if within(module, edges)} == set()


@pytest.mark.parametrize("name", CORE)
def test_core_calls_neither_clock_nor_file_system(name: str) -> None:
    """A core module never calls datetime.now() and its kind, open(), print() or input()."""
    calls = [node.func for node in ast.walk(tree(name)) if isinstance(node, ast.Call)]
    attributes = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    assert attributes & CLOCK_CALLS == set()
    assert names & {"open", "print", "input"} == set()


def test_core_loads_without_the_heavy_libraries() -> None:
    """Importing the whole core in a fresh interpreter loads no gRPC, protobuf, botocore or event loop."""
    names = [f"extproc.{name.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}" for name in CORE]
    # Reading a configuration and rendering Envoy's happen once, before the first request, and may load what they need.
    loaded = [name for name in names if not name.startswith(("extproc.config", "extproc.render"))]
    program = (
        "import importlib, sys\n"
        f"for name in {loaded!r}: importlib.import_module(name)\n"
        "heavy = {'grpc', 'google.protobuf', 'botocore', 'asyncio', 'uvloop', 'pydantic', 'yaml', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_only_the_wire_speaks_protobuf() -> None:
    """Envoy's messages are read and written in edge/wire.py alone; edge/server.py names their types to gRPC."""
    messages = frozenset({"extproc._pb"})
    users = {name for name in modules() if any(within(module, messages) for module in imports(name))}
    assert users - {"_pb/__init__.py"} <= {"edge/wire.py", "edge/server.py"}


def status_literals(name: str) -> list[int]:
    """Lines that give a 4xx or 5xx literal to something called a status: an argument, a variable or a field."""

    def is_error(value: ast.expr | None) -> bool:
        return isinstance(value, ast.Constant) and isinstance(value.value, int) and 400 <= value.value <= 599

    lines = []
    for node in ast.walk(tree(name)):
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.keyword):
            pairs = [(node.arg or "", node.value)]
        elif isinstance(node, ast.Assign):
            pairs = [(ast.unparse(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            pairs = [(ast.unparse(node.target), node.value)]
        lines += [value.lineno for target, value in pairs if value and "status" in target.lower() and is_error(value)]
    return lines


# The emulator plays SageMaker's part and the renderer writes Envoy's own answers: neither maps our errors.
SPEAK_FOR_OTHERS = ("emulator/", "render/")


@pytest.mark.parametrize("name", [name for name in modules() if not name.startswith(SPEAK_FOR_OTHERS)])
def test_statuses_of_errors_stand_in_one_file(name: str) -> None:
    """Only errors.py says which status an error has."""
    assert name == "errors.py" or status_literals(name) == []
