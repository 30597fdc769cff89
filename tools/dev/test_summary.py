#!/usr/bin/env python3
"""Reads ctest's JUnit file, prints what failed (with output) and what was skipped (with the reason), and the counts."""
import re
import sys
import xml.etree.ElementTree as ElementTree

LINES_OF_OUTPUT = 60


def skip_reason(output):
    """GoogleTest prints `file:line: Skipped` and the reason below it; the Python tests print `SKIP: reason`."""
    match = re.search(r"SKIP: (.*)", output) or re.search(r": Skipped\n(.+)", output)
    return match.group(1).strip() if match else "no reason given"


def read(path):
    """{outcome: [(name, text)]} for passed, failed and skipped."""
    outcomes = {"passed": [], "failed": [], "skipped": []}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        status = case.get("status")
        if case.find("skipped") is not None and status != "disabled":
            missing = status == "notrun" and not output
            if missing and "SKIP" not in (case.find("skipped").get("message") or ""):
                outcomes["failed"].append((case.get("name"), "it could not be started: " + case.find("skipped").get("message", "")))
            else:
                outcomes["skipped"].append((case.get("name"), skip_reason(output)))
        elif status == "run" and case.find("failure") is None:
            outcomes["passed"].append((case.get("name"), ""))
        else:
            why = case.find("failure")
            reason = "" if why is None else why.get("message") or ""
            outcomes["failed"].append((case.get("name"), f"{reason}\n{output}"))
    return outcomes


def text(outcomes):
    out = ""
    for name, output in outcomes["failed"]:
        lines = output.strip().splitlines()
        cut = len(lines) - LINES_OF_OUTPUT
        shown = ([f"... {cut} lines before"] if cut > 0 else []) + lines[-LINES_OF_OUTPUT:]
        out += f"\nFAILED {name}\n" + "".join(f"  {line}\n" for line in shown)
    if outcomes["skipped"]:
        out += "\nSkipped:\n"
    reasons = {}
    for name, reason in outcomes["skipped"]:
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        out += f"  {', '.join(names[:3])}{more}: {reason}\n"
    if outcomes["failed"]:
        out += "\nFailed: " + ", ".join(name for name, _ in outcomes["failed"]) + "\n"
    counts = ", ".join(f"{len(outcomes[kind])} {kind}" for kind in ("passed", "failed", "skipped"))
    return out + f"\n{counts}\n"


def main(path):
    outcomes = read(path)
    print(text(outcomes), end="")
    if not outcomes["passed"] and not outcomes["failed"]:
        print("no test was run", file=sys.stderr)
        return 1
    return 1 if outcomes["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
