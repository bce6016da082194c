"""`python -m extproc` is `kt`: how the supervisor starts its workers, whatever PATH says."""

import sys

from extproc.cli import main

sys.exit(main())
