"""A gateway's private directory: there for one run, gone after it, and short enough for sockets."""

import pytest

from extproc.edge.run_directory import run_directory


def test_it_is_private_and_goes_with_the_run():
    """Whatever happens in it."""
    used = []

    def run():
        with run_directory() as directory:
            used.append(directory)
            assert directory.stat().st_mode & 0o777 == 0o700
            (directory / "w0.1.sock").touch()
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert not used[0].exists()


def test_a_path_too_long_for_sockets_is_refused(monkeypatch, tmp_path):
    """With what to do; nothing is left."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(OSError, match="set TMPDIR to a shorter one"), run_directory():
        pass
    assert list(long.iterdir()) == []
