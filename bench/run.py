#!/usr/bin/env python3
"""Runs one benchmark, or all: python3 bench/run.py [--markdown FILE] [NAME [ARGS]]

NAME is a script bench/NAME.py ('-' stands for '_'). It prints one JSON line per figure on standard output and what it is
doing on standard error. Exits with 1 if a figure is outside its limit ("ok": false), so that a bench can be a check.
--markdown FILE also appends the figures to FILE as a table, under the command and the day: docs/benchmarks.md is made so.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("LINESIDE_BIN", HERE.parent / "build" / "release" / "bin"))


def scripts():
    """The others are what they share, and parts of them."""
    return {p.stem: p for p in sorted(HERE.glob("*.py"))
            if p.stem not in ("run", "figures", "simulated_machine") and not p.stem.startswith("telemetry_")}


def bound(figure):
    if "limit" in figure:
        return f"at most {figure['limit']}"
    return f"at least {figure['at_least']}" if "at_least" in figure else ""


def append_table(file, name, args, figures):
    lines = [f"\n## `./dev bench {' '.join([name.replace('_', '-'), *args])}`", "",
             f"{time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores, {cpu_name()}.", "",
             "| figure | value | unit | goal | met |", "|---|---:|---|---|---|"]
    for figure in figures:
        value = figure["value"]
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        met = {True: "yes", False: "**no**"}.get(figure.get("ok"), "")
        lines.append(f"| {figure['figure']} | {text} | {figure.get('unit', '')} | {bound(figure)} | {met} |")
    with open(file, "a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def cpu_name():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def run(path, args, markdown=None):
    environment = dict(os.environ, LINESIDE_BIN=str(BIN), PYTHONUNBUFFERED="1")
    figures = []
    process = subprocess.Popen([sys.executable, str(path), *args], stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        print(line, end="", flush=True)
        try:
            figure = json.loads(line)
        except ValueError:
            continue
        if isinstance(figure, dict) and "figure" in figure and "value" in figure:
            figures.append(figure)
    if markdown:
        append_table(markdown, path.stem, args, figures)
    return process.wait() or (1 if any(f.get("ok") is False for f in figures) else 0)


def main():
    known = scripts()
    if len(sys.argv) > 1 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip(), "\n\nBenchmarks:", ", ".join(known))
        return 0
    arguments, markdown = sys.argv[1:], None
    if arguments[:1] == ["--markdown"]:
        if len(arguments) < 2:
            print("bench: --markdown needs a file", file=sys.stderr)
            return 2
        markdown, arguments = arguments[1], arguments[2:]
    if not arguments:
        return max([run(path, [], markdown) for path in known.values()], default=0)
    name = arguments[0].replace("-", "_")
    if name not in known:
        print(f"bench: there is no benchmark '{arguments[0]}'. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    return run(known[name], arguments[1:], markdown)


if __name__ == "__main__":
    sys.exit(main())
