"""The bootstrap document."""

from dataclasses import replace

from extproc.render.bootstrap import bootstrap
from extproc.render.settings import Address


def test_the_admin_socket_is_the_owners(document):
    """Only the owner may talk to the admin endpoint, and it is on no port."""
    assert document["admin"]["address"] == {"pipe": {"path": "/run/kt/admin.sock", "mode": 0o600}}


def test_an_admin_port_is_possible(settings):
    """A mesh may want a TCP address instead."""
    document = bootstrap(replace(settings, admin=Address("127.0.0.1", 9901)), {})
    assert document["admin"]["address"]["socket_address"]["port_value"] == 9901


def test_connections_are_bounded(document, settings):
    """The number of clients' connections has an end."""
    (monitor,) = document["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] == settings.max_connections
