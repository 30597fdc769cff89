"""The outbox by itself: records a second on disk, a start with a large backlog, draining it, memory."""
import functools
import json
import os
import shutil
import subprocess

import figures
from figures import BIN, say

figure = functools.partial(figures.figure, "telemetry")
VERDICTS, BLOCK_BYTES = 0, 1000
MEMORY_GROWS_MAX = 1.25
READY_S, SECONDS = 2.0, 3


def act(*arguments):
    done = subprocess.run([BIN / "outbox_bench", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.stdout else {}


def rate(result):
    return round(result["records"] / result["seconds"])


def out_of_cache(folder):
    for path in folder.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fresh(work):
    folder = work / "outbox"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def speed(work, seconds):
    for name, size in (("verdicts", VERDICTS), (f"blocks_{BLOCK_BYTES}_bytes", BLOCK_BYTES)):
        bare = act("plain", fresh(work), size, seconds)
        durable = act("durable", fresh(work), size, seconds)
        figure(f"outbox.durable_{name}", rate(durable), "records/s", lost=durable["lost"], baseline_records_s=rate(bare),
               baseline="the same bytes appended to a file, fdatasync after each 2,000 records")
    single = act("single", fresh(work), VERDICTS, seconds)
    figure("outbox.durable_one_at_a_time", rate(single), "records/s")


def backlog(work, records, seconds):
    """Returns the resident memory of a start."""
    say(f"outbox: a backlog of {records:,} records")
    name, folder = f"outbox.{records}_records", fresh(work)
    filled = act("fill", folder, VERDICTS, records)
    starts = {}
    for state in ("warm", "cold"):
        if state == "cold":
            out_of_cache(folder)
        starts[state] = act("start", folder)
    act("abandon", folder, VERDICTS, 5000)  # dies with them on disk
    starts["killed"] = act("start", folder)
    for state, start in starts.items():
        figure(f"{name}.ready_{state}", round(start["seconds"], 3), "s", limit=READY_S, records=start["records"],
               lost=start["lost"])
    drained = act("drain", folder, seconds)
    figure(f"{name}.drained", rate(drained), "records/s", records=drained["records"],
           deleted_records_s=round(drained["deleted"] / drained["deleted_seconds"]))
    for what, result in (("filled", filled), ("started", starts["warm"]), ("drained", drained)):
        figure(f"{name}.memory_{what}", round(result["memory_kb"] / 1024, 1), "MB resident")
    return max(filled["memory_kb"], drained["memory_kb"])


def measure(work, full):
    speed(work, SECONDS)
    memory = {records: backlog(work, records, SECONDS)
              for records in ((100_000, 1_000_000, 10_000_000) if full else (100_000, 1_000_000))}
    figure("outbox.memory_growth", round(max(memory.values()) / memory[100_000], 3), "times that of 100,000 records",
           limit=MEMORY_GROWS_MAX)
