#!/usr/bin/env python3
"""The whole pipeline against GStreamer's own onnxinference element: same model, pictures, preprocessing and cores.

python3 bench/inspection_peer.py --bundle FILE [--images DIR] [--seconds N] [--rounds N]

The element optimizes no model unless told so; both ways are measured. On all cores: the better of one pipeline (ONNX
Runtime's own threads) and one per core, against one station per core. A CPU's speed drifts, so that both take turns:
each ratio is of neighbours in time, and the median of the rounds is the figure.
"""
import argparse
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys

import figures
from figures import BIN

figure = functools.partial(figures.figure, "inspection-peer")


def measure(cores, *command):
    line = [str(part) for part in command]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode != 0:
        sys.exit(f"bench: {line[0]} failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    common = ["--bundle", args.bundle, "--seconds", args.seconds] + (["--images", args.images] if args.images else [])
    every = sorted(os.sched_getaffinity(0))
    for cores in [every[:1]] + ([every] if len(every) > 1 else []):
        own, peer, ratio = [], {}, {}
        for _ in range(args.rounds):
            own.append(measure(cores, BIN / "inspection_bench", "throughput", *common, "--cameras",
                               len(cores))["pipeline_per_s"])
            for level in ("disable-all", "enable-all"):
                theirs = max(measure(cores, BIN / "inspection_peer", *common, "--optimization", level, "--pipelines",
                                     count)["frames_per_s"] for count in sorted({1, len(cores)}))
                peer.setdefault(level, []).append(theirs)
                ratio.setdefault(level, []).append(own[-1] / theirs)
        figure(f"pipeline_{len(cores)}_cores", statistics.median(own), "frames/s", rounds=own)
        for level, ratios in ratio.items():
            limit = {"at_least": 2} if level == "disable-all" else {}
            figure(f"ratio_to_onnxinference_{level}_{len(cores)}_cores", round(statistics.median(ratios), 2), "ratio",
                   peer_frames_per_s=statistics.median(peer[level]), rounds=[round(one, 2) for one in ratios],
                   peer="its defaults" if limit else "tuned: all graph optimizations", **limit)


if __name__ == "__main__":
    main()
