#!/usr/bin/env python3
"""Puts the hub's database, then the gateway's outbox, back to an older copy while the other side has gone on. Nothing may
get stuck, no sequence may be there twice, and what is gone must be declared."""
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from crash_test import LANES, Failure, LaneCount, Process, free_port  # noqa: E402


def replace(copy, original):
    if original.is_dir():
        for file in original.iterdir():
            file.unlink()
        for file in copy.iterdir():
            shutil.copy2(file, original / file.name)
    else:
        for suffix in ("", "-wal", "-shm"):
            Path(str(original) + suffix).unlink(missing_ok=True)
        shutil.copy2(copy, original)


def run(directory, programs, restore_hub):
    port = free_port()
    (directory / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    broker_program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    with open(directory / "log", "wb") as log:
        broker = Process("broker", [broker_program, "-c", str(directory / "mosquitto.conf")], log)
        hub = Process("hub", [f"{programs}/crash_hub", str(directory / "hub.db"), str(port)], log)
        gateway = Process("gateway", [f"{programs}/crash_producer", str(directory), str(port), "300"], log)
        victim = hub if restore_hub else gateway
        original, copy = (directory / "hub.db", directory / "copy.db") if restore_hub else (
            directory / "outbox", directory / "outbox-copy")
        try:
            for process in (broker, hub, gateway):
                process.start()
            time.sleep(1.5)
            victim.stop(30)
            (shutil.copy2 if restore_hub else shutil.copytree)(original, copy)
            victim.start()
            time.sleep(1.5)
            victim.stop(30)
            replace(copy, original)
            victim.start()
            time.sleep(1.5)
            gateway.process.terminate()
            if gateway.process.wait(30) != 0:
                raise Failure("the gateway could not bring everything over")
            hub.stop(10)
        finally:
            for process in (broker, hub, gateway):
                if process.process is not None and process.process.poll() is None:
                    process.process.kill()
                    process.process.wait()


def check(directory, restore_hub):
    with sqlite3.connect(directory / "hub.db") as database:
        epochs = database.execute("SELECT number FROM epoch ORDER BY number").fetchall()
        expected = 1 if restore_hub else 2
        if len(epochs) != expected:
            raise Failure(f"{len(epochs)} epochs instead of {expected}")
        for lane, name in LANES.items():
            watermark = database.execute("SELECT last_sequence FROM watermark WHERE lane = ?", (lane,)).fetchone()[0]
            for (epoch,) in epochs:
                count = LaneCount(database, lane, epoch)
                count.problems.clear()  # of the number of epochs
                last = watermark if epoch == epochs[-1][0] else max((p[1] for p in count.places), default=0)
                count.check_each_once(last)
                print(f"{name}, epoch {epoch}: {count.delivered} delivered, lost {count.causes}")
                if count.problems:
                    raise Failure(f"{name}: {count.problems}")
            if restore_hub and count.causes.get("hub.restored", 0) == 0:
                raise Failure(f"{name}: what the hub forgot is not declared")


def main():
    programs = os.environ.get("LINESIDE_BIN_DIR", "build/release/bin")
    for restore_hub in (True, False):
        directory = Path(tempfile.mkdtemp(prefix="lineside-restore-"))
        print("the hub is put back" if restore_hub else "the gateway is put back")
        try:
            run(directory, programs, restore_hub)
            check(directory, restore_hub)
        except Failure as failure:
            print("PROBLEM", failure)
            print((directory / "log").read_text(errors="replace")[-3000:])
            return 1
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
