"""`kt sagemaker emulate`: a SageMaker Runtime to try and test against, without an AWS account."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable

    from extproc.emulator.runtime import Fault
    from extproc.emulator.server import Emulator
    from extproc.routing.targets import Credentials

_DEFAULT_LISTEN = "127.0.0.1:4570"


class _Parser(argparse.ArgumentParser):
    """Draws its tables when it is asked for help: every `kt` registers every verb, and should not load the emulator."""

    def format_help(self) -> str:
        """Return the help text."""
        self.description = _description()
        return super().format_help()


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    verb = verbs.add_parser("sagemaker", help="emulate SageMaker Runtime", description="SageMaker Runtime, emulated.")
    commands = verb.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    emulate = commands.add_parser(
        "emulate",
        help="serve InvokeEndpoint and InvokeEndpointWithResponseStream of one region",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    emulate.add_argument(
        "--listen", default=_DEFAULT_LISTEN, metavar="HOST:PORT", help="port 0 takes a free one (%(default)s)"
    )
    emulate.add_argument("--region", default="us-east-1", help="in whose scope requests must be signed (%(default)s)")
    emulate.add_argument(
        "--access-key", action="append", default=[], help="accept this key; may be given several times"
    )
    emulate.add_argument("--secret-key", action="append", default=[], help="the secret of each --access-key, in order")
    emulate.add_argument("--session-token", help="the token that must come with the (only) key")
    emulate.add_argument(
        "--endpoint", action="append", metavar="NAME", help="an endpoint that exists; default: all but missing*"
    )
    emulate.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="ENDPOINT=KIND[:TIMES]",
        help="a fault from the start; ENDPOINT * is every one",
    )
    emulate.add_argument("--payload-limit", type=int, metavar="BYTES", help="of a request body (26214400)")
    emulate.add_argument("--tls-cert", metavar="FILE", help="serve TLS with this certificate chain (PEM)")
    emulate.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    emulate.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns 0, or 2 when the arguments or the address cannot be used."""
    import asyncio

    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    try:
        emulator = _emulator(arguments)
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_serve(emulator))
    except (ValueError, OSError) as fault:
        print(f"kt sagemaker emulate: {fault}", file=sys.stderr)
        return 2
    return 0


async def _serve(emulator: Emulator) -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with emulator:
        print(f"sagemaker emulator {emulator.runtime.region} listening on {emulator.host}:{emulator.port}", flush=True)
        await stop.wait()


def _emulator(arguments: argparse.Namespace) -> Emulator:
    from extproc.emulator.runtime import PAYLOAD_LIMIT
    from extproc.emulator.server import Emulator

    host, separator, port = arguments.listen.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"--listen {arguments.listen}: not HOST:PORT")
    return Emulator(
        region=arguments.region,
        credentials=_credentials(arguments),
        endpoints=arguments.endpoint,
        host=host.strip("[]") or "0.0.0.0",  # noqa: S104 - `:PORT` asks for every address
        port=int(port),
        tls=_tls(arguments),
        payload_limit=PAYLOAD_LIMIT if arguments.payload_limit is None else arguments.payload_limit,
        faults=[_fault(text) for text in arguments.fault],
    )


def _credentials(arguments: argparse.Namespace) -> list[Credentials]:
    """Return the keys given, else those that an AWS client in our environment signs with, else the test keys."""
    from extproc.emulator.server import TEST_CREDENTIALS
    from extproc.routing.targets import Credentials

    if len(arguments.access_key) != len(arguments.secret_key):
        raise ValueError("every --access-key needs its --secret-key")
    if arguments.access_key:
        pairs = zip(arguments.access_key, arguments.secret_key, strict=True)
        return [Credentials(access, secret, arguments.session_token) for access, secret in pairs]
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret:
        return [Credentials(access, secret, arguments.session_token or os.environ.get("AWS_SESSION_TOKEN") or None)]
    return [TEST_CREDENTIALS]


def _fault(text: str) -> Fault:
    from extproc.emulator.runtime import Fault

    endpoint, separator, rest = text.partition("=")
    kind, _, times = rest.partition(":")
    if not separator or not endpoint or (times and not times.isdigit()):
        raise ValueError(f"--fault {text}: not ENDPOINT=KIND[:TIMES]")
    return Fault(endpoint, kind, int(times) if times else None)


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    import ssl

    if arguments.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    return context


def _description() -> str:
    from extproc.emulator import personalities
    from extproc.emulator.knobs import SHORT
    from extproc.emulator.server import TEST_CREDENTIALS

    knobs = "\n".join(f"  --{short:22} {name}" for short, name in SHORT.items())
    return f"""\
A SageMaker Runtime of one region. It checks Signature Version 4 on the bytes it receives, answers as a vLLM container
that repeats the last user message or the prompt, or as one of the containers below, and fails when asked to.

Keys: --access-key and --secret-key, else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else AWS's documentation's:
  {TEST_CREDENTIALS.access_key} {TEST_CREDENTIALS.secret_key}

What an endpoint does is chosen by the beginning of its name (KIND, KIND-anything), by --fault, by POST
/emulator/faults (both may end in knobs: KIND--first2000), or by {{"emulator": {{"fault": KIND}}}} in a request's
body. A fault of an answer or of a stream leaves the container what it is (tei-vector-missing, tgi-truncated):
{personalities.table()}

How an answer is cut and paced, at the end of the name (chat--frame1--delay5) or under its long name in "emulator":
{knobs}

Unsigned, on the same port: GET /emulator/health, GET /emulator/requests, GET /emulator/counts, GET and POST
/emulator/faults, POST /emulator/reset."""
