#!/usr/bin/env python3
"""Every C++ file is in the project's format (.clang-format), and no file is longer than the style allows."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

LINES_MAX = {".h": 250, ".cc": 500}


def check(project, files):
    problems = []
    for path in files:
        length = path.read_text(encoding="utf-8").count("\n")
        if length > LINES_MAX[path.suffix]:
            problems.append(f"{path.relative_to(project)} has {length} lines, more than {LINES_MAX[path.suffix]}")
    done = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *map(str, files)], cwd=project,
                          capture_output=True, text=True)
    if done.returncode != 0:
        wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "clang-format-violations" in line})
        problems += [f"{pathlib.Path(name).relative_to(project)} is not in the project's format; ./dev format puts it right"
                     for name in wrong] or [done.stderr]
    return problems


if __name__ == "__main__":
    common.finish("format", check(common.PROJECT, common.tracked(common.PROJECT, "*.cc", "*.h")))
