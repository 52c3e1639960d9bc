"""A SLURM of one node and two GPU slots: controller, daemon and queue are real, and gone when the tests are over."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

#: The step of a job finds its configuration here and nowhere else: it is started without SLURM_CONF.
ETC = Path("/etc/slurm")

#: The first line of files that these tests wrote, and may write again.
OURS = "# Written by the tests of emofactors."

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")

# As much memory and as many cores as a node has, whatever this machine has: the profile asks for them.
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

# A job writes down what it was given before it begins.
RECORD = """\
#!/bin/sh
echo "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES-none}}" >> {folder}/devices
"""


@dataclass(frozen=True)
class Cluster:
    """A running SLURM.

    Attributes:
        folder: where its state, its logs and the records of its jobs are.
    """

    folder: Path

    def ask(self, *command: str) -> str:
        """What a command of SLURM says."""
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def jobs(self, folder: Path) -> list[dict[str, str]]:
        """All jobs of a project so far, finished ones as well, with SLURM's own names for what it knows of each."""
        lines = self.ask("scontrol", "show", "job", "--oneliner").splitlines()
        jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [job for job in jobs if job.get("WorkDir") == str(folder)]

    def requeue(self, number: str) -> None:
        """Take a job from its node and put it back into the queue, as SLURM does when the node fails."""
        self.ask("scontrol", "requeue", number)
        while "JobState=PENDING" not in self.ask("scontrol", "show", "job", number):
            time.sleep(0.1)
        # SLURM lets two minutes pass first; tests need not.
        self.ask("scontrol", "update", f"JobId={number}", "StartTime=now")

    def devices(self) -> dict[str, list[str]]:
        """CUDA_VISIBLE_DEVICES as the steps of each job found it, in order, by the job's number; `none` where not set.

        A job that was requeued may have had another device before.
        """
        found = {}
        for line in (self.folder / "devices").read_text().splitlines():
            job, devices = line.split()
            found.setdefault(job, []).append(devices)
        return found


def what_is_missing():
    """Why a cluster cannot be started here, in words; empty if it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"no {', '.join(missing)} here: tests/cluster/install.sh installs SLURM on Debian"
    if os.getuid() != 0:
        return "only root can start a SLURM"
    configuration = ETC / "slurm.conf"
    if configuration.exists() and not configuration.read_text().startswith(OURS):
        return f"{configuration} is that of another cluster, which is left alone"
    return ""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_configuration(folder):
    """Write /etc/slurm, and the folders and the script it names."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "devices").touch()
    record = folder / "record"
    record.write_text(RECORD.format(folder=folder))
    record.chmod(0o755)
    # SLURM wants a device a GPU, and the number at the end of its name; it never opens it.
    for number in (0, 1):
        (folder / f"gpu{number}").symlink_to("/dev/null")
    of_this_machine = {
        "folder": folder,
        "host": socket.gethostname().split(".")[0],
        "controller_port": free_port(),
        "daemon_port": free_port(),
    }
    (ETC / "slurm.conf").write_text(f"{OURS}\n{SLURM_CONF.format(**of_this_machine)}")
    (ETC / "gres.conf").write_text(f"{OURS}\nName=gpu File={folder}/gpu[0-1]\n")


def wait_for_idle_node(cluster, daemons):
    latest = time.monotonic() + 60
    while True:
        ended = [daemon.args[3] for daemon in daemons if daemon.poll() is not None]
        logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in sorted(cluster.folder.glob("*.log")))
        assert not ended, f"{', '.join(ended)} ended:\n{logs}"
        node = subprocess.run(["sinfo", "-h", "-N", "-o", "%t"], capture_output=True, text=True, check=False)
        if set(node.stdout.split()) == {"idle"}:
            return
        assert time.monotonic() < latest, f"the node is {node.stdout or node.stderr!r}:\n{logs}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A SLURM with the partitions `short` and `accelerated` and two GPU slots; GPUs themselves it has none."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if missing := what_is_missing():
        pytest.skip(missing)
    ETC.mkdir(exist_ok=True)
    with (ETC / ".emofactors_tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one cluster at a time, whoever else tests on this machine
        cluster = Cluster(tmp_path_factory.mktemp("slurm"))
        write_configuration(cluster.folder)
        daemons = []
        try:
            daemons += start(cluster.folder)
            wait_for_idle_node(cluster, daemons)
            yield cluster
        finally:
            subprocess.run(["scancel", "--user", "root"], check=False, capture_output=True, timeout=30)
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait(60)
            for name in ("slurm.conf", "gres.conf"):
                (ETC / name).unlink()


def start(folder):
    """Start munged, slurmctld and slurmd in the foreground, their words in logs."""
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    munge = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{suffix}" for option, suffix in munge.items()]
    # Whatever becomes of the tests, the cluster ends with them.
    ends_with_us = ["setpriv", "--pdeathsig", "TERM"]
    for command in (
        ["munged", "--foreground", "--force", *options],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", "localhost"],
    ):
        with (folder / f"{command[0]}.log").open("w") as log:
            yield subprocess.Popen([*ends_with_us, *command], stdout=log, stderr=log, start_new_session=True)
