"""``python -m sklearn_logitprod``: the same as ``logitprod``."""

import sys

from sklearn_logitprod.cli import main

if __name__ == "__main__":
    sys.exit(main())
