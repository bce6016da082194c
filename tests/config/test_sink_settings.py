"""Compiled sinks."""

from extproc.config.sink_settings import S3Settings, SinkSettings


def test_a_sink_is_required_unless_it_says_otherwise():
    """Of any kind."""
    assert isinstance(S3Settings(name="s3", bucket="b"), SinkSettings)
    assert S3Settings(name="s3", bucket="b").required
