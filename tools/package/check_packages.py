#!/usr/bin/env python3
"""check_packages.py FOLDER: the Debian packages in it are whole: each program with its manual page and completion, no
forbidden library among the dependencies, units whose program is in the package. Unpacks each and runs its program."""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checks"))
import linking  # noqa: E402

PROGRAMS = {
    "lineside-gateway": "lineside-gateway",
    "lineside-hub": "lineside-hub",
    "lineside-plant": "lineside-plant",
    "lineside-tools": "lineside",
    "lineside-train": "lineside-train",
}
UNITS = {
    "lineside-gateway": ["lineside-gateway.service"],
    "lineside-hub": ["lineside-broker.service", "lineside-hub.service"],
}


def wanted_files(package):
    program = PROGRAMS[package]
    files = [f"usr/bin/{program}", f"usr/share/man/man1/{program}.1.gz",
             f"usr/share/bash-completion/completions/{program}", f"usr/share/doc/{package}/copyright"]
    if package in UNITS:
        files += [f"usr/lib/systemd/system/{unit}" for unit in UNITS[package]]
        files += [f"usr/lib/sysusers.d/{package}.conf", f"usr/lib/tmpfiles.d/{package}.conf"]
    return files


def dependency_names(depends):
    """Names of a Depends field, without versions."""
    return re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)", depends)


def check_control(package, depends):
    names = dependency_names(depends)
    problems = [] if "libc6" in names else [f"{package} does not depend on libc6: the libraries were not looked up"]
    for prefix in linking.FORBIDDEN.get(PROGRAMS[package], ()):
        problems += [f"{package} depends on {name}, which it must not" for name in names if name.startswith(prefix)]
    return problems


def check_files(package, folder):
    """`folder`: where the package was unpacked."""
    problems = [f"{package} lacks /{name}" for name in wanted_files(package) if not (folder / name).is_file()]
    for unit in UNITS.get(package, []):
        path = folder / "usr/lib/systemd/system" / unit
        text = path.read_text() if path.is_file() else ""
        started = re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE)
        problems += [f"{package}: {unit} starts {name}, which is not in the package" for name in started
                     if name.startswith("/usr/bin/lineside") and not (folder / name[1:]).is_file()]
    return problems


def check_program(package, folder, version):
    program = folder / "usr/bin" / PROGRAMS[package]
    if not program.is_file():
        return []  # check_files has said so
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).strip()
    return [] if done.returncode == 0 and version in said else [f"{package}: --version says '{said}', not {version}"]


def field(path, name):
    return subprocess.run(["dpkg-deb", "--field", path, name], capture_output=True, text=True, check=True).stdout.strip()


def check_package(path):
    package = field(path, "Package")
    if package not in PROGRAMS:
        return package, [f"{path.name}: nobody knows a package {package}"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["dpkg-deb", "--extract", path, folder], check=True)
        problems = check_control(package, field(path, "Depends"))
        problems += check_files(package, folder)
        problems += check_program(package, folder, field(path, "Version"))
    return package, problems


def main(folder):
    problems, seen = [], set()
    for path in sorted(pathlib.Path(folder).glob("*.deb")):
        package, found = check_package(path)
        seen.add(package)
        problems += found
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    problems += [f"there is no package {name}" for name in sorted(PROGRAMS.keys() - seen)]
    for problem in problems:
        print(f"package: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
