#!/usr/bin/env bash
# Back up a docker compose installation while it runs: scripts/backup.sh /somewhere/backups
# Each run makes a new folder there with every row and every file; keep it as safe as the data itself.
# Restore into an empty installation: docker compose run --rm --no-deps --volume FOLDER:/backup server synthgen restore /backup
set -euo pipefail

folder="${1:?name the folder that holds the back-ups}"
target="$folder/$(date -u +%Y%m%dT%H%M%SZ)"
mkdir -p "$target"
chmod 0700 "$target"
chown 10001:10001 "$target" 2>/dev/null || echo "not root: user 10001 of the container must be able to write to $target" >&2
docker compose run --rm --no-deps --volume "$target:/backup" server synthgen backup /backup
