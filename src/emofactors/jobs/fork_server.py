"""Jobs that start warm: each is forked from one process that has already imported what they need.

Importing torch, pandas and the package takes longer than many jobs. A run on one
machine therefore starts this module once as a process of its own, the fork server
(``python -m emofactors.jobs.fork_server``). For each job it executes the import
statements of the script, most of which cost nothing the second time, and forks a
child, which runs the script as an interpreter would. The server itself starts neither
threads nor CUDA.

Nothing outlives the run: the server ends when the run does, however it ended, and ends
its jobs by SIGTERM; on Linux they also receive SIGTERM if the server is killed.
"""

import ast
import atexit
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

from threadpoolctl import threadpool_limits

from emofactors.jobs.log import end_with_parent

#: Environment variables that limit the threads of libraries; Snakemake sets the same in a job.
_THREADS = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
#: Environment variables with the folder of temporary files, likewise.
_TEMPORARY = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")


class ForkedJob:
    """A job that has been forked and waits to be started.

    Attributes:
        pid: id of its process.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")
        pid = self._lines.readline()
        if not pid:
            raise ConnectionAbortedError("the process that jobs are forked from was killed")
        self.pid = int(pid)

    def run(self) -> int | None:
        """Run the script; return its exit status, negative for a signal, or None if the server was killed."""
        with self._connection, self._lines:
            self._connection.sendall(b"go\n")
            status = self._lines.readline()
        return int(status) if status else None


class ForkServer:
    """The run's end of the fork server, which is started with the first job, and again if it was killed.

    Args:
        python: path of the interpreter.
        scripts: scripts whose modules the server imports while no job is waiting.
    """

    def __init__(self, python: str, scripts: Iterable[str | Path]) -> None:
        self._command = [python, "-m", "emofactors.jobs.fork_server"]
        self._scripts = [str(script) for script in scripts]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def fork(self, script: str | Path, threads: int, tmpdir: str | None = None) -> ForkedJob:
        """Fork a process for a script; it waits until :meth:`ForkedJob.run` is called.

        Args:
            script: path of the script; the working directory and the environment are those of this process.
            threads: threads of the libraries that the script uses.
            tmpdir: folder of temporary files; None: the default.

        Raises:
            OSError: if the server cannot be started, or is killed meanwhile.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            request = {"script": str(Path(script).resolve()), "threads": threads, "tmpdir": tmpdir}
            ours.sendall(f"{json.dumps(request)}\n".encode())
            with self._lock:
                socket.send_fds(self._running(), [b"+"], [theirs.fileno()])
        return ForkedJob(ours)

    def close(self) -> None:
        """End the server and its jobs."""
        with self._lock:
            if self._process is not None and self._control is not None:
                self._control.close()
                self._process.wait()
            self._process = self._control = None

    def _running(self) -> socket.socket:
        """Return the connection to the server, started if it is not running."""
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._control, theirs = socket.socketpair()
            # A Ctrl-C while the interpreter starts waits until the server ignores it.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            with theirs:
                self._process = subprocess.Popen(
                    [*self._command, str(theirs.fileno()), *self._scripts],
                    env=os.environ | dict.fromkeys(_THREADS, "1"),
                    pass_fds=[theirs.fileno()],
                )
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return self._control


class _Server:
    """The server's end: one thread that waits for requests, and for the end of jobs."""

    def __init__(self, control: socket.socket, scripts: Iterable[str]) -> None:
        self._control = control
        self._jobs: dict[int, socket.socket] = {}
        self._imports = (statement for script in scripts for statement in _import_statements(script))
        # Ctrl-C reaches every process of a terminal: the run decides, and sends its jobs SIGTERM.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._ended, self._wakeup = socket.socketpair()
        self._ended.setblocking(False)
        self._wakeup.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        for readable in (control, self._ended):
            self._selector.register(readable, selectors.EVENT_READ)

    def serve(self) -> str | None:
        """Serve until the run ends, and return None; in the process of a job, return its script."""
        is_importing = True
        while True:
            ready = [key.fileobj for key, _ in self._selector.select(0 if is_importing else None)]
            if self._ended in ready:
                self._ended.recv(4096)
                self._reap(os.WNOHANG)
            if self._control in ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
                if not message:
                    self._end_jobs()
                    return None
                script = self._fork(socket.socket(fileno=descriptors[0]))
                if script is not None:
                    return script
            if not ready:
                is_importing = (statement := next(self._imports, None)) is not None
                _execute(statement)

    def _fork(self, connection: socket.socket) -> str | None:
        """Fork the process of a job; return None in the server, and in the process of the job its script."""
        with connection.makefile("r", encoding="utf-8") as lines:
            request = json.loads(lines.readline())
        for statement in _import_statements(request["script"]):
            _execute(statement)
        gc.freeze()  # a collection in a job would copy the memory that it shares with the server
        server = os.getpid()
        pid = os.fork()
        if pid:
            self._jobs[pid] = connection
            with contextlib.suppress(OSError):  # the run has been killed
                connection.sendall(f"{pid}\n".encode())
            return None
        self._become_job(request["threads"], request["tmpdir"])
        if os.getppid() != server or not connection.recv(16):
            os._exit(1)  # server or run were killed meanwhile
        connection.close()
        return request["script"]

    def _become_job(self, threads: int, tmpdir: str | None) -> None:
        """Undo in the process of a job what makes the server one."""
        end_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._selector.close()
        for end in (self._control, self._ended, self._wakeup, *self._jobs.values()):
            end.close()
        os.environ.update(dict.fromkeys(_THREADS, str(threads)))
        if tmpdir is not None:
            os.environ.update(dict.fromkeys(_TEMPORARY, tmpdir))
        if threads != 1:
            threadpool_limits(threads)

    def _reap(self, options: int) -> None:
        """Report the exit status of processes that have ended."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, options)
                if not pid:
                    return
                with self._jobs.pop(pid) as connection, contextlib.suppress(OSError):
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())

    def _end_jobs(self) -> None:
        """End all jobs, and wait for them."""
        for pid in self._jobs:
            os.kill(pid, signal.SIGTERM)
        self._reap(0)


def _import_statements(script: str) -> Iterator[types.CodeType]:
    """Return the import statements of a script; none if it cannot be read, which its job reports."""
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.parse(Path(script).read_bytes()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield compile(ast.Module([node], []), script, "exec")


def _execute(statement: types.CodeType | None) -> None:
    """Execute an import statement; if it fails, it fails again in the job, which reports it."""
    if statement is not None:
        with contextlib.suppress(Exception):
            exec(statement, {})


def _run(script: str) -> int:
    """Run a script as an interpreter would; return the exit status."""
    module = types.ModuleType("__main__")
    module.__dict__["__file__"] = script
    sys.modules["__main__"] = module
    sys.argv = [script]
    sys.path[0] = str(Path(script).parent)
    try:
        exec(compile(Path(script).read_bytes(), script, "exec"), module.__dict__)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _main() -> None:
    control, *scripts = sys.argv[1:]
    script = _Server(socket.socket(fileno=int(control)), scripts).serve()
    if script is not None:
        status = _run(script)
        threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing does
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        # The interpreter would now free every object, which copies all memory that is shared with the server.
        os._exit(status & 0xFF)


if __name__ == "__main__":
    _main()
