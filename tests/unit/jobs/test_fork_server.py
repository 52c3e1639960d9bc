import ast
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from emofactors.jobs.fork_server import ForkServer


@pytest.fixture
def server():
    """A fork server; it is ended after the test."""
    server = ForkServer(sys.executable, [])
    yield server
    server.close()


@pytest.fixture
def run(server, tmp_path):
    """Run the source of a script in a process of the server; return its exit status and the report it wrote."""

    def run_script(source, threads=1):
        script, report = tmp_path / "script.py", tmp_path / "report"
        report.unlink(missing_ok=True)
        script.write_text(f"from pathlib import Path\nreport = Path({str(report)!r})\n{source}", encoding="utf-8")
        status = server.fork(script, threads).run()
        return status, report.read_text(encoding="utf-8") if report.exists() else None

    return run_script


def test_a_script_runs_as_by_an_interpreter(run, tmp_path):
    status, report = run(
        "import os, sys\n"
        "class Pickled: pass\n"
        "import pickle; pickle.loads(pickle.dumps(Pickled()))\n"
        "report.write_text(repr([__name__, __file__, sys.argv, sys.path[0], os.getcwd()]))"
    )
    script = str(tmp_path / "script.py")
    assert (status, report) == (0, repr(["__main__", script, [script], str(tmp_path), str(Path.cwd())]))


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('a message')", 1),
        ("1 / 0", 1),
        ("import a_module_that_does_not_exist", 1),
        ("this is no Python", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    ],
)
def test_the_exit_status_is_that_of_the_script(run, source, status):
    assert run(source)[0] == status


def test_an_error_is_printed_with_its_traceback(run, capfd):
    run("def fail():\n    1 / 0\nfail()")
    error = capfd.readouterr().err
    assert "in fail" in error
    assert error.endswith("ZeroDivisionError: division by zero\n")


def test_exit_functions_are_called_and_output_is_flushed(run, capfd):
    run("import atexit, sys; atexit.register(print, 'at exit'); sys.stdout.write('written ')")
    assert capfd.readouterr().out == "written at exit\n"


def test_modules_are_imported_by_the_server_once_for_all_scripts(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "imported.py").write_text("import os\npid = os.getpid()\n", encoding="utf-8")
    source = "import imported, os\nreport.write_text(repr((imported.pid, os.getppid(), os.getpid())))"
    reports = [eval(run(source)[1]) for _ in range(2)]
    assert len({pid for imported_by, server, pid in reports if imported_by == server}) == 2


def test_modules_of_scripts_to_come_are_imported_before_they_are_requested(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "imported.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n", encoding="utf-8"
    )
    (tmp_path / "later.py").write_text("import imported\n", encoding="utf-8")
    (tmp_path / "now.py").write_text("", encoding="utf-8")
    server = ForkServer(sys.executable, [tmp_path / "missing.py", tmp_path / "later.py"])
    try:
        assert server.fork(tmp_path / "now.py", 1).run() == 0
        wait_until((tmp_path / "imported").exists)
    finally:
        server.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_libraries_have_the_threads_of_the_job(run, threads):
    status, report = run(
        "import os, threadpoolctl, numpy\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "report.write_text(repr((os.environ['OMP_NUM_THREADS'], [pool['num_threads'] for pool in pools])))",
        threads,
    )
    assert status == 0
    assert eval(report) == (str(threads), [threads])


def test_the_server_starts_neither_threads_nor_cuda(run):
    scripts = sorted((Path(__file__).parents[3] / "workflow" / "scripts").glob("*.py"))
    nodes = [node for file in scripts for node in ast.parse(file.read_text(encoding="utf-8")).body]
    imports = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    source = "\n".join(imports) + "\nimport os, torch\nparent = Path(f'/proc/{os.getppid()}')\n"
    status, report = run(
        source + "threads = list((parent / 'task').iterdir())\n"
        "devices = [file.resolve() for file in (parent / 'fd').iterdir() if 'nvidia' in str(file.resolve())]\n"
        "report.write_text(repr((len(threads), devices, torch.cuda.is_initialized())))"
    )
    assert status == 0
    assert eval(report) == (1, [], False)


def test_a_ctrl_c_while_the_server_starts_is_ignored(tmp_path, monkeypatch, capfd):
    # The interpreter imports this module before any other code runs.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'emofactors.jobs.fork_server' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n",
        encoding="utf-8",
    )
    (tmp_path / "script.py").write_text("import signal; raise SystemExit(signal.pthread_sigmask(0, []) != set())")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    server = ForkServer(sys.executable, [])
    try:
        assert server.fork(tmp_path / "script.py", 1).run() == 0
    finally:
        server.close()
    assert capfd.readouterr().err == ""


def test_closing_the_server_ends_its_jobs_by_sigterm(server, tmp_path):
    started, ended = tmp_path / "started", tmp_path / "ended"
    job = fork_waiting(server, tmp_path, started, ended)
    with running(job) as statuses:
        wait_until(started.exists)
        server.close()
    assert ended.exists()
    assert statuses in ([0], [None])
    assert not is_running(job.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs the signal at the death of the parent")
def test_killing_the_server_ends_its_jobs_and_the_next_job_starts_another(server, run, tmp_path):
    started, ended = tmp_path / "started", tmp_path / "ended"
    first = int(run("import os\nreport.write_text(str(os.getppid()))")[1])
    job = fork_waiting(server, tmp_path, started, ended)
    with running(job) as statuses:
        wait_until(started.exists)
        os.kill(first, signal.SIGKILL)
    assert statuses == [None]
    wait_until(ended.exists)
    wait_until(lambda: not is_running(job.pid))
    assert int(run("import os\nreport.write_text(str(os.getppid()))")[1]) != first


def test_the_server_and_its_jobs_survive_ctrl_c_and_jobs_alone_take_sigterm(server, tmp_path):
    started, ended = tmp_path / "started", tmp_path / "ended"
    job = fork_waiting(server, tmp_path, started, ended)
    with running(job) as statuses:
        wait_until(started.exists)
        parent = int(started.read_text())
        for pid in (parent, job.pid):
            os.kill(pid, signal.SIGINT)
        os.kill(parent, signal.SIGTERM)
        assert is_running(parent)
        assert is_running(job.pid)
        os.kill(job.pid, signal.SIGTERM)
    assert statuses == [0]


def fork_waiting(server, folder, started, ended):
    """Fork a job that waits for SIGTERM; it writes one file when it waits, and one when it ends."""
    script = folder / "waiting.py"
    script.write_text(
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "def end(*_):\n"
        f"    Path({str(ended)!r}).touch()\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"part = Path({str(started)!r} + '.part')\n"
        "part.write_text(str(os.getppid()))\n"
        f"part.rename({str(started)!r})\n"
        "while True:\n"
        "    time.sleep(1)\n",
        encoding="utf-8",
    )
    return server.fork(script, 1)


@contextlib.contextmanager
def running(job):
    """Run a job in a thread and wait for its end; its exit status is in the list."""
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(job.run()))
    thread.start()
    yield statuses
    thread.join()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition):
    while not condition():
        time.sleep(0.01)
