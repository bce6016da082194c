"""HTTPS to the endpoints: certificates are checked by name and by authority; a region that fails is passed over."""

import subprocess

import openai
import pytest

MESSAGES = [{"role": "user", "content": "alpha bravo"}]


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A private authority's file, and the files of a certificate of its for `localhost`."""
    directory = tmp_path_factory.mktemp("certificates")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kt tests"]
    subprocess.run(
        [*command, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return certificate, key


@pytest.fixture(scope="module")
def secure(certified, launch):
    """An emulated region behind TLS."""
    certificate, key = certified
    region = launch.region("us-east-1", "--tls-cert", str(certificate), "--tls-key", str(key), secure=True)
    yield region
    region.process.terminate()
    region.process.wait()


def test_an_https_endpoint_with_a_trusted_certificate_serves(gateways, launch, secure, certified):
    """AWS_CA_BUNDLE names the authority, as for AWS's own clients; a chat and a stream go through."""
    env = {**launch.CREDENTIALS, "AWS_CA_BUNDLE": str(certified[0])}
    gateway = gateways(launch.pack(launch.target("east", secure, "chat")), env=env)
    client = gateway.client()
    assert client.chat.completions.create(model="chat", messages=MESSAGES).choices[0].message.content == "alpha bravo"
    chunks = client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "alpha bravo"


def test_a_certificate_of_an_unknown_authority_is_refused(gateways, launch, secure):
    """Without the authority nothing is sent: 503, and no word of the certificate to the client."""
    gateway = gateways(launch.pack(launch.target("east", secure, "chat")))
    with pytest.raises(openai.InternalServerError) as caught:
        gateway.client().chat.completions.create(model="chat", messages=MESSAGES)
    assert (caught.value.status_code, caught.value.type) == (503, "server_error")
    assert "certificate" not in caught.value.response.text.lower()


def test_a_certificate_for_another_name_is_refused_and_the_next_region_serves(
    gateways, launch, secure, certified, regions
):
    """The authority is trusted, the name is not the certificate's: the attempt fails before a byte of the request."""
    env = {**launch.CREDENTIALS, "AWS_CA_BUNDLE": str(certified[0])}
    targets = launch.target("east", secure, "chat", base_url=f"https://127.0.0.1:{secure.port}")
    targets += launch.target("west", regions[1], "chat")
    gateway = gateways(launch.pack(targets), env=env)
    raw = gateway.client().chat.completions.with_raw_response.create(model="chat", messages=MESSAGES)
    assert raw.headers["x-kt-target"] == "west"
    line = gateway.audited(raw.headers["x-request-id"])
    assert [(attempt["target"], attempt["status"]) for attempt in line["attempts"]][-1] == ("west", 200)
