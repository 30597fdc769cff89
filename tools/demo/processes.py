"""Programs of the demo as child processes: each in a process group of its own, with a log file, and none left behind."""
import ctypes
import os
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class DemoError(Exception):
    """Something a person can act on; its text is printed without a traceback."""


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """One program that can be started, killed and started again. Its output goes to LOGS/NAME.log."""

    def __init__(self, name, command, logs, orders=False, nice=0):
        self.name, self.command, self.orders, self.nice = name, [str(word) for word in command], orders, nice
        self.log_path = logs / f'{name}.log'
        self.process = None
        self.started_at = 0.0

    def start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE if self.orders else subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_die_with_parent)
        if self.nice:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, self.nice)
        self.started_at = time.monotonic()
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def order(self, text):
        self.process.stdin.write((text + '\n').encode())
        self.process.stdin.flush()

    def signal(self, number):
        if self.running():
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As a power cut would: SIGKILL, no warning."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, seconds=10.0):
        """SIGTERM, then SIGKILL. Returns the exit code, or None if it had to be killed."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log_tail(self, lines=12):
        try:
            text = self.log_path.read_text(errors='replace').splitlines()
        except OSError:
            return ''
        return '\n'.join('    ' + line for line in text[-lines:])

    def check_running(self):
        if not self.running():
            code = self.process.returncode if self.process else 'none'
            raise DemoError(f'{self.name} ended by itself (exit code {code}). The end of {self.log_path}:\n{self.log_tail()}')


def run_to_end(command, log_path, on_line=None):
    """Runs a command to its end; its lines go to the log and to on_line. Raises DemoError when it fails."""
    with open(log_path, 'ab') as log:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_die_with_parent)
        try:
            lines = []
            for raw in process.stdout:
                log.write(raw)
                lines.append(raw.decode(errors='replace').rstrip())
                if on_line:
                    on_line(lines[-1])
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if code != 0:
        tail = '\n'.join('    ' + line for line in lines[-12:])
        raise DemoError(f'`{" ".join(str(w) for w in command)}` failed (exit code {code}):\n{tail}')
    return lines


def stop_all(programs):
    """Stops programs side by side, the last started first asked. Returns the names of those that had to be killed."""
    stubborn = []

    def stop(program):
        if program.stop() is None:
            stubborn.append(program.name)

    threads = [threading.Thread(target=stop, args=(p,)) for p in reversed(programs) if p.process is not None]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return stubborn
