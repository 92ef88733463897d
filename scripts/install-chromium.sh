#!/usr/bin/env bash
# Installs Debian's chromium for the browser test when it is missing; needs root or sudo without a password.
set -euo pipefail

if command -v chromium >/dev/null; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "chromium is missing and this is not Debian or Ubuntu: install chromium yourself for the browser test." >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "chromium is missing: run 'apt-get install chromium' as root, or the browser test is skipped." >&2
    exit 0
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
command -v chromium >/dev/null
