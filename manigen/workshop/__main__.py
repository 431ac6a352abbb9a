"""`python -m manigen.workshop`: the worker."""

from manigen.workshop.worker import main

if __name__ == "__main__":
    raise SystemExit(main())
