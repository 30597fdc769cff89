#!/usr/bin/env python3
"""Accuracy of `lineside-train condition` and `lineside score` on labelled series and on simulated machines.

./dev bench condition-accuracy [--sets skab,nab,simulated] [--half development|report|all] [--per-file] [--data DIR]

skab: each file's first 400 rows are learned as normal, the rest is judged row by row. Settings were chosen on the
  development half (every second file, in the order of their names); the report half says what they are worth. The
  protocol's figures count every file; the corrected ones judge each file from a random row of its normal stretch on
  (so that the row number says nothing) and leave out files whose first 400 rows hold labelled anomalies.
nab: the series' first 15 % are learned (NAB's probationary period), then rows inside and outside its windows count.
simulated: motors of bench/simulated_machine.py: learned from ten healthy recordings of 2 s (five speeds, twice) or from
  five (each speed once), judged on others with faults of three severities, at those speeds and at two never learned; and
  lives that end in a bearing's failure, learned from their first fifth. All made up, and said to be. Settings were chosen
  on machines from 100 on (--machines 100,101...), the report is of others.
Scores are causal and nothing is adjusted afterwards. Beside each figure stand the trivial detectors: always alarm, RMS
threshold (largest single channel over its normal range), PCA T2+Q (99 % limits of normal rows).
"""
import argparse
import csv
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import condition_simulated

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("LINESIDE_BIN", HERE.parent / "build" / "release" / "bin"))
DATA = HERE.parent.parent / "shared" / "data" / "telemetry"
SKAB_COLUMNS = "Accelerometer1RMS,Accelerometer2RMS,Current,Pressure,Temperature,Thermocouple,Voltage,Volume Flow RateRMS"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def emit(figure, value, unit="", **more):
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, **more}), flush=True)


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def learn(inputs, rate, bundle, *options):
    began = time.monotonic()
    run(BIN / "lineside-train", "condition", "--input", *inputs, "--rate", rate, "--out", bundle,
        "--key", bundle.with_suffix(".pem"), *options)
    return time.monotonic() - began


def score(inputs, rate, bundle, out):
    run(BIN / "lineside", "score", "--bundle", bundle, "--input", *inputs, "--rate", rate, "--out", out)
    with open(out, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def auroc(scored):
    """[(score, is bad)]: chance that a bad one scores higher."""
    ordered = sorted(scored)
    goods = sum(1 for _, bad in ordered if not bad)
    bads = len(ordered) - goods
    wins, below, i = 0.0, 0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        bad_here = sum(1 for _, bad in ordered[i:j] if bad)
        good_here = j - i - bad_here
        wins += bad_here * (below + good_here / 2)
        below += good_here
        i = j
    return wins / (goods * bads) if goods and bads else float("nan")


class Counts:
    def __init__(self):
        self.tp = self.fp = self.fn = self.tn = 0

    def add(self, alarm, bad):
        if bad:
            self.tp, self.fn = self.tp + alarm, self.fn + (not alarm)
        else:
            self.fp, self.tn = self.fp + alarm, self.tn + (not alarm)

    def f1(self):
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)

    def false_alarms(self):
        return self.fp / max(1, self.fp + self.tn)

    def missed(self):
        return self.fn / max(1, self.fn + self.tp)


def report(name, counts, scored=None, **limits):
    emit(f"{name} F1", counts.f1(), **({"at_least": limits["f1"], "ok": counts.f1() >= limits["f1"]} if "f1" in limits else {}))
    emit(f"{name} false-alarm rate", counts.false_alarms(),
         **({"limit": limits["far"], "ok": counts.false_alarms() <= limits["far"]} if "far" in limits else {}))
    emit(f"{name} missed-alarm rate", counts.missed())
    if scored:
        emit(f"{name} AUROC", auroc(scored))


# --- SKAB ---------------------------------------------------------------------------------------------------------

def skab_files(folder, half):
    files = sorted(path for kind in ("valve1", "valve2", "other") for path in (folder / kind).glob("*.csv.gz"))
    chosen = {"development": files[0::2], "report": files[1::2], "all": files}[half]
    return [(f"{path.parent.name}/{path.name.split('.')[0]}", path) for path in chosen]


def read_skab(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    header = lines[0].split(";")
    wanted = [header.index(name) for name in SKAB_COLUMNS.split(",")]
    label = header.index("anomaly")
    rows = [line.split(";") for line in lines[1:] if line]
    return [[row[i] for i in wanted] for row in rows], [float(row[label]) > 0 for row in rows]


def write_rows(path, rows):
    path.write_text(SKAB_COLUMNS + "\n" + "\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")


def trivial_range(train, rows):
    """Largest single channel beyond three deviations of its normal rows."""
    columns = list(zip(*train))
    centers = [sum(map(float, column)) / len(column) for column in columns]
    spreads = [(sum((float(v) - c) ** 2 for v in column) / len(column)) ** 0.5 or 1e-9
               for column, c in zip(columns, centers)]
    return [max(abs(float(v) - c) / s for v, c, s in zip(row, centers, spreads)) > 3 for row in rows]


def eigen(matrix):
    """Eigenvalues and vectors of a small symmetric matrix by Jacobi rotations, largest first."""
    n = len(matrix)
    a = [row[:] for row in matrix]
    v = [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(60):
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p][q]) < 1e-15:
                    continue
                theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = (1 if theta >= 0 else -1) / (abs(theta) + (theta * theta + 1) ** 0.5)
                c = 1 / (t * t + 1) ** 0.5
                s = t * c
                for k in range(n):
                    a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
                for k in range(n):
                    a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
                    v[k][p], v[k][q] = c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]
    order = sorted(range(n), key=lambda i: -a[i][i])
    return [a[i][i] for i in order], [[v[k][i] for k in range(n)] for i in order]


def trivial_pca(train, rows):
    columns = list(zip(*[[float(v) for v in row] for row in train]))
    centers = [sum(column) / len(column) for column in columns]
    spreads = [(sum((v - c) ** 2 for v in column) / len(column)) ** 0.5 or 1e-9 for column, c in zip(columns, centers)]
    scale = lambda row: [(float(v) - c) / s for v, c, s in zip(row, centers, spreads)]  # noqa: E731
    normal = [scale(row) for row in train]
    n = len(centers)
    covariance = [[sum(row[i] * row[j] for row in normal) / len(normal) for j in range(n)] for i in range(n)]
    values, vectors = eigen(covariance)
    kept = next(k for k in range(1, n + 1) if sum(values[:k]) >= 0.9 * sum(values))

    def statistics(row):
        t = [sum(a * b for a, b in zip(vector, row)) for vector in vectors]
        return sum(t[k] ** 2 / max(values[k], 1e-9) for k in range(kept)), sum(v * v for v in t[kept:])
    t2, q = zip(*[statistics(row) for row in normal])
    limit = lambda values_: sorted(values_)[int(0.99 * (len(values_) - 1))]  # noqa: E731
    t2_limit, q_limit = limit(t2), limit(q)
    return [t > t2_limit or rest > q_limit for t, rest in (statistics(scale(row)) for row in rows)]


def skab(folder, half, per_file):
    keep = pathlib.Path(tempfile.mkdtemp(prefix="lineside-skab-"))
    names = ("lineside", "always alarm", "single channel over 3 deviations", "PCA T2+Q")
    protocol, corrected = {name: Counts() for name in names}, {name: Counts() for name in names}
    scored, left_out, rng = [], [], random.Random(2026)
    for name, path in skab_files(folder, half):
        rows, labels = read_skab(path)
        bundle = keep / "m.lsb"
        write_rows(keep / "train.csv", rows[:400])
        learn([keep / "train.csv"], 1, bundle)
        cut = rng.randrange(400, 500)  # within the normal stretch after the learned rows
        for counts, start, count_it in ((protocol, 400, True), (corrected, cut, not any(labels[:400]))):
            if not count_it:
                left_out.append(name)
                continue
            write_rows(keep / "test.csv", rows[start:])
            result = score([keep / "test.csv"], 1, bundle, keep / "scores.csv")
            assert len(result) == len(rows) - start
            alarms = [row["verdict"] == "anomaly" for row in result]
            of_file = Counts()
            for judge, verdicts in zip(names, (alarms, [True] * len(alarms), trivial_range(rows[:400], rows[start:]),
                                               trivial_pca(rows[:400], rows[start:]))):
                for alarm, bad in zip(verdicts, labels[start:]):
                    counts[judge].add(alarm, bad)
                    if judge == "lineside":
                        of_file.add(alarm, bad)
            if counts is protocol:
                scored += [(float(row["score"]) / float(row["threshold"]), bad) for row, bad in zip(result, labels[start:])]
                if per_file:
                    emit(f"skab {name} F1", of_file.f1(), false_alarms=round(of_file.false_alarms(), 3),
                         missed=round(of_file.missed(), 3))
    for title, counts in (("protocol", protocol), ("corrected", corrected)):
        for name in names:
            goal = {"f1": 0.78, "far": 0.10} if name == "lineside" else {}
            report(f"skab {half} {title}, {name}", counts[name],
                   scored if name == "lineside" and counts is protocol else None, **goal)
    if left_out:
        say("left out of the corrected figures: " + ", ".join(left_out))


# --- NAB ----------------------------------------------------------------------------------------------------------

def nab(folder):
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["combined_windows"]
    keep = pathlib.Path(tempfile.mkdtemp(prefix="lineside-nab-"))
    for path in sorted(folder.glob("*.csv.gz")):
        windows = next(value for key, value in labels.items() if key.endswith(path.name.removesuffix(".gz")))
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
        head, rows = lines[0], lines[1:]
        split = int(0.15 * len(rows))
        (keep / "train.csv").write_text("\n".join([head, *rows[:split]]) + "\n", encoding="utf-8")
        (keep / "test.csv").write_text("\n".join([head, *rows[split:]]) + "\n", encoding="utf-8")
        rate = 1 / 300
        learn([keep / "train.csv"], rate, keep / "m.lsb")
        result = score([keep / "test.csv"], rate, keep / "m.lsb", keep / "scores.csv")
        counts, always, scored, found = Counts(), Counts(), [], set()
        for row, line in zip(result, rows[split:]):
            stamp = line.split(",")[0]
            inside = [i for i, (low, high) in enumerate(windows) if low[:19] <= stamp <= high[:19]]
            counts.add(row["verdict"] == "anomaly", bool(inside))
            always.add(True, bool(inside))
            scored.append((float(row["score"]), bool(inside)))
            if row["verdict"] == "anomaly":
                found.update(inside)
        judged = [i for i, (_, high) in enumerate(windows) if high[:19] >= rows[split].split(",")[0]]
        name = path.name.removesuffix(".csv.gz")
        report(f"nab {name}, lineside", counts, scored)
        emit(f"nab {name}, windows found", len(found), f"of {len(judged)}")
        report(f"nab {name}, always alarm", always)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="skab,nab,simulated")
    parser.add_argument("--half", choices=("development", "report", "all"), default="report")
    parser.add_argument("--per-file", action="store_true")
    parser.add_argument("--machines", default="0,1,2,3", help="numbers of simulated ones")
    parser.add_argument("--lives", default="0,2,4", help="numbers of simulated machines that run to failure")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the simulated records, taken again next time")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with skab and nab")
    options = parser.parse_args()
    for name in options.sets.split(","):
        if name in ("skab", "nab") and not (options.data / name).is_dir():
            say(f"no {options.data / name}: {name} is left out")
        elif name == "skab":
            skab(options.data / name, options.half, options.per_file)
        elif name == "nab":
            nab(options.data / name)
        elif name == "simulated":
            condition_simulated.run(sys.modules[__name__], options)
        else:
            parser.error(f"there is no set '{name}'")


if __name__ == "__main__":
    main()
