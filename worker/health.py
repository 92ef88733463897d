"""`python -m worker.health`: exit 0 if the worker of this container reported itself lately."""

from __future__ import annotations

import sys

from synthgen.service import bootstrap, roster


def main() -> int:
    """0 if healthy, 1 if not."""
    app = bootstrap.build()
    try:
        return 0 if roster.alive_here(app) else 1
    finally:
        app.close()


if __name__ == "__main__":
    sys.exit(main())
