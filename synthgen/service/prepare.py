"""`python -m synthgen.service.prepare`: bring the database to the newest schema and print the set-up link if needed."""

from __future__ import annotations

import sys

from synthgen.service import bootstrap, people


def main() -> None:
    """What runs once before the servers start; safe to run again."""
    with bootstrap.running() as app:
        app.store.check()
        if people.setup_needed(app):
            link = f"{app.settings.address}/account/setup?token={people.new_setup_token(app)}"
            sys.stdout.write(f"Create the first account (this link works once): {link}\n")


if __name__ == "__main__":
    main()
