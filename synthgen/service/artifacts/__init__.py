"""Where the bytes live: one interface, a folder or an S3-compatible store behind it."""
