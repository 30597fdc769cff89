"""Real programs for the benches of telemetry: a gateway with tags, its hub, and what they count and take."""
import os
import pathlib
import sqlite3
import sys

os.environ.setdefault("LINESIDE_BIN_DIR", os.environ.get("LINESIDE_BIN", ""))
if not os.environ["LINESIDE_BIN_DIR"]:
    del os.environ["LINESIDE_BIN_DIR"]
TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "station"), str(TESTS / "link")]
from gateway import BIN, Gateway, free_port, wait_for  # noqa: E402, F401
from hub import Hub, Programs, listening  # noqa: E402, F401
from slow_link import SlowLink  # noqa: E402, F401


def cpu_s(process):
    """By the scheduler's own clock; the usual counters are of ticks, which work in short bursts hides from."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()) / 1e9


def memory_mb(process, key="VmRSS"):
    for line in open(f"/proc/{process.pid}/status", encoding="utf-8"):
        if line.startswith(key + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


class Cpu:
    """Cores that each program takes from now on."""

    def __init__(self, programs):
        self.programs = programs
        self.began = {name: cpu_s(program) for name, program in programs.items()}

    def cores(self, seconds):
        return {f"cores_{name}": round((cpu_s(program) - self.began[name]) / seconds, 2)
                for name, program in self.programs.items()}


def plain_broker(work, programs, name="plant-broker"):
    """Its port. Nothing that waits is ever dropped by it: what is lost, the gateway lost."""
    port, config = free_port(), work / f"{name}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
                      "user root\n")
    programs.start(name, "mosquitto", "-c", config)
    wait_for("the plant's broker", lambda: listening(port))
    return port


def stored(hub, what="coalesce(sum(samples), 0)", table="tag_block"):
    database = sqlite3.connect(f"file:{hub.data / 'hub.db'}?mode=ro", uri=True, timeout=10)
    try:
        return database.execute(f"SELECT {what} FROM {table}").fetchone()[0]
    finally:
        database.close()
