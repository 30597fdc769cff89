#!/usr/bin/env python3
"""Inspection stations measured: latency, share, throughput, memory, start, bytes.

./dev bench inspection [--bundle FILE | --random-weights] [--images DIR] [--items N | --full] [--only PART,PART]

Without --bundle the demo's model is trained first, on pictures that lineside-plant draws (kept in build/bench); with
--random-weights a network of the same kind, fp32 and untrained, stands in for it.
--items: of the paced runs, for each camera (default 300, 30 s each); --full: 10,000 items with one camera (17 minutes),
3,000 with 8 and 30. Parts: latency, share, actuation, cameras8, cameras30, throughput, precision, memory; then the other
scripts inspection_*.py, but inspection_accuracy, which is a benchmark of its own.
"""
import argparse
import csv
import functools
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import figures
from figures import BIN, say

HERE = pathlib.Path(__file__).resolve().parent
figure = functools.partial(figures.figure, "inspection")
KEEP = HERE.parent / "build" / "bench"


def measure(args, *command):
    line = [str(BIN / "inspection_bench"), *command, "--bundle", str(args.bundle)]
    if args.images:
        line += ["--images", str(args.images)]
    return json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)


def need_bundle(args):
    if args.bundle:
        return
    KEEP.mkdir(parents=True, exist_ok=True)
    args.bundle, pictures, args.key = KEEP / "demo.lsb", KEEP / "pictures", KEEP / "key.pem.pub"
    if not (args.random_weights and args.images):
        draw(pictures, 1)
    args.images = args.images or pictures
    if args.random_weights:
        args.bundle, args.key = KEEP / "random-weights.lsb", None
        subprocess.run([BIN / "inspection_bench", "model", "--out", args.bundle], check=True)
    elif not args.bundle.exists():
        train(pictures, args.bundle)


def draw(folder, seed):
    if folder.exists():
        return
    say("drawing pictures")
    subprocess.run([BIN / "lineside-plant", "draw", "--out", folder, "--count", "400", "--seed", str(seed)], check=True,
                   stdout=sys.stderr)


def train(pictures, bundle, *more):
    """As the demo does it."""
    say("training the demo's model (at most 3 minutes)")
    subprocess.run([BIN / "lineside-train", "inspection", "--images", pictures, "--out", bundle, "--size", "128", "--key",
                    KEEP / "key.pem", "--time-limit", "3", "--fast", *more], check=True, stdout=sys.stderr)


def paced(args, label, cameras, items, latency_limit, *more):
    say(f"{label}: {cameras} camera(s) at 600 items a minute, {items} items each, {items / 600:.1f} minutes")
    run = measure(args, "paced", "--cameras", str(cameras), "--items", str(items), *more)
    expected = cameras * items
    about = {"cameras": cameras, "items": expected, "item_rate_per_min": 600}
    figure(f"{label}.missing_verdicts", expected - run["reported"], "items", limit=0, **about)
    figure(f"{label}.fail_safe_verdicts", run["fail_safe"], "items", limit=0, **about)
    for q in ("p50", "p99", "p99.9", "max"):
        figure(f"{label}.trigger_to_command_{q}", run["late_ms"][q], "ms", limit=latency_limit if q == "p99.9" else None,
               **about)
    figure(f"{label}.bare_machine_late_p99.9", run["machine_late_ms"]["p99.9"], "ms", max=run["machine_late_ms"]["max"],
           what="a thread that wakes as often in the same run and computes for 1 ms: how much later it is through")
    return run


def latency(args):
    run = paced(args, "latency", 1, 10_000 if args.full else args.items, 15)
    figure("latency.own_share_p50", round(run["own_share_p50"], 4), "share of trigger to verdict", limit=0.10,
           what="all but Session::Run")
    figure("latency.session_run_p50", run["run_ms"]["p50"], "ms")
    figure("hub.bytes_share", round(run["wire_bytes"] / run["raw_bytes"], 6), "share of raw", limit=0.01,
           wire_bytes=run["wire_bytes"], raw_bytes=run["raw_bytes"],
           what="MQTT publish packets of verdicts, events and summaries")


def share(args):
    """What the pipeline adds to models of other sizes, with untrained fp32 networks of the same kind."""
    for size, width, height in ((128, 320, 240), (192, 640, 480), (192, 1280, 1024)):
        say(f"share: a {size}-pixel network on pictures of {width}x{height}")
        bundle = KEEP / f"random-weights-{size}.lsb"
        subprocess.run([BIN / "inspection_bench", "model", "--size", str(size), "--out", bundle], check=True)
        line = [BIN / "inspection_bench", "paced", "--items", str(min(args.items, 200)), "--bundle", bundle,
                "--width", str(width), "--height", str(height)]
        run = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
        figure(f"share.own_p50_{size}px_of_{width}x{height}", run["own_share_p50"], "share of trigger to verdict",
               limit=0.10, run_ms=run["run_ms"]["p50"], to_tensor_ms=run["to_tensor_ms"]["p50"])


def actuation(args):
    say("actuation: how exactly the command comes at trigger + 80 ms")
    run = measure(args, "paced", "--items", str(min(args.items, 300)), "--delay", "80")
    for q in ("p50", "p99", "max"):
        figure(f"actuation.after_planned_moment_{q}", run["late_ms"][q], "ms", delay_ms=80)


def cameras(args, count):
    run = paced(args, f"cameras{count}", count, 3_000 if args.full else args.items, 50)
    figure(f"memory.bench_{count}_stations", run["resident_mb"], "MB resident", before_mb=run["resident_before_mb"])


def throughput(args):
    for count in (1, 2):
        say(f"throughput: {count} station(s) against {count} bare Session::Run loop(s), {args.rounds} rounds")
        runs = [measure(args, "throughput", "--cameras", str(count), "--seconds", str(args.seconds))
                for _ in range(args.rounds)]
        ratios = [run["of_bare"] for run in runs]
        figure(f"throughput.of_bare_session_run_{count}", round(statistics.median(ratios), 4), "ratio", at_least=0.9,
               rounds=[round(one, 3) for one in ratios],
               pipeline_per_s=statistics.median(run["pipeline_per_s"] for run in runs),
               bare_per_s=statistics.median(run["bare_per_s"] for run in runs),
               fail_safe=sum(run["fail_safe"] for run in runs))


def scores(bundle, pictures, out):
    subprocess.run([BIN / "lineside", "score", "--bundle", bundle, "--images", pictures, "--out", out], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(out, newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def precision(args):
    """int8 against fp32: the same trained weights, on fresh pictures of the simulated line."""
    fp32, int8, fresh = KEEP / "demo-fp32.lsb", KEEP / "demo-int8.lsb", KEEP / "fresh"
    draw(KEEP / "pictures", 1)
    draw(fresh, 2)
    if not fp32.exists():
        train(KEEP / "pictures", fp32, "--fp32")
    int8.unlink(missing_ok=True)
    subprocess.run([BIN / "lineside", "quantize", "--bundle", fp32, "--images", KEEP / "pictures", "--out", int8, "--key",
                    KEEP / "key.pem"], check=True, stdout=sys.stderr)
    bare, whole = [], []
    for _ in range(args.rounds):
        run = {}
        for kind, bundle in (("fp32", fp32), ("int8", int8)):
            line = [BIN / "inspection_bench", "throughput", "--cameras", "1", "--seconds", str(args.seconds), "--bundle",
                    bundle, "--images", KEEP / "pictures"]
            run[kind] = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)
        bare.append(run["int8"]["bare_per_s"] / run["fp32"]["bare_per_s"])
        whole.append(run["int8"]["pipeline_per_s"] / run["fp32"]["pipeline_per_s"])
    figure("precision.int8_speed_of_session_run", round(statistics.median(bare), 3), "times fp32",
           rounds=[round(one, 3) for one in bare])
    figure("precision.int8_speed_of_pipeline", round(statistics.median(whole), 3), "times fp32",
           rounds=[round(one, 3) for one in whole])
    found = {kind: scores(bundle, fresh, KEEP / f"{kind}.csv") for kind, bundle in (("fp32", fp32), ("int8", int8))}
    for kind, rows in found.items():
        good = [row["verdict"] for row in rows.values() if row["class"] == "good"]
        bad = [row["verdict"] for row in rows.values() if row["class"] != "good"]
        figure(f"precision.{kind}_false_rejects", good.count("reject"), "pictures", of=len(good))
        figure(f"precision.{kind}_escapes", bad.count("pass"), "pictures", of=len(bad))
    changes = [abs(float(found["fp32"][name]["score"]) - float(found["int8"][name]["score"])) for name in found["fp32"]]
    flipped = sum(found["fp32"][name]["verdict"] != found["int8"][name]["verdict"] for name in found["fp32"])
    figure("precision.flipped_verdicts", flipped, "pictures", of=len(changes))
    figure("precision.score_change_mean", round(statistics.mean(changes), 5), "of 0..1", max=round(max(changes), 4))


def gateway_config(folder, args, stations, camera):
    lines = ["gateway: bench", f"data_dir: {folder / 'data'}", "local: {enabled: false}", "cameras:"]
    lines += [f"  - {{name: c{i}, {camera}}}" for i in range(stations)]
    lines += ["stations:"]
    lines += [f"  - {{name: s{i}, cameras: [c{i}], bundle: {args.bundle}}}" for i in range(stations)]
    lines += ["inference:", "  allow_unsigned: true"]
    if args.key:
        lines += [f"  trusted_keys: [{args.key.resolve()}]"]
    path = folder / "gateway.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def resident_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


def first_verdict_s(folder, station, began, wait_max):
    while time.monotonic() - began < wait_max:
        for file in folder.glob(f"data/ledger/{station}/ledger-*.tsv"):
            for line in file.read_text().splitlines():
                cells = line.split("\t")
                if not line.startswith("#") and len(cells) == 14 and not cells[3].startswith("fail"):
                    return int(cells[1]) / 1e6 + int(cells[12]) / 1e6
        time.sleep(0.05)
    return None


def run_gateway(args, stations, seconds, idle=False):
    """Starts lineside-gateway, gives (seconds to the first verdict, resident MB after `seconds`). Idle: its cameras are
    not there."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        images = pathlib.Path(args.images or KEEP / "pictures").resolve()
        images = images / "good" if (images / "good").is_dir() else images  # a replay takes the pictures of one folder
        replay = folder / "replay"  # and keeps them in memory: few, so that the gateway is measured and not the pictures
        replay.mkdir()
        for picture in sorted(path for path in images.rglob("*") if path.is_file())[:4]:
            shutil.copy(picture, replay)
        camera = "kind: rtsp, url: 'rtsp://127.0.0.1:9/none'" if idle else f"kind: folder, path: {replay}, rate_hz: 10"
        config = gateway_config(folder, args, stations, camera)
        wall, began = time.time(), time.monotonic()
        process = subprocess.Popen([BIN / "lineside-gateway", "--config", config], stderr=subprocess.PIPE)
        try:
            first = wall if idle else first_verdict_s(folder, f"s{stations - 1}", began, 60)
            time.sleep(seconds)
            memory = resident_mb(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            text = process.communicate(timeout=20)[1].decode(errors="replace")
        if first is None:
            raise SystemExit(f"bench: no verdict within 60 s; the gateway said:\n{text[-2000:]}")
        return first - wall, memory


def memory(args):
    say("memory: lineside-gateway with one station whose camera is not there")
    figure("memory.gateway_idle", round(run_gateway(args, 1, 10, idle=True)[1], 1), "MB resident")
    for stations in (1, 30):
        say(f"memory: lineside-gateway with {stations} station(s), replay folder, no hub")
        first, resident = run_gateway(args, stations, 10)
        figure(f"memory.gateway_{stations}_stations", round(resident, 1), "MB resident")
        figure(f"start.first_verdict_{stations}_stations", round(first, 3), "s",
               what="process start to the last station's first verdict")


def peers(args):
    for path in sorted(HERE.glob("inspection_*.py")):
        if path.stem != "inspection_accuracy":
            say(f"running {path.name}")
            subprocess.run([sys.executable, path, "--bundle", str(args.bundle)], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--key", type=pathlib.Path, help="public key that signed --bundle, for the parts with the gateway")
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=3, help="of each half of the throughput runs")
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput runs; the median counts")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    need_bundle(args)
    args.bundle = args.bundle.resolve()
    parts = {"latency": latency, "share": share, "actuation": actuation, "cameras8": lambda a: cameras(a, 8),
             "cameras30": lambda a: cameras(a, 30), "throughput": throughput, "precision": precision,
             "memory": memory}
    chosen = [name for name in args.only.split(",") if name] or list(parts)
    for name in chosen:
        if name not in parts:
            sys.exit(f"bench: there is no part '{name}'. There are: {', '.join(parts)}")
        parts[name](args)
    if not args.only and not args.no_peers:
        peers(args)


if __name__ == "__main__":
    main()
