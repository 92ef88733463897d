"""One file per page; `show` draws it."""
