#!/usr/bin/env bash
# Install the packages for tests of the audformat reader into .audformat/, unless they are up to date.
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted=tests/audformat/requirements.txt
if cmp -s "$wanted" .audformat/requirements.txt; then
    exit 0
fi
rm -rf .audformat
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target .audformat -r "$wanted"
cp "$wanted" .audformat/requirements.txt
