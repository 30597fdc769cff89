#!/usr/bin/env python3
"""No built program loads a library that docs/architecture.md forbids it, not even through another library."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

TORCH = ("libtorch", "libc10")
DROGON = ("libdrogon", "libtrantor")
FORBIDDEN = {
    "lineside-gateway": TORCH + DROGON,
    "lineside-train": DROGON,
    "lineside": TORCH + DROGON,
    "lineside-hub": TORCH,
}


def loaded_libraries(program):
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def check(programs, forbidden):
    """programs: {name: path}."""
    problems = []
    for name, prefixes in forbidden.items():
        if not programs[name].is_file():
            problems.append(f"{name} is not built: {programs[name]}")
            continue
        for library in loaded_libraries(programs[name]):
            if pathlib.PurePath(library).name.startswith(prefixes):
                problems.append(f"{name} links {library}, which it must not")
    return problems


if __name__ == "__main__":
    common.finish("linking", check({name: common.BIN / name for name in FORBIDDEN}, FORBIDDEN))
