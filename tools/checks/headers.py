#!/usr/bin/env python3
"""Each header compiles alone: it includes what it needs. A header that passed is not compiled again until it, or
something it includes from the project, changes."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

CCACHE = [shutil.which("ccache")] if shutil.which("ccache") else []


def flags_for(header, commands):
    """The flags of a source in the header's folder, or else those of any source of the project."""
    neighbours = sorted(f for f in commands if f.parent == header.parent)
    alike = [f for f in neighbours if common.is_for_tests(f.name) == common.is_for_tests(header.name)]
    return commands[(alike or neighbours or sorted(commands))[0]]


def compile_alone(header, flags, directory):
    """Empty when it compiles, else the compiler's first lines. Through ccache, which knows the header in another clone."""
    with tempfile.TemporaryDirectory() as keep:
        command = [*CCACHE, "c++", *flags, "-w", "-O0", "-g0", "-x", "c++", "-c", str(header), "-o", f"{keep}/it.o"]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[:6])


def check(headers, src, commands, remembered):
    problems = []

    def one(header):
        flags, directory = flags_for(header, commands)
        key = common.digest({header, *common.project_headers(header, src)}, " ".join(flags))
        if remembered.has(key):
            return None
        failure = compile_alone(header, flags, directory)
        if not failure:
            remembered.add(key)
        return failure and f"{header.relative_to(src.parent)} does not compile alone:\n{failure}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(one, headers) if p]
    remembered.save()
    return problems


if __name__ == "__main__":
    source_folder = common.PROJECT / "src"
    project_commands = {f: c for f, c in common.compile_commands().items() if f.is_relative_to(source_folder)}
    common.finish("headers", check(common.tracked(common.PROJECT, "src/*.h"), source_folder, project_commands,
                                   common.Remembered("headers")))
