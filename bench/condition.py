#!/usr/bin/env python3
"""Machine condition on a gateway measured, with simulated machines (lineside-plant) that say so.

./dev bench condition [--seconds N] [--assets N] [--only PART,PART]

speed: one axis and three at 10 kHz from memory through features, detectors and threshold on one core.
mqtt: N motors with three axes over a broker: window complete -> verdict (or event), blocks dropped, processor and memory
  per asset, and the bytes of the records against the raw bytes, with the default periods: of a short run most are the
  events of its start, so take --seconds 600 for that figure.
training: lineside-train on as much single-axis data as the gateway's learning takes from a day.
fleet: 300 assets with one axis at 1 kHz, each with a bundle file of its own, in one gateway.
neighbour: p99.9 of a replay inspection station in the same gateway with and without the machines.
"""
import argparse
import functools
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import figures
from figures import BIN, free_port, say

figure = functools.partial(figures.figure, "condition")
RATE = 10_000


def wait_for(what, ready, seconds=60):
    end = time.monotonic() + seconds
    while not (answer := ready()):
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.1)
    return answer


class Programs(list):
    def start(self, log, *command, **more):
        self.append(subprocess.Popen([str(c) for c in command], stdout=open(log, "wb"), stderr=subprocess.STDOUT, **more))
        return self[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self):
            program.terminate()
        for program in self:
            try:
                program.wait(20)
            except subprocess.TimeoutExpired:
                program.kill()


def record(work, axes, recordings, seconds):
    """Recordings of a simulated motor in good order: what its plant publishes, taken by a gateway."""
    folder = work / f"recordings-{axes}"
    folder.mkdir()
    subprocess.run([BIN / "lineside-plant", "vibrate", "--out", folder, "--axes", str(axes), "--count", str(recordings),
                    "--seconds", str(seconds)], check=True, stdout=subprocess.DEVNULL)
    return folder


def train(work, folder, name, rate=RATE):
    bundle, began = work / f"{name}.lsb", time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([BIN / "lineside-train", "condition", "--input", folder, "--rate", str(rate), "--out", bundle, "--name",
                    name, "--key", work / "key.pem"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, OMP_NUM_THREADS="1"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return bundle, time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def speed(work, seconds):
    for axes, bundle in bundles(work).items():
        said = subprocess.run([BIN / "condition_bench", bundle, work / "key.pem.pub", str(seconds)], check=True,
                              capture_output=True, text=True).stdout
        result = json.loads(said)
        figure(f"speed.axes_per_core_{axes}axis", result["axes_in_real_time"], "axes at 10 kHz", at_least=1000,
               window_ms=result["window_ms"])


def bundles(work, made={}):
    if not made:
        for axes in (1, 3):
            say(f"learning a motor with {axes} axis(es)")
            made[axes], _, _ = train(work, record(work, axes, 30, 2), f"motor{axes}")
    return made


def training(work):
    # A day: 120 recordings of 2 s (the defaults), the most that the gateway's learning takes from it.
    say("training on what a day of learning with the default settings gives: 120 recordings of 2 s")
    folder = work / "day"
    folder.mkdir()
    subprocess.run([BIN / "lineside-plant", "vibrate", "--out", folder, "--axes", "1", "--count", "120", "--seconds", "2",
                    "--seed", "9"], check=True, stdout=subprocess.DEVNULL)
    _, seconds, cpu = train(work, folder, "day")
    figure("training.one_axis_day", cpu, "s of one core", wall_s=round(seconds, 1), recordings=120)


class Gateway:
    def __init__(self, programs, work, settings):
        self.port = free_port()
        config = work / "gateway.json"
        config.write_text(json.dumps({"gateway": "bench", "data_dir": str(work / "data"), "local": {"port": self.port},
                                      "inference": {"trusted_keys": [str(work / "key.pem.pub")]}} | settings))
        self.process = programs.start(work / "gateway.log", BIN / "lineside-gateway", "--config", config)
        wait_for("the gateway", lambda: self.text("/api/assets"))

    def text(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=3) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def metric(self, name, **labels):
        total = 0.0
        for line in self.text("/metrics").splitlines():
            found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if found and found[1] == name:
                has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                total += float(found[3]) if labels.items() <= has.items() else 0
        return total

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        return next(int(line.split()[1]) * 1024 for line in open(f"/proc/{self.process.pid}/status", encoding="utf-8")
                    if line.startswith("VmRSS"))


def machines(programs, work, assets, broker, **more):
    (work / "broker.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    programs.start(work / "broker.log", "mosquitto", "-c", work / "broker.conf")
    wait_for("the broker", lambda: socket.socket().connect_ex(("127.0.0.1", broker)) == 0)
    (work / "plant.json").write_text(json.dumps({"seed": 3, "machines": [
        {"name": f"m{i}", "topic": f"bench/m{i}", "broker_port": broker} | more for i in range(assets)]}))
    programs.start(work / "plant.log", BIN / "lineside-plant", "--config", work / "plant.json")


def asset_settings(assets, bundle, broker, **more):
    return {"waveform_sources": [{"name": "daq", "port": broker}],
            "assets": [{"name": f"m{i}", "source": "daq", "topic": f"bench/m{i}", "rate_hz": RATE, "bundle": str(bundle),
                        "channels": [{"name": c} for c in "xyz"]} | more for i in range(assets)]}


def mqtt(work, seconds, assets):
    bundle, broker, work = bundles(work)[3], free_port(), work / "mqtt"
    work.mkdir()
    (work / "key.pem.pub").write_bytes((work.parent / "key.pem.pub").read_bytes())
    say(f"{assets} motors with three axes over MQTT for {seconds} s")
    with Programs() as programs:
        machines(programs, work, assets, broker)
        empty = Gateway(programs, work, {})
        base = empty.memory()
        programs.remove(empty.process)
        empty.process.terminate()
        empty.process.wait()
        gateway = Gateway(programs, work, asset_settings(assets, bundle, broker))
        wait_for("windows", lambda: gateway.metric("lineside_asset_windows_total") > 4 * assets)
        cpu, began = gateway.cpu_s(), time.monotonic()
        time.sleep(seconds)
        cpu, lasted = gateway.cpu_s() - cpu, time.monotonic() - began
        p99 = gateway.metric("lineside_asset_window_to_verdict_seconds_quantile", quantile="0.99") * 1000
        figure("mqtt.window_to_verdict_p99", p99, "ms", limit=20, assets=assets, axes=3)
        figure("mqtt.window_to_verdict_max",
               gateway.metric("lineside_asset_window_to_verdict_seconds_quantile", quantile="1") * 1000, "ms")
        figure("mqtt.dropped_blocks", gateway.metric("lineside_asset_dropped_blocks_total"), "blocks", limit=0)
        figure("mqtt.axes_per_core", 3 * assets * lasted / cpu if cpu else 0, "axes at 10 kHz", at_least=1000)
        figure("mqtt.memory_per_asset", (gateway.memory() - base) / assets / 1e6, "MB", assets=assets)
        raw = gateway.metric("lineside_waveform_bytes_total")
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait()
        bytes_out(work, raw, lasted)


def bytes_out(work, raw, seconds):
    """What waits in the outbox, as it would go to the hub: encoded records, and batches' own bytes come on top."""
    import sqlite3
    size = 0
    for path in (work / "data" / "outbox").glob("outbox-*.db"):
        with sqlite3.connect(path) as db:
            size += db.execute("SELECT coalesce(sum(length(bytes)), 0) FROM record").fetchone()[0]
    figure("mqtt.bytes_out_share", size / raw, "share of raw", limit=0.001, seconds=round(seconds),
           note="records before compression; start and stop events of the gateway and each asset are in it")


def fleet(work, seconds):
    assets, rate, broker, work = 300, 1000, free_port(), work / "fleet"
    work.mkdir()
    healthy = work / "healthy"
    subprocess.run([BIN / "lineside-plant", "vibrate", "--out", healthy, "--axes", "1", "--rate", str(rate)], check=True,
                   stdout=subprocess.DEVNULL)
    bundle, _, _ = train(work, healthy, "fleet", rate)
    settings = asset_settings(assets, bundle, broker, rate_hz=rate, channels=[{"name": "x"}])
    for i, asset in enumerate(settings["assets"]):
        asset["bundle"] = str(shutil.copy(bundle, work / f"m{i}.lsb"))
    say(f"{assets} assets with one axis at {rate} Hz for {seconds} s")
    with Programs() as programs:
        machines(programs, work, assets, broker, rate_hz=rate, axes=1)
        began = time.monotonic()
        gateway = Gateway(programs, work, settings)
        wait_for("windows of all", lambda: all(a["windows"] for a in json.loads(gateway.text("/api/assets"))["assets"]))
        figure("fleet.start", round(time.monotonic() - began, 1), "s to a window of each", assets=assets)
        cpu, began = gateway.cpu_s(), time.monotonic()
        time.sleep(seconds)
        cpu, lasted = gateway.cpu_s() - cpu, time.monotonic() - began
        p99 = gateway.metric("lineside_asset_window_to_verdict_seconds_quantile", quantile="0.99") * 1000
        figure("fleet.window_to_verdict_p99", p99, "ms", limit=20, assets=assets)
        figure("fleet.dropped_blocks", gateway.metric("lineside_asset_dropped_blocks_total"), "blocks", limit=0)
        figure("fleet.cores", round(cpu / lasted, 3), "cores")
        figure("fleet.memory", round(gateway.memory() / 1e6), "MB", assets=assets)


def neighbour(work, seconds, assets):
    bundle, broker = bundles(work)[3], free_port()
    say("an inspection station beside the machines, with and without them")
    pictures, stations = work / "pictures", work / "stations"
    subprocess.run([BIN / "lineside-plant", "draw", "--out", pictures, "--count", "24", "--seed", "3", "--series"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([BIN / "inspection_bench", "model", "--out", stations.with_suffix(".lsb")], check=True)
    results = {}
    for label, count in (("alone", 0), ("beside", assets)):
        place = work / label
        place.mkdir()
        (place / "key.pem.pub").write_bytes((work / "key.pem.pub").read_bytes())
        with Programs() as programs:
            if count:
                machines(programs, place, count, broker)
            inspection = {"cameras": [{"name": "c", "kind": "folder", "path": str(pictures), "rate_hz": 50}],
                          "stations": [{"name": "s", "cameras": ["c"], "bundle": str(stations.with_suffix(".lsb")),
                                        "deadline_ms": 500}],
                          "inference": {"trusted_keys": [str(place / "key.pem.pub")], "allow_unsigned": True}}
            gateway = Gateway(programs, place, (asset_settings(count, bundle, broker) if count else {}) | inspection)
            wait_for("items", lambda: json.loads(gateway.text("/api/stations"))["stations"][0]["items"] > 50)
            time.sleep(seconds)
            results[label] = json.loads(gateway.text("/api/stations"))["stations"][0]["latency_ms"]
    for q in ("p50", "p99", "p999"):
        figure(f"neighbour.{q}_alone", results["alone"][q], "ms")
        figure(f"neighbour.{q}_beside", results["beside"][q], "ms", assets=assets)
    figure("neighbour.p999_ratio", results["beside"]["p999"] / results["alone"]["p999"], "", limit=1.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--assets", type=int, default=20)
    parser.add_argument("--only", default="speed,mqtt,fleet,training,neighbour")
    args = parser.parse_args()
    parts = args.only.split(",")
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder:
        work = pathlib.Path(folder)
        if "speed" in parts:
            speed(work, min(args.seconds, 10))
        if "mqtt" in parts:
            mqtt(work, args.seconds, args.assets)
        if "fleet" in parts:
            fleet(work, args.seconds)
        if "training" in parts:
            training(work)
        if "neighbour" in parts:
            neighbour(work, args.seconds, args.assets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
