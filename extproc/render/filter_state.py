"""What is kept of the request as the client sent it, for whoever asks when the exchange ends.

HCM's always_set_request_id_in_response, %STREAM_ID% and %PATH% read the request's headers at that time: by then
attempt.lua has removed all that was not signed, and the path is SageMaker's.
"""

from __future__ import annotations

from extproc.render.extension import Document, extension

REQUEST_ID = "kt.request_id"
PATH = "kt.path"

PATH_AND_QUERY = "kt.path_and_query"

_KEPT = {REQUEST_ID: "%REQ(x-request-id)%", PATH: "%PATH(NQ)%", PATH_AND_QUERY: "%REQ(:path)%"}


def keep_original() -> Document:
    """The filter that keeps it; the first of all."""
    return extension(
        "envoy.filters.http.set_filter_state",
        "extensions.filters.http.set_filter_state.v3.Config",
        {
            "on_request_headers": [
                {
                    "object_key": key,
                    "factory_key": "envoy.string",
                    "format_string": {"text_format_source": {"inline_string": value}},
                }
                for key, value in _KEPT.items()
            ]
        },
    )
