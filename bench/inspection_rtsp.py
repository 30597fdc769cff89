#!/usr/bin/env python3
"""How many RTSP cameras this machine carries: every frame decoded and judged in time, none missing, p99.9 <= 50 ms.

python3 bench/inspection_rtsp.py --bundle FILE [--seconds N] [--max N] [--rate HZ] [--codecs h264,mjpeg]

H.264 and MJPEG, 320x240 and 640x480. The simulated cameras run on the same machine; they share four encoded streams, so
that encoding takes little of it. The number is doubled until it fails twice, then halved into the gap: one stall of a
machine that is shared with others does not decide.
"""
import argparse
import functools
import json
import pathlib
import signal
import subprocess

import figures
from figures import BIN, free_port, say

figure = functools.partial(figures.figure, "inspection-rtsp")


def carries(args, codec, width, height, cameras):
    port = str(free_port())
    server = subprocess.Popen([BIN / "inspection_rtsp", "serve", "--port", port, "--codec", codec, "--width", str(width),
                               "--height", str(height), "--rate", str(args.rate)], stdout=subprocess.PIPE, text=True)
    try:
        server.stdout.readline()
        done = subprocess.run([BIN / "inspection_rtsp", "watch", "--port", port, "--bundle", args.bundle, "--cameras",
                               str(cameras), "--seconds", str(args.seconds), "--rate", str(args.rate)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        run = json.loads(done.stdout.splitlines()[-1])
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    run["good"] = bool(run["all_up"] and run["missing"] == 0 and run["lost"] == 0 and run["failures"] == 0
                       and run["fail_safe"] == 0 and run["p999_ms"] <= 50)
    say(f"{codec} {width}x{height}, {cameras} camera(s): {run}")
    return run


def carries_if_not_stalled(args, codec, width, height, cameras):
    run = carries(args, codec, width, height, cameras)
    return run if run["good"] else carries(args, codec, width, height, cameras)


def most(args, codec, width, height):
    good, best, bad = 0, None, None
    count = 4
    while count <= args.max and bad is None:
        run = carries_if_not_stalled(args, codec, width, height, count)
        good, best, bad, count = (count, run, None, 2 * count) if run["good"] else (good, best, count, count)
    bad = bad or 2 * args.max
    while bad - good > max(1, good // 8) and good < args.max:
        middle = min((good + bad) // 2, args.max)
        run = carries_if_not_stalled(args, codec, width, height, middle)
        good, best, bad = (middle, run, bad) if run["good"] else (good, best, middle)
    return good, best or {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--max", type=int, default=64)
    parser.add_argument("--rate", type=int, default=10)
    parser.add_argument("--codecs", default="h264,mjpeg")
    parser.add_argument("--images", help=argparse.SUPPRESS)
    args = parser.parse_args()
    for codec in args.codecs.split(","):
        for width, height in ((320, 240), (640, 480)):
            cameras, run = most(args, codec, width, height)
            about = {key: run[key] for key in ("p50_ms", "p999_ms", "cpu_cores") if key in run}
            figure(f"cameras_{codec}_{width}x{height}", cameras, "cameras", rate_hz=args.rate, **about)


if __name__ == "__main__":
    main()
