"""Where workers on AWS find credentials: web identity, containers, instances and SSO, as in botocore's chain."""

import hashlib
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from extproc.emulator.server import Emulator, EmulatorThread
from extproc.routing.targets import Credentials

KEYS = Credentials("ASIASOURCETESTS00001", "secret-of-a-source", "token/of+a+source==")
EXPIRES = datetime.now(UTC) + timedelta(hours=6)
START = "https://example.awsapps.com/start"
_JSON = {
    "AccessKeyId": KEYS.access_key,
    "SecretAccessKey": KEYS.secret_key,
    "Token": KEYS.token,
    "Expiration": EXPIRES.strftime("%Y-%m-%dT%H:%M:%SZ"),
}
_XML = (
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/n</Arn>"
    f"<AssumedRoleId>A:n</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>{KEYS.access_key}</AccessKeyId>"
    f"<SecretAccessKey>{KEYS.secret_key}</SecretAccessKey><SessionToken>{KEYS.token}</SessionToken>"
    f"<Expiration>{_JSON['Expiration']}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
    "</AssumeRoleWithWebIdentityResponse>"
)
_SSO = {
    "accessKeyId": KEYS.access_key,
    "secretAccessKey": KEYS.secret_key,
    "sessionToken": KEYS.token,
    "expiration": int(EXPIRES.timestamp() * 1000),
}
_ROLES = "/latest/meta-data/iam/security-credentials/"
# Method and path, without the query, to what the service answers there.
ANSWERS = {
    ("GET", "/container"): json.dumps(_JSON),
    ("PUT", "/latest/api/token"): "metadata-token",
    ("GET", _ROLES): "worker",
    ("GET", f"{_ROLES}worker"): json.dumps({**_JSON, "Code": "Success", "Type": "AWS-HMAC"}),
    ("POST", "/"): _XML,
    ("GET", "/federation/credentials"): json.dumps({"roleCredentials": _SSO}),
}


@contextmanager
def service():
    """A server of all four kinds; it remembers method, path, headers and body of each call."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        """One call."""

        def answer(self):
            """What stands in the table."""
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            path = self.path.partition("?")[0]
            calls.append(SimpleNamespace(method=self.command, path=path, headers=self.headers, body=body))
            text = ANSWERS.get((self.command, path))
            self.send_response(404 if text is None else 200)
            self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            self.send_header("content-length", str(len(text or "")))
            self.end_headers()
            self.wfile.write((text or "").encode())

        do_GET = do_PUT = do_POST = answer  # noqa: N815  # the names that http.server looks for

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def container(url, _):
    """ECS and EKS pod identity."""
    token = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "who-asks"}
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container", **token}


def instance(url, _):
    """EC2, IMDSv2."""
    return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}


def web_identity(url, home):
    """IRSA."""
    (home / "token").write_text("identity-of-a-pod")
    role = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": str(home / "token")}
    return {**role, "AWS_ENDPOINT_URL_STS": url, "AWS_REGION": "us-east-1"}


def sso(url, home):
    """A developer's machine, after `aws sso login`."""
    profile = f"sso_start_url={START}\nsso_region=us-east-1\nsso_account_id=123456789012\nsso_role_name=r\n"
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (home / ".aws" / "config").write_text(f"[default]\nregion=us-east-1\n{profile}")
    name = hashlib.sha1(START.encode()).hexdigest()  # botocore names the file so
    login = {"startUrl": START, "region": "us-east-1", "accessToken": "who-logged-in", "expiresAt": _JSON["Expiration"]}
    (cache / f"{name}.json").write_text(json.dumps(login))
    return {"HOME": str(home), "AWS_ENDPOINT_URL_SSO": url}


# How the source knows who asks.
PROOFS = {
    container: lambda call: call.headers["authorization"] == "who-asks",
    instance: lambda call: call.headers["x-aws-ec2-metadata-token"] == "metadata-token",
    web_identity: lambda call: "WebIdentityToken=identity-of-a-pod" in call.body,
    sso: lambda call: call.headers["x-amz-sso_bearer_token"] == "who-logged-in",
}


@pytest.mark.parametrize("source", PROOFS, ids=lambda source: source.__name__)
def test_a_request_is_signed_with_what_the_source_gives(gateways, launch, tmp_path, source):
    """An unchanged configuration: SageMaker sees the session's key and token, and the log none of it."""
    with service() as (url, calls), EmulatorThread(Emulator(region="us-east-1", credentials=[KEYS])) as east:
        place = SimpleNamespace(name="us-east-1", url=east.url)
        gateway = gateways(launch.pack(launch.target("east", place, "chat", model="m")), env=source(url, tmp_path))
        messages = [{"role": "user", "content": "alpha"}]
        answer = gateway.client().chat.completions.create(model="m", messages=messages)
        assert answer.choices[0].message.content == "alpha"
        assert east.requests[-1].headers["x-amz-security-token"] == KEYS.token
    assert PROOFS[source](calls[-1])
    assert KEYS.secret_key not in gateway.log()
    assert KEYS.token not in gateway.log()
