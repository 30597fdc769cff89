#!/usr/bin/env python3
"""Accuracy of `lineside-train inspection` on real pictures that it never saw.

./dev bench inspection-accuracy [--sets ballscrew,cookies,moulded-figures] [--folds N] [--full] [--images DIR] [TRAIN OPTIONS]

Each set is split by group (ball screw: by position on the screw; the others: by picture) into folds; a model learns with
the default settings from all but one fold, then `lineside score` judges the pictures of that fold, which are opened by
nothing before. By default one fold of four is judged; --full judges all of them, so that every picture is judged once
by a model that did not see its group. Other options go to lineside-train as they are.
"""
import argparse
import csv
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from figures import BIN, say

HERE = pathlib.Path(__file__).resolve().parent
PICTURES = HERE.parent.parent / "shared" / "data" / "images"


def ballscrew(folder):
    """Only frames of one crop, since the other crop exists for worn frames only and would give the label away."""
    with open(folder / "labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["crop"] == "2" and row["label"] in ("good", "pitting"):
                yield folder / row["file"], row["label"], row["position"]


def two_folders(folder):
    for label in ("normal", "anomaly"):
        for path in sorted((folder / label).iterdir()):
            yield path, label, None


SETS = {"ballscrew": ballscrew, "cookies": two_folders, "moulded-figures": two_folders}


def into_folds(items, count):
    """Whole groups, the last by name first; items without one are dealt out class by class."""
    rng = random.Random(2026)
    groups = sorted({group for _, _, group in items if group}, reverse=True)
    fold_of_group = {group: i * count // len(groups) for i, group in enumerate(groups)}
    folds = [[] for _ in range(count)]
    for label in sorted({label for _, label, _ in items}):
        mine = [item for item in items if item[1] == label]
        rng.shuffle(mine)
        for i, item in enumerate(mine):
            folds[fold_of_group[item[2]] if item[2] else i % count].append(item)
    return folds


def lay_out(items, into):
    for path, label, group in items:
        target = into / label / (group or "")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)


def learn_and_score(train, test, options, keep):
    lay_out(train, keep / "train")
    lay_out(test, keep / "test")
    began = time.monotonic()
    subprocess.run([BIN / "lineside-train", "inspection", "--images", keep / "train", "--out", keep / "model.lsb",
                    "--key", keep / "key.pem", *options], check=True, stdout=sys.stderr)
    seconds = time.monotonic() - began
    subprocess.run([BIN / "lineside", "score", "--bundle", keep / "model.lsb", "--images", keep / "test",
                    "--out", keep / "results.csv", "--trusted-key", keep / "key.pem.pub"], check=True, stdout=sys.stderr)
    with open(keep / "results.csv", newline="") as file:
        return [(row["class"] not in ("good", "normal"), float(row["score"]), row["verdict"] == "reject",
                 group_of(row["file"])) for row in csv.DictReader(file)], seconds


def group_of(file):
    parts = pathlib.PurePosixPath(file).parts
    return parts[1] if len(parts) > 2 else None


def auroc(rows):
    bad, good = [r[1] for r in rows if r[0]], [r[1] for r in rows if not r[0]]
    return sum((b > g) + 0.5 * (b == g) for b in bad for g in good) / (len(bad) * len(good))


def wilson(count, of):
    z = 1.959963984540054
    p = count / of
    centre, half = (p + z * z / (2 * of)), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return [round(max(0, centre - half) / (1 + z * z / of), 4), round(min(1, (centre + half) / (1 + z * z / of)), 4)]


def report(name, folds):
    rows = [row for rows, _ in folds for row in rows]
    good, bad = [r for r in rows if not r[0]], [r for r in rows if r[0]]
    about = {"bench": "inspection-accuracy", "set": name, "good": len(good), "reject": len(bad), "folds": len(folds)}

    def share(figure, count, of):
        low, high = wilson(count, of)
        print(json.dumps(about | {"figure": f"{name}.{figure}", "value": round(count / of, 4), "count": count,
                                  "wilson_95": [low, high], "unit": f"of {of}, 95 % interval {low} to {high}"}))

    aurocs = [auroc(rows) for rows, _ in folds]
    of_groups = {g: round(auroc([r for r in rows if r[3] == g]), 4) for g in sorted({r[3] for r in rows if r[3]})}
    print(json.dumps(about | {"figure": f"{name}.auroc", "value": round(sum(aurocs) / len(aurocs), 4),
                              "of_folds": [round(a, 4) for a in aurocs], "of_groups": of_groups,
                              "unit": f"mean of {len(folds)} folds" if len(folds) > 1 else "one fold"}))
    share("false_rejects", sum(r[2] for r in good), len(good))
    share("escapes", sum(not r[2] for r in bad), len(bad))
    print(json.dumps(about | {"figure": f"{name}.training_time", "value": round(sum(s for _, s in folds) / len(folds)),
                              "unit": "s"}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--images", type=pathlib.Path, default=PICTURES)
    args, options = parser.parse_known_args()
    unknown = set(args.sets.split(",")) - set(SETS)
    if unknown:
        parser.error(f"no set named {', '.join(sorted(unknown))}; there are {', '.join(SETS)}")
    for name in args.sets.split(","):
        if not (args.images / name).is_dir():
            say(f"skipped {name}: there is no folder {args.images / name}")
            print(json.dumps({"bench": "inspection-accuracy", "set": name, "skipped": "no pictures"}), flush=True)
            continue
        folds = into_folds(list(SETS[name](args.images / name)), args.folds)
        done = []
        for held_out in range(args.folds if args.full else 1):
            say(f"{name}: fold {held_out + 1} of {args.folds} is held out")
            train = [item for i, fold in enumerate(folds) if i != held_out for item in fold]
            with tempfile.TemporaryDirectory(prefix="lineside-accuracy-") as keep:
                done.append(learn_and_score(train, folds[held_out], options, pathlib.Path(keep)))
        report(name, done)


if __name__ == "__main__":
    sys.exit(main())
