"""The access log. What it holds is tested in tests/envoy/test_listener.py."""

from extproc.render.access_log import FIELDS, access_log


def test_lines_carry_no_header_body_or_query():
    """Besides our own request id no header is logged, and the path comes without its query."""
    assert [value for value in FIELDS.values() if "REQ(" in value] == ["%REQ(:METHOD)%"]
    assert [value for value in FIELDS.values() if "RESP(" in value] == ["%RESP(x-request-id)%"]
    assert FIELDS["path"] == "%FILTER_STATE(kt.path:PLAIN)%"


def test_the_log_goes_where_it_is_told():
    """JSON lines to the path given, behind a filter."""
    log = access_log("/run/kt/access.log")
    assert log["typed_config"]["path"] == "/run/kt/access.log"
    assert log["typed_config"]["log_format"] == {"json_format": FIELDS}
    assert log["filter"]
