"""Lets `python -m polaris_dsl` be the command `polaris`."""

import sys

from polaris_dsl._cli import main

sys.exit(main())
