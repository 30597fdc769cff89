#!/usr/bin/env python3
"""A backlog, then a slow link between gateway and broker: fresh verdicts arrive within seconds while the backlog drains
beside them at about the link's rate (law 3), also after the link stalled, and nothing is missing at the end (law 2).

With --bug the gateway has a planted bug, and this test succeeds if it is seen."""
import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "crash")]
from crash_test import LANES, Failure, LaneCount, Process, free_port  # noqa: E402
from slow_link import SlowLink  # noqa: E402

PICTURES, PICTURE_BYTES = 300, 8000
LINK_BYTES_PER_S, LINK_DELAY_S, STALL_S = 200_000, 0.1, 2.0
AGE_MAX_S = 3.0  # about a second of link time, group commit and batching; the stall comes on top
BACKLOG_MAX_S = 2 * PICTURES * PICTURE_BYTES / LINK_BYTES_PER_S  # at least half of what the link carries


class TooLate(Failure):
    pass


class HubWatch(threading.Thread):
    """Notes when each verdict came to the hub, and when how many pictures were there, as seen from outside."""

    def __init__(self, database_file):
        super().__init__()
        self.database_file = database_file
        self.ages, self.pictures = [], []  # (time of arrival, age in s); (time, pictures stored)
        self.stopping = threading.Event()

    def run(self):
        database = sqlite3.connect(f"file:{self.database_file}?mode=ro", uri=True, timeout=10)
        last_item = 0
        while not self.stopping.wait(0.1):
            verdicts = database.execute("SELECT item, time_ns FROM verdict WHERE item > ? ORDER BY item",
                                        (last_item,)).fetchall()
            now = time.time()
            for last_item, made_ns in verdicts:
                self.ages.append((now, now - made_ns / 1e9))
            self.pictures.append((now, database.execute("SELECT count(*) FROM picture").fetchone()[0]))
        database.close()

    def wait_for_pictures(self, count, seconds):
        end = time.monotonic() + seconds
        while not self.pictures or self.pictures[-1][1] < count:
            if time.monotonic() > end:
                raise Failure(f"only {self.pictures[-1][1] if self.pictures else 0} of {count} pictures came in "
                              f"{seconds:.0f} s: the backlog does not drain")
            time.sleep(0.05)


def check_ages(watch, stall):
    """Between two pictures of the backlog verdicts must come, none older than the link and a stall explain."""
    backlog_end = next(at for at, count in watch.pictures if count == PICTURES)
    ages = [(at, age) for at, age in watch.ages if at <= backlog_end]
    if len(ages) < 30:
        raise TooLate(f"only {len(ages)} verdicts came before the backlog was through")
    late = 0.0
    for at, age in ages:
        # What was made before the stall's end may have waited for it.
        allowed = AGE_MAX_S + (STALL_S if at - age < stall[1] and at >= stall[0] else 0)
        late = max(late, age - allowed)
    oldest = sorted(age for _, age in ages)
    print(f"{len(ages)} verdicts beside the backlog: age median {oldest[len(oldest) // 2]:.2f} s, oldest {oldest[-1]:.2f} s")
    if late > 0:
        raise TooLate(f"a verdict was {late:.1f} s older than it may be")


def count(database_file, produced):
    with sqlite3.connect(database_file) as database:
        for lane, name in LANES.items():
            handed_out, lost = produced[name]
            row = database.execute("SELECT last_sequence FROM watermark WHERE lane = ?", (lane,)).fetchone()
            lane_count = LaneCount(database, lane)
            lane_count.check_each_once(row[0] if row else 0)
            delivered = lane_count.delivered + lane_count.events
            print(f"{name}: {handed_out} produced = {delivered} delivered + {lane_count.lost} lost")
            if lane_count.problems or handed_out != delivered + lane_count.lost or lost != lane_count.lost:
                raise Failure(f"{name}: the sum does not hold; {lane_count.problems}")


def run(arguments, directory):
    broker_port = free_port()
    (directory / "mosquitto.conf").write_text(
        f"listener {broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    broker_program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if broker_program is None:
        raise Failure("mosquitto is not installed")
    with SlowLink(broker_port, LINK_BYTES_PER_S, LINK_DELAY_S) as link, open(directory / "log", "wb") as log:
        broker = Process("broker", [broker_program, "-c", str(directory / "mosquitto.conf")], log)
        hub = Process("hub", [f"{arguments.bin}/crash_hub", str(directory / "hub.db"), str(broker_port)], log)
        watch = HubWatch(directory / "hub.db")
        producer = None
        try:
            broker.start()
            hub.start()
            end = time.monotonic() + 10
            while not (directory / "hub.db").exists() or (directory / "hub.db").stat().st_size == 0:
                hub.check_alive()
                if time.monotonic() > end:
                    raise Failure("the hub does not start")
                time.sleep(0.05)
            time.sleep(0.5)
            watch.start()
            producer = subprocess.Popen([f"{arguments.bin}/link_producer", str(directory), str(link.port), str(PICTURES)]
                                        + ([arguments.bug] if arguments.bug else []), stdout=subprocess.PIPE, stderr=log)
            watch.wait_for_pictures(PICTURES // 3, 30)
            stall = [time.time()]
            link.stall()
            time.sleep(STALL_S)
            link.go_on()
            stall.append(time.time())
            began = watch.pictures[0][0]
            watch.wait_for_pictures(PICTURES, BACKLOG_MAX_S + STALL_S)
            time.sleep(0.5)
            producer.terminate()
            output = producer.communicate(timeout=30)[0].decode()
            if producer.returncode != 0:
                raise Failure(f"the gateway did not bring everything over (code {producer.returncode})")
            print(f"{PICTURES} pictures in {time.time() - began - STALL_S:.1f} s without the stall, "
                  f"{link.up_bytes} bytes over a link of {LINK_BYTES_PER_S} bytes/s")
            hub.stop(10)
        finally:
            watch.stopping.set()
            if watch.is_alive():
                watch.join(10)
            for process in (broker.process, hub.process, producer):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()
    count(directory / "hub.db", {lane: (int(out), int(lost)) for lane, out, lost in map(str.split, output.splitlines())})
    check_ages(watch, stall)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=os.environ.get("LINESIDE_BIN_DIR", "build/release/bin"),
                        help="folder of the built programs")
    parser.add_argument("--bug", choices=["one-lane"])
    arguments = parser.parse_args()
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="lineside-link-"))
    broken = None
    try:
        run(arguments, directory)
    except Failure as failure:
        broken = failure
        print("PROBLEM", broken)
    print(f"{time.monotonic() - began:.0f} s")
    failed = not isinstance(broken, TooLate) if arguments.bug else broken is not None
    if arguments.bug:
        print(f"the planted bug '{arguments.bug}' was {'NOT ' if failed else ''}seen")
    if failed:
        print((directory / "log").read_text(errors="replace")[-4000:])
    shutil.rmtree(directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
