#!/usr/bin/env python3
"""Every configuration in examples/ loads. Files that they name on a customer's machine need not be here."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402


def check(files, toolbox):
    if not files:
        return ["there is no example"]
    problems = []
    for path in files:
        done = subprocess.run([toolbox, "check", "--elsewhere", path], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(done.stderr.strip())
    return problems


if __name__ == "__main__":
    common.finish("examples", check(common.tracked(common.PROJECT, "examples/*.yaml"), common.BIN / "lineside"))
