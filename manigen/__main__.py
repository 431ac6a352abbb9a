"""`python -m manigen`: the same verbs as the library's, from a terminal."""

import sys

from manigen.cli import main

sys.exit(main())
