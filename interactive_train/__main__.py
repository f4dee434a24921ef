"""``python -m interactive_train``: see `interactive_train.cli`."""

import sys

from interactive_train.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
