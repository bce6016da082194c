"""What is kept of the request."""

from extproc.render.filter_state import PATH, REQUEST_ID, keep_original


def test_id_and_path_are_kept_before_anything_changes_them(manager):
    """The filter is the first of all, and keeps the id and the path without its query."""
    assert manager["http_filters"][0] == keep_original()
    kept = {
        each["object_key"]: each["format_string"]["text_format_source"]["inline_string"]
        for each in keep_original()["typed_config"]["on_request_headers"]
    }
    assert kept[REQUEST_ID] == "%REQ(x-request-id)%"
    assert kept[PATH] == "%PATH(NQ)%"
