"""The simulated part of condition_accuracy.py: records of bench/simulated_machine.py, and what is made of the scores.

Machines 0 to 99 are for the report; settings were chosen on machines from 100 on.
"""
import json
import pathlib
import sys
import tempfile

import simulated_machine
from simulated_machine import FAULTS, MORE_FAULTS, Machine

SPEEDS = (12.0, 19.0, 27.0, 36.0, 48.0)
UNSEEN = (23.0, 42.0)
SEVERITIES = (0.12, 0.3, 1.0)
LIVES = (("outer race", 2), ("inner race", 2), ("ball", 1))


def make_records(folder, number):
    """train/: five speeds, twice; test/: healthy again and with faults, "fault@severity@speed@run.wav"."""
    done = folder / "done"
    if done.exists():
        return
    (folder / "train").mkdir(parents=True, exist_ok=True)
    (folder / "test").mkdir(exist_ok=True)
    machine = Machine(number)

    def write(name, speed, fault=None, severity=0.0, seconds=2.0):
        channels = simulated_machine.record(machine, name, speed, fault, severity, seconds)
        simulated_machine.write_wav(folder / f"{name}.wav", channels, machine.rate)

    for speed in SPEEDS:
        for repeat in range(2):
            write(f"train/{speed:g}-{repeat}", speed)
        for repeat in range(3):
            write(f"test/healthy@0@{speed:g}@{repeat}", speed)
        for fault in FAULTS:
            for severity in SEVERITIES:
                write(f"test/{fault}@{severity}@{speed:g}@0", speed, fault, severity, 1.5)
    for speed in UNSEEN:
        for repeat in range(2):
            write(f"test/healthy@0@{speed:g}@u{repeat}", speed)
        for fault in FAULTS:
            write(f"test/{fault}@1.0@{speed:g}@u", speed, fault, 1.0, 1.5)
    for fault in MORE_FAULTS:
        for speed in SPEEDS[1::2]:
            write(f"test/{fault}@1.0@{speed:g}@0", speed, fault, 1.0, 1.5)
    done.write_text("")


def make_life(folder, number, fault, axes):
    """life of records of 0.64 s at 25.6 kHz; severities in severity.json"""
    if (folder / "severity.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine(number, 25_600, axes)
    severities = []
    for i, channels, severity in simulated_machine.run_to_failure(machine, fault):
        simulated_machine.write_wav(folder / f"{i:03}.wav", channels, machine.rate)
        severities.append(severity)
    (folder / "severity.json").write_text(json.dumps(severities))


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def expected_patterns(fault):
    """What a diagnosis may rightly say. A bent shaft has no pattern of its own: it shakes as both others do."""
    return {"bent shaft": ("misalignment", "unbalance")}.get(fault, (fault,))


def said_pattern(contributors):
    at = contributors.find("pattern ")
    return contributors[at + len("pattern "):].split(";")[0].rsplit(" ", 2)[0] if at >= 0 else ""


class Tally:
    """Of all machines: areas per fault and severity, verdicts, diagnoses."""

    def __init__(self, bench):
        self.bench, self.areas, self.verdicts, self.diagnoses = bench, {}, {}, {}
        self.false = {"learned speeds": [0, 0], "other speeds": [0, 0]}

    def add(self, rows):
        healthy, faulty = [], {}
        for row in rows:
            fault, severity, speed, repeat = pathlib.Path(row["file"]).stem.split("@")
            value, alarm = float(row["score"]) / float(row["threshold"]), row["verdict"] == "anomaly"
            above = value >= 1
            if fault == "healthy":
                false = self.false["other speeds" if repeat.startswith("u") else "learned speeds"]
                false[0] += alarm if not repeat.startswith("u") else above
                false[1] += 1
                if not repeat.startswith("u"):
                    healthy.append((value, False))
                continue
            group = f"{fault} {severity}" + (" other speeds" if repeat.startswith("u") else "")
            faulty.setdefault(group, []).append((value, True))
            found = self.verdicts.setdefault(group, [0, 0])
            found[0] += above
            found[1] += 1
            if above and severity == "1.0":
                right = self.diagnoses.setdefault(fault, {})
                said = said_pattern(row["contributors"])
                right[said] = right.get(said, 0) + 1
        for group, scored in faulty.items():
            self.areas.setdefault(group, []).append(self.bench.auroc(healthy + scored))

    def report(self, name):
        emit, means = self.bench.emit, {}
        for group, areas in sorted(self.areas.items()):
            means[group] = sum(areas) / len(areas)
            found = self.verdicts[group]
            emit(f"{name} {group} AUROC", means[group], detected=round(found[0] / found[1], 3))
        six = [value for group, value in means.items()
               if group.split(" other")[0].rsplit(" ", 1)[0] in FAULTS and "other" not in group]
        emit(f"{name} macro-AUROC, six faults, severities {SEVERITIES}", sum(six) / len(six))
        for severity in SEVERITIES:
            some = [value for group, value in means.items()
                    if group.rsplit(" ", 1)[1] == str(severity) and group.rsplit(" ", 1)[0] in FAULTS]
            emit(f"{name} macro-AUROC, severity {severity}", sum(some) / len(some))
        for where, (false, count) in self.false.items():
            emit(f"{name} false alarms, healthy at {where}", false / max(1, count), windows=count)
        right = total = 0
        for fault, said in sorted(self.diagnoses.items()):
            good = sum(said.get(pattern, 0) for pattern in expected_patterns(fault))
            emit(f"{name} right diagnosis, {fault}", good / sum(said.values()), said=said)
            right, total = right + good, total + sum(said.values())
        emit(f"{name} right diagnosis", right / max(1, total))


def lives(bench, options, keep):
    for number in numbers(options.lives):
        fault, axes = LIVES[number // 2 % len(LIVES)]
        folder = keep / f"life-{number}"
        make_life(folder, number, fault, axes)
        severities = json.loads((folder / "severity.json").read_text())
        files = sorted(folder.glob("*.wav"))
        learned = len(files) // 5
        bench.learn(files[:learned], 25_600, folder / "m.lsb")
        result = bench.score(files[learned:], 25_600, folder / "m.lsb", folder / "scores.csv")
        alarms = {}
        for row in result:
            index = int(pathlib.Path(row["file"]).stem)
            alarms.setdefault(index, []).append(row["verdict"] == "anomaly")
        onset = next(i for i, severity in enumerate(severities) if severity)
        before = [alarm for i, windows in alarms.items() if i < onset for alarm in windows]
        first = next((i for i in sorted(alarms) if i >= onset and any(alarms[i])), len(files))
        bench.emit(f"life {number}, {fault}: lead time, share of the fault's life",
                   (len(files) - first) / (len(files) - onset), severity=round((severities + [9])[first], 3))
        bench.emit(f"life {number}, {fault}: false alarms before onset", sum(before) / max(1, len(before)),
                   windows=len(before), records=len({i for i in alarms if i < onset and any(alarms[i])}))


def run(bench, options):
    keep = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="lineside-simulated-"))
    twice, once, seconds = Tally(bench), Tally(bench), []
    for number in numbers(options.machines):
        folder = keep / str(number)
        make_records(folder, number)
        bench.say(f"machine {number}: records made")
        for tally, inputs in ((twice, [folder / "train"]), (once, sorted((folder / "train").glob("*-0.wav")))):
            seconds.append(bench.learn(inputs, 20_000, folder / "m.lsb"))
            tally.add(bench.score([folder / "test"], 20_000, folder / "m.lsb", folder / "scores.csv"))
    if seconds:
        twice.report("simulated, ten recordings")
        once.report("simulated, five recordings")
        bench.emit("simulated training time", max(seconds), "s", limit=120, ok=max(seconds) <= 120)
    lives(bench, options, keep)


if __name__ == "__main__":  # make the records only: condition_simulated.py FOLDER NUMBER...
    for word in sys.argv[2:]:
        make_records(pathlib.Path(sys.argv[1]) / word, int(word))
        if int(word) % 2 == 0:
            fault, axes = LIVES[int(word) // 2 % len(LIVES)]
            make_life(pathlib.Path(sys.argv[1]) / f"life-{word}", int(word), fault, axes)
