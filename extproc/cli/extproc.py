"""`kt extproc serve`: the workers alone, for a mesh, for compose, or under the supervisor of `kt gateway run`."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    commands = verbs.add_parser("extproc", help="run the external processor without Envoy").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    serve = commands.add_parser("serve", help="serve Envoy's ext_proc protocol on one address")
    serve.add_argument("--policy-config", type=Path, required=True, metavar="FILE")
    serve.add_argument("--listen", required=True, metavar="ADDRESS", help='"host:port" or "unix:/path/to.sock"')
    serve.add_argument(
        "--fail-mode", choices=("block", "allow"), default="block", help="when a policy or the audit fails"
    )
    serve.add_argument("--writer", default="w0", metavar="NAME", help="names this worker's audit file (default w0)")
    serve.add_argument(
        "--drain-seconds", type=float, default=600.0, metavar="S", help="how long open answers may go on"
    )
    serve.add_argument("--parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    import sys

    import uvloop

    from extproc.config.load import ConfigurationError
    from extproc.edge import logs
    from extproc.edge.worker import WorkerSettings, end_with, serve

    if arguments.parent is not None:
        end_with(arguments.parent)
    logs.configure(worker=arguments.writer)
    settings = WorkerSettings(
        policy_config=arguments.policy_config,
        address=arguments.listen,
        fail_open=arguments.fail_mode == "allow",
        writer=arguments.writer,
        drain_seconds=arguments.drain_seconds,
    )
    try:
        return uvloop.run(serve(settings))
    except (ConfigurationError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
