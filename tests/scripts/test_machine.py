"""What a measurement says of the machine it was made on."""

from __future__ import annotations

import subprocess
import sys

SPIN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_our_own_work_is_not_others(program):
    """CPU of children that have ended is ours; the share of others is between nothing and all."""
    module = program("machine")
    before = module.own()
    with module.machine() as found:
        subprocess.run([sys.executable, "-c", SPIN], check=True)
    assert module.own() - before > 290_000
    assert 0 <= found.others <= 1
    assert found.seconds > 0.29
    assert found.cores >= 1
    assert found.sync > 0
    assert all(word in str(found) for word in (found.processor, found.python, found.kernel, found.began))
