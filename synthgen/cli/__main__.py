"""`python -m synthgen.cli` is the same as `synthgen`."""

from synthgen.cli import main

if __name__ == "__main__":
    main()
