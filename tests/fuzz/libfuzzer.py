#!/usr/bin/env python3
"""Runs one libFuzzer target from its seeds: 4 seconds, or 5 minutes with LINESIDE_LONG=1. What it learns (inputs that reach
new code) stays in the build folder, so that the next run goes on from there.

    libfuzzer.py NAME [SECONDS]"""
import os
import pathlib
import subprocess
import sys

PROJECT = pathlib.Path(os.environ.get("LINESIDE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("LINESIDE_BUILD_DIR", PROJECT / "build/release"))


def main():
    name = sys.argv[1]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 300 if os.environ.get("LINESIDE_LONG") == "1" else 4
    seeds, learned, found = (BUILD / "libfuzzer" / folder / name for folder in ("seeds", "learned", "found"))
    for folder in (learned, found):
        folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([BUILD / "bin" / f"{name}_fuzz", "--write", seeds], check=True)
    command = [BUILD / "libfuzzer/bin" / f"{name}_fuzz", f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2000",
               "-max_len=20000", "-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={found}/", learned, seeds]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    kept = [line for line in done.stdout.splitlines() if not line.startswith(("#", "\tNEW_FUNC", "NEW_FUNC"))]
    print("\n".join(kept[-60:]))
    if done.returncode != 0:
        print(f"the input that broke it is in {found}; repeat with: {command[0]} FILE")
    return 1 if done.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
