"""A SLURM cluster of one node with two GPU slots, started for the tests and stopped after them."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

#: The only folder where job steps look for the configuration: they are started without SLURM_CONF.
ETC = Path("/etc/slurm")

#: First line of the files that these tests write, and may overwrite.
HEADER = "# Written by the tests of emofactors."

#: Timeout of waiting for the start or the end of SLURM.
TIMEOUT_S = 300

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")

# Memory and cores are those of a typical node, not of this machine: the profile requests them.
SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
MinJobAge=3600
ReturnToService=2
KillWait=30
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
TaskProlog={folder}/record
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=128000 Gres=gpu:2
PartitionName=short Nodes=localhost Default=YES MaxTime=1-0
PartitionName=accelerated Nodes=localhost MaxTime=2-0
"""

# Each step of a job records its devices before it starts.
RECORD = """\
#!/bin/sh
echo "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES-none}}" >> {folder}/devices
"""


@dataclass(frozen=True)
class Cluster:
    """A running SLURM cluster.

    Attributes:
        folder: contains its state, its logs and the recorded devices of its jobs.
    """

    folder: Path

    def ask(self, *command: str) -> str:
        """Run a command of SLURM; return its output."""
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def jobs(self, folder: Path) -> list[dict[str, str]]:
        """Return all jobs of a project, including finished ones, by the names that SLURM gives their properties."""
        lines = self.ask("scontrol", "show", "job", "--oneliner").splitlines()
        jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [job for job in jobs if job.get("WorkDir") == str(folder)]

    def requeue(self, number: str) -> None:
        """Return a job to the queue, as SLURM does after a failure of its node."""
        self.ask("scontrol", "requeue", number)
        while "JobState=PENDING" not in self.ask("scontrol", "show", "job", number):
            time.sleep(0.1)
        # By default SLURM waits two minutes.
        self.ask("scontrol", "update", f"JobId={number}", "StartTime=now")

    def devices(self) -> dict[str, list[str]]:
        """Return job -> CUDA_VISIBLE_DEVICES of its steps, in order; ``none`` if not set.

        A requeued job may have another device after its restart.
        """
        devices = {}
        for line in (self.folder / "devices").read_text().splitlines():
            job, visible = line.split()
            devices.setdefault(job, []).append(visible)
        return devices


def reason_to_skip():
    """Return why no cluster can be started on this machine; empty if one can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"no {', '.join(missing)} here: tests/cluster/install.sh installs SLURM on Debian"
    if os.getuid() != 0:
        return "only root can start SLURM"
    configuration = ETC / "slurm.conf"
    if configuration.exists() and not configuration.read_text().startswith(HEADER):
        return f"{configuration} belongs to another cluster"
    return ""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_configuration(folder):
    """Write /etc/slurm, and the folders and the script that it names."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "devices").touch()
    record = folder / "record"
    record.write_text(RECORD.format(folder=folder))
    record.chmod(0o755)
    # SLURM requires one device per GPU, with its number at the end of the name; it never opens the device.
    for number in (0, 1):
        (folder / f"gpu{number}").symlink_to("/dev/null")
    values = {
        "folder": folder,
        "host": socket.gethostname().split(".")[0],
        "controller_port": free_port(),
        "daemon_port": free_port(),
    }
    (ETC / "slurm.conf").write_text(f"{HEADER}\n{SLURM_CONF.format(**values)}")
    (ETC / "gres.conf").write_text(f"{HEADER}\nName=gpu File={folder}/gpu[0-1]\n")


def wait_for_idle_node(cluster, daemons):
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        ended = [daemon.args[3] for daemon in daemons if daemon.poll() is not None]
        logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(cluster.folder.glob("*.log")))
        assert not ended, f"{', '.join(ended)} ended:\n{logs}"
        node = subprocess.run(["sinfo", "-h", "-N", "-o", "%t"], capture_output=True, text=True, check=False)
        if set(node.stdout.split()) == {"idle"}:
            return
        assert time.monotonic() < deadline, f"the node is {node.stdout or node.stderr!r}:\n{logs}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster with the partitions `short` and `accelerated` and two GPU slots, but without GPUs."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if reason := reason_to_skip():
        pytest.skip(reason)
    ETC.mkdir(exist_ok=True)
    with (ETC / ".emofactors_tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one cluster per machine
        cluster = Cluster(tmp_path_factory.mktemp("slurm"))
        write_configuration(cluster.folder)
        daemons = []
        try:
            daemons += start(cluster.folder)
            wait_for_idle_node(cluster, daemons)
            yield cluster
        finally:
            subprocess.run(["scancel", "--user", "root"], check=False, capture_output=True, timeout=TIMEOUT_S)
            # Before the daemons end: a Snakemake of a parallel test would wait for a controller that it finds named here.
            for name in ("slurm.conf", "gres.conf"):
                (ETC / name).unlink()
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait(TIMEOUT_S)


def start(folder):
    """Start munged, slurmctld and slurmd in the foreground, with their output in log files."""
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    munge = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{suffix}" for option, suffix in munge.items()]
    # The daemons end with the tests, even if the tests are killed.
    end_with_parent = ["setpriv", "--pdeathsig", "TERM"]
    for command in (
        ["munged", "--foreground", "--force", *options],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", "localhost"],
    ):
        with (folder / f"{command[0]}.log").open("w") as log:
            yield subprocess.Popen([*end_with_parent, *command], stdout=log, stderr=log, start_new_session=True)
