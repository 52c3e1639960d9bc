#!/usr/bin/env bash
# Install what tests/cluster starts a one-node SLURM from, on Debian or Ubuntu; nothing where it is there.
set -euo pipefail
# What a killed test left: with a configuration and no controller, every start of Snakemake would wait for one.
if grep -qs "^# Written by the tests of emofactors" /etc/slurm/slurm.conf && [ "$(id -u)" = 0 ]; then
    flock -n /etc/slurm/.emofactors_tests rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf || true  # or it is in use
fi
missing=0
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing=1
done
if [ "$missing" = 0 ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/cluster needs munge, slurmctld, slurmd and slurm-client; only root on Debian or Ubuntu can install them here" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends munge slurmctld slurmd slurm-client >/dev/null
