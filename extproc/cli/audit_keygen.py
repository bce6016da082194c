"""`kt audit keygen`: a key that vouches for the trail's writers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

DONE = 0
UNUSABLE = 2


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `keygen` to the sub-commands of `kt audit`."""
    parser = commands.add_parser(
        "keygen",
        help="make a signing key",
        description="Make an Ed25519 key: its private part goes to a new file that only its owner can read (PKCS #8, "
        "PEM), its public part and id to standard output. A file that is there is never overwritten.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the private key goes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """`kt audit keygen`: 0, or 2 when the file is there or cannot be written."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    from extproc.audit.chain import key_id

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError:
        print(f"kt audit keygen: {arguments.out} is there already: it is not overwritten", file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        print(f"kt audit keygen: {error}", file=sys.stderr)
        return UNUSABLE
    public = key.public_key()
    sys.stdout.write(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    print(f"key id: {key_id(public.public_bytes_raw())}")
    return DONE
