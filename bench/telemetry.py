#!/usr/bin/env python3
"""Telemetry measured.

./dev bench telemetry [--only PART,PART] [--full] [--data DIR] [--bounds 5%,1%]

bytes: recordings filtered and rebuilt: bytes against float32, JSON and the classic filters, speed, bounds kept. The same
  recordings as a gateway would send them while they are read: streams in blocks of 10 and of 60 rows, each block a batch
  of its own.
outbox: records a second on disk, a start with a backlog (--full: 10 million records), draining it, memory.
path: readings by MQTT through gateway and broker into the hub's store, and the broker alone.
opcua: 100,000 tags of the plant's OPC UA server that change each second, into the filter.
link: urgent records beside a backlog of a day over 50 kbit/s with 0.5 s of delay and stalls.

bytes: every recorded data set below ../shared/data/telemetry: each column's span is taken from the first third of the file, the
rest is filtered. Baselines work on the same rows at the same bound: dead band and swinging door (a kept point is row
distance as LEB128 and the number as float32), quantise + delta (zigzag LEB128); each column by column and then packed
by zstd at level 19. The times go with each baseline as second differences, packed likewise.
"""
import argparse
import csv
import ctypes
import functools
import gzip
import json
import math
import pathlib
import struct
import subprocess
import tempfile

import figures
import telemetry_link
import telemetry_opcua
import telemetry_outbox
import telemetry_path
from figures import BIN, say

HERE = pathlib.Path(__file__).resolve().parent
figure = functools.partial(figures.figure, "telemetry")
DATA = HERE.parent.parent / "shared" / "data" / "telemetry"
GOALS = {"5%": 95.0, "1%": 90.0}


ZSTD = ctypes.CDLL("libzstd.so.1")  # Python has none before 3.14
ZSTD.ZSTD_compressBound.restype = ZSTD.ZSTD_compress.restype = ctypes.c_size_t
ZSTD.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
ZSTD.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]


def pack(data):
    room = ZSTD.ZSTD_compressBound(len(data))
    return ZSTD.ZSTD_compress(ctypes.create_string_buffer(room), room, data, len(data), 19)


def leb128(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value):
    return leb128(value << 1 if value >= 0 else (-value << 1) - 1)


def dead_band(numbers, bound):
    out, last, kept = bytearray(), None, 0
    for row, value in enumerate(numbers):
        if last is None or abs(value - last) > bound:
            out += leb128(row - kept) + struct.pack("<f", value)
            last, kept = value, row
    return out


def swinging_door(numbers, bound):
    """Lines between kept points; each number is within `bound` of its line (doors open towards the next point)."""
    out, at, kept = bytearray(), 0, 0
    while at < len(numbers):
        out += leb128(at - kept) + struct.pack("<f", numbers[at])
        kept, low, high, end = at, -math.inf, math.inf, at + 1
        while end < len(numbers):
            slope = (numbers[end] - numbers[at]) / (end - at)
            if not low <= slope <= high:
                break
            low = max(low, (numbers[end] - bound - numbers[at]) / (end - at))
            high = min(high, (numbers[end] + bound - numbers[at]) / (end - at))
            end += 1
        at = max(end - 1, at + 1)
    return out


def quantise_delta(numbers, bound):
    out, last = bytearray(), 0
    for value in numbers:
        level = round(value / (2 * bound))
        out += signed(level - last)
        last = level
    return out


def number(text):
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read(path):
    opened = gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else open(path, encoding="utf-8-sig")
    with opened as file:
        text = file.read()
    if ".jsonl" in path.name:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        names = list(dict.fromkeys(key for row in rows for key in row))
        return ",", names, [[str(row.get(name, "")) for name in names] for row in rows]
    delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    return delimiter, rows[0], rows[1:]


def write(path, delimiter, names, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        out.writerow(names)
        out.writerows(rows)


def columns_of(rows, width):
    return [[row[i] if i < len(row) else "" for row in rows] for i in range(width)]


def baselines(report, names, rows, times):
    sizes = dict.fromkeys(("dead_band", "swinging_door", "quantise_delta"), 0)
    cells = columns_of(rows, len(names))
    for method, filtered in (("dead_band", dead_band), ("swinging_door", swinging_door), ("quantise_delta", quantise_delta)):
        for column in report["columns"]:
            texts = cells[column["index"]]
            values = [number(text) for text in texts]
            if column["bound"] > 0:
                odd = "\n".join(text for text, value in zip(texts, values) if value is None).encode()
                sizes[method] += pack(bytes(filtered([v for v in values if v is not None], column["bound"])))
                sizes[method] += pack(odd) if odd else 0
            else:
                sizes[method] += pack("\n".join(texts).encode())
        sizes[method] += times
    return sizes


def times_packed(texts):
    """Times as the text's digits, second differences, packed: or the text packed, whichever is smaller."""
    digits = [int("".join(c for c in text if c.isdigit()) or "0") for text in texts]
    out, last, step = bytearray(), 0, 0
    for value in digits:
        out += signed(value - last - step)
        step, last = value - last, value
    return min(pack(bytes(out)), pack("\n".join(texts).encode()))


def violations(report, names, rows, rebuilt):
    before, after = columns_of(rows, len(names)), columns_of(rebuilt, len(names))
    bad = abs(len(rows) - len(rebuilt)) * len(names)
    bounds = {column["index"]: column["bound"] for column in report["columns"]}
    for i, (was, now) in enumerate(zip(before, after)):
        for a, b in zip(was, now):
            if a != b and not (number(a) is not None and number(b) is not None and
                               abs(number(a) - number(b)) <= bounds.get(i, 0)):
                bad += 1
    return bad


def measure(path, bound, folder):
    delimiter, names, rows = read(path)
    third = len(rows) // 3
    write(folder / "train.csv", delimiter, names, rows[:third])
    write(folder / "data.csv", delimiter, names, rows[third:])
    subprocess.run([BIN / "lineside", "filter", "--input", folder / "data.csv", "--max-error", bound, "--span-from",
                    folder / "train.csv", "--out", folder / "segments.bin", "--report", folder / "report.json"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([BIN / "lineside", "rebuild", folder / "segments.bin", "--out", folder / "rebuilt.csv"], check=True)
    report = json.loads((folder / "report.json").read_text())
    place = 0
    for column in report["columns"]:
        while names[place] != column["name"]:
            place += 1
        column["index"] = place
        place += 1
    reported = {column["index"] for column in report["columns"]}
    times = sum(times_packed([row[i] for row in rows[third:]]) for i in range(len(names)) if i not in reported)
    report["baselines"] = baselines(report, names, rows[third:], times)
    report["out_of_bounds"] = violations(report, names, rows[third:], read(folder / "rebuilt.csv")[2])
    return report


STREAM_ROWS = (10, 60)
STREAM_KEYS = ("samples", "bytes_in_float32", "bytes_out", "bytes_on_wire", "seconds", "out_of_bounds", "missing")


def stream(path, bound, rows, folder):
    delimiter, names, table = read(path)
    write(folder / "whole.csv", delimiter, names, table)
    done = subprocess.run([BIN / "telemetry_bench", folder / "whole.csv", bound.rstrip("%"), str(rows)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    say(done.stderr.strip())
    return dict.fromkeys(STREAM_KEYS, 0)


def streams(name, files, bound):
    for rows in STREAM_ROWS:
        with tempfile.TemporaryDirectory() as folder:
            reports = [stream(path, bound, rows, pathlib.Path(folder)) for path in files]
        total = {key: sum(r[key] for r in reports) for key in STREAM_KEYS}
        if total["samples"] == 0:
            continue
        label = f"{name}.{bound.rstrip('%')}_percent.stream_{rows}_rows"
        figure(f"{label}.below_float32", round(100 - 100 * total["bytes_out"] / total["bytes_in_float32"], 2), "%",
               at_least=GOALS.get(bound), **total)
        figure(f"{label}.on_wire_below_float32",
               round(100 - 100 * total["bytes_on_wire"] / total["bytes_in_float32"], 2), "%")
        figure(f"{label}.out_of_bounds", total["out_of_bounds"] + total["missing"], "points", limit=0)
        figure(f"{label}.speed", round(total["samples"] / total["seconds"] / 1e6, 2), "million samples/s", at_least=2)


def recordings(data, bounds):
    sets = {folder.name: [p for p in sorted(folder.rglob("*")) if p.name.endswith((".csv", ".csv.gz", ".jsonl.gz"))
                          and p.stat().st_size > 5000] for folder in sorted(data.iterdir()) if folder.is_dir()}
    sets["assetops-chiller"] = [p for p in sets.get("assetops-chiller", []) if p.name.endswith(".jsonl.gz")]
    for bound in bounds.split(","):
        for name, files in sets.items():
            if not files:
                continue
            say(f"{name} at {bound}: {len(files)} file(s)")
            with tempfile.TemporaryDirectory() as folder:
                reports = [measure(path, bound, pathlib.Path(folder)) for path in files]
            total = {key: sum(r[key] for r in reports)
                     for key in ("samples", "bytes_in_float32", "bytes_in_json", "bytes_out", "seconds", "out_of_bounds")}
            label = f"{name}.{bound.rstrip('%')}_percent"
            saved = 100 - 100 * total["bytes_out"] / total["bytes_in_float32"]
            figure(f"{label}.below_float32", round(saved, 2), "%", at_least=GOALS.get(bound), **total)
            figure(f"{label}.below_json", round(100 - 100 * total["bytes_out"] / total["bytes_in_json"], 2), "%", at_least=99)
            for baseline in ("dead_band", "swinging_door", "quantise_delta"):
                size = sum(r["baselines"][baseline] for r in reports)
                figure(f"{label}.of_{baseline}", round(total["bytes_out"] / size, 3), "ratio", limit=1, baseline_bytes=size)
            figure(f"{label}.out_of_bounds", total["out_of_bounds"], "points", limit=0)
            figure(f"{label}.speed", round(total["samples"] / total["seconds"] / 1e6, 2), "million samples/s", at_least=2)
            streams(name, files, bound)


PARTS = {"outbox": telemetry_outbox, "path": telemetry_path, "opcua": telemetry_opcua, "link": telemetry_link}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["bytes", *PARTS])
    parser.add_argument("--full", action="store_true", help="larger backlogs, longer runs")
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--bounds", default="5%,1%")
    args = parser.parse_args()
    if unknown := set(args.only) - {"bytes", *PARTS}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are: bytes, {', '.join(PARTS)}")
    if "bytes" in args.only:
        recordings(args.data, args.bounds)
    for name, part in PARTS.items():
        if name in args.only:
            with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder:
                part.measure(pathlib.Path(folder), args.full)


if __name__ == "__main__":
    main()
