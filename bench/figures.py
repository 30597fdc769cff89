"""What the benchmarks share: where the programs are, a free port, what is going on (standard error) and the figures
(JSON lines on standard output)."""
import json
import os
import pathlib
import socket
import sys

BIN = pathlib.Path(os.environ.get("LINESIDE_BIN", pathlib.Path(__file__).resolve().parent.parent / "build/release/bin"))


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def figure(bench, name, value, unit, limit=None, at_least=None, **more):
    """With a limit or a least value the line says whether it is kept ("ok")."""
    line = {"bench": bench, "figure": name, "value": value, "unit": unit}
    if limit is not None:
        line |= {"limit": limit, "ok": value <= limit}
    if at_least is not None:
        line |= {"at_least": at_least, "ok": value >= at_least}
    print(json.dumps(line | more), flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
