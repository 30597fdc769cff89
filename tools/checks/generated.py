#!/usr/bin/env python3
"""The pages and schemas that are made from tables in the code are up to date. --write makes them anew."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

ERROR = re.compile(r'^LINESIDE_ERROR\((\w+), "([^"]+)", (\d+), "([^"]+)", "([^"]+)"\)$')

ERRORS_HEAD = """# Errors and exit codes

<!-- Generated from src/base/errors.def by tools/checks/generated.py --write. -->

Every message begins with a code from this list, which stays the same over versions: `PROGRAM: CODE: MESSAGE`. A program
that ends because of an error has that code's exit code. 0 means done, 2 that the command line was not understood; where
a command has an exit status of its own, its `--help` says so. The numbers follow `sysexits.h`.

| code | exit code | meaning | what to do |
|---|---|---|---|
"""


def errors_page(definitions):
    rows = []
    for line in definitions.splitlines():
        if not line.startswith("LINESIDE_ERROR("):
            continue
        match = ERROR.match(line)
        if not match:
            raise ValueError(f"src/base/errors.def: can't read this line: {line}")
        _, code, exit_code, meaning, action = match.groups()
        rows.append(f"| `{code}` | {exit_code} | {meaning} | {action} |\n")
    return ERRORS_HEAD + "".join(rows)


def wanted(project, toolbox):
    """path → content of every generated file."""
    files = {project / "docs/errors.md": errors_page((project / "src/base/errors.def").read_text(encoding="utf-8"))}
    for kind in ("gateway", "hub", "plant"):
        for path, form in ((f"docs/{kind}-settings.md", "markdown"), (f"schema/{kind}.schema.json", "json-schema")):
            done = subprocess.run([toolbox, "settings", kind, "--format", form], capture_output=True, text=True, check=True)
            files[project / path] = done.stdout
    return files


def check(files, project):
    return [f"{path.relative_to(project)} is not up to date; ./dev shell tools/checks/generated.py --write makes it anew"
            for path, content in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != content]


if __name__ == "__main__":
    generated = wanted(common.PROJECT, common.BIN / "lineside")
    if "--write" in sys.argv[1:]:
        for file, text in generated.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    common.finish("generated", check(generated, common.PROJECT))
