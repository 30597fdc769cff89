#!/usr/bin/env python3
"""Every configuration in examples/ loads. Files that they name on a customer's machine need not be here. Rules fit the
gateway that names them."""
import pathlib
import re
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


def check_rules(folder, toolbox):
    """Each file that a gateway's settings name as rules, against that gateway's tags."""
    problems, pairs = [], 0
    for gateway in sorted(folder.glob("gateway*.yaml")):
        named = re.search(r"^rules: \[(.+)\]", gateway.read_text(), re.M)
        for rules in (folder / name.strip() for name in (named[1].split(",") if named else [])):
            pairs += 1
            done = subprocess.run([toolbox, "rules", "check", rules, "--config", gateway], capture_output=True, text=True)
            if done.returncode != 0:
                problems.append(done.stderr.strip())
    return problems if pairs else problems + ["no example of a gateway names rules"]


if __name__ == "__main__":
    toolbox = common.BIN / "lineside"
    common.finish("examples", check(common.tracked(common.PROJECT, "examples/*.yaml"), toolbox) +
                  check_rules(common.PROJECT / "examples", toolbox))
