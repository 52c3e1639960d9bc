#!/usr/bin/env bash
# Install SLURM for tests/cluster on Debian or Ubuntu, unless it is installed.
set -euo pipefail
# Remove the configuration that killed tests left: without a controller, every start of Snakemake would wait for it.
if grep -qs "^# Written by the tests of emofactors" /etc/slurm/slurm.conf && [ "$(id -u)" = 0 ]; then
    flock -n /etc/slurm/.emofactors_tests rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf || true  # unless it is in use
fi
missing=0
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing=1
done
if [ "$missing" = 0 ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/cluster needs munge, slurmctld, slurmd and slurm-client; this script installs them as root on Debian or Ubuntu" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends munge slurmctld slurmd slurm-client >/dev/null
