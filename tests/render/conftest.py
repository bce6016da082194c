"""A gateway with a failover group over TLS and a lone emulated target, and what it renders to."""

from __future__ import annotations

import pytest

from extproc.config.runtime import Limits
from extproc.render import envoy
from extproc.render.settings import Address, Settings
from extproc.routing.targets import Target


@pytest.fixture
def settings():
    """Everything on Unix sockets but the listeners."""
    return Settings(
        listen=Address("127.0.0.1", 41002),
        workers=(Address(path="/run/kt/w0.sock"), Address(path="/run/kt/w1.sock")),
        trap=Address("127.0.0.1", 41009),
        admin=Address(path="/run/kt/admin.sock"),
        access_log="/dev/null",
    )


@pytest.fixture
def targets():
    """Two regions of one model, and a model that only one target serves."""
    aws = "runtime.sagemaker.{}.amazonaws.com"
    return (
        Target("east", "e", ("m", "e"), "us-east-1", host=aws.format("us-east-1")),
        Target("west", "w", ("m", "w"), "us-west-2", host=aws.format("us-west-2"), timeout_seconds=90.0),
        Target("lone", "l", ("alone",), "us-east-1", scheme="http", host="localhost", port=8080),
    )


@pytest.fixture
def document(settings, targets):
    """The static rendering."""
    return envoy.static(settings, targets, Limits(max_body_bytes=1_000, max_response_bytes=2_000))


@pytest.fixture
def clusters(document):
    """The clusters by name."""
    return {cluster["name"]: cluster for cluster in document["static_resources"]["clusters"]}


@pytest.fixture
def manager(document):
    """The clients' connection manager."""
    return document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


@pytest.fixture
def route(manager):
    """The one virtual host."""
    return manager["route_config"]["virtual_hosts"][0]
