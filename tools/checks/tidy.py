#!/usr/bin/env python3
"""clang-tidy (.clang-tidy). It takes seconds for each file, so by default it looks only at sources that differ from the
last commit; with LINESIDE_LONG=1 at all of them. A file that passed is not looked at again until something changes."""
import json
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402


def changed(project):
    listed = subprocess.run(["git", "diff", "--name-only", "HEAD", "--", "*.cc"], cwd=project, capture_output=True, text=True)
    return {project / name for name in listed.stdout.split() if (project / name).is_file()}


def write_database(folder, commands):
    """compile_commands.json without what only g++ understands."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{"file": str(path), "directory": directory, "arguments": ["c++", *flags, str(path)]}
               for path, (flags, directory) in commands.items()]
    (folder / "compile_commands.json").write_text(json.dumps(entries))


def tidy(path, folder, project):
    command = ["clang-tidy-19", "--quiet", "--warnings-as-errors=*", f"-p={folder}", str(path)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if ": error:" in line or ": warning:" in line]
    return "\n".join(lines) or done.stderr


def check(files, commands, project, folder, remembered):
    write_database(folder, commands)
    rules = (project / ".clang-tidy").read_text(encoding="utf-8")

    def one(path):
        key = common.digest({path, *common.project_headers(path, project / "src")}, rules)
        if remembered.has(key):
            return ""
        problem = tidy(path, folder, project)
        if not problem:
            remembered.add(key)
        return problem

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(one, files) if p]
    remembered.save()
    return problems


if __name__ == "__main__":
    known = {f: c for f, c in common.compile_commands().items() if f.is_relative_to(common.PROJECT / "src")}
    chosen = set(known) if os.environ.get("LINESIDE_LONG") == "1" else changed(common.PROJECT) & set(known)
    common.finish("tidy", check(sorted(chosen), known, common.PROJECT, common.BUILD / "checks",
                                common.Remembered("tidy")))
