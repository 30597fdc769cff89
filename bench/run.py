#!/usr/bin/env python3
"""Runs one benchmark, or all: python3 bench/run.py [NAME [ARGS]]

NAME is a script bench/NAME.py ('-' stands for '_'). It prints one JSON line per figure on standard output and what it is
doing on standard error. Exits with 1 if a figure is outside its limit ("ok": false), so that a bench can be a check.
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("LINESIDE_BIN", HERE.parent / "build" / "release" / "bin"))


def scripts():
    return {p.stem: p for p in sorted(HERE.glob("*.py")) if p.stem not in ("run", "figures")}


def run(path, args):
    environment = dict(os.environ, LINESIDE_BIN=str(BIN), PYTHONUNBUFFERED="1")
    outside = 0
    process = subprocess.Popen([sys.executable, str(path), *args], stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        print(line, end="", flush=True)
        try:
            outside += json.loads(line).get("ok") is False
        except (ValueError, AttributeError):
            pass
    return process.wait() or (1 if outside else 0)


def main():
    known = scripts()
    if len(sys.argv) > 1 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip(), "\n\nBenchmarks:", ", ".join(known))
        return 0
    if len(sys.argv) == 1:
        return max([run(path, []) for path in known.values()], default=0)
    name = sys.argv[1].replace("-", "_")
    if name not in known:
        print(f"bench: there is no benchmark '{sys.argv[1]}'. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    return run(known[name], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
