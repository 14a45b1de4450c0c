"""``python -m covertreex.cli``: the same as ``covertreex``."""

from . import main

raise SystemExit(main())
