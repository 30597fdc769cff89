"""What the checks share: where things are, how a check ends, and which project headers a file includes."""
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading

PROJECT = pathlib.Path(os.environ.get("LINESIDE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("LINESIDE_BUILD_DIR", PROJECT / "build/release"))
BIN = BUILD / "bin"
SKIPPED = 77  # the exit code that ctest counts as skipped

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def finish(name, problems):
    """Prints the problems and ends the check: 0 when there are none."""
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problem(s)" if problems else f"{name}: no problems")
    sys.exit(1 if problems else 0)


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIPPED)


def is_for_tests(name):
    """x_test.cc, and headers that only tests include: test_x.h, x_test.h, x_test_y.h."""
    stem = pathlib.PurePosixPath(name).stem
    return stem.endswith("_test") or (name.endswith(".h") and (stem.startswith("test_") or "_test_" in stem))


def tracked(project, *patterns):
    """The project's files (known to git or new, not ignored) that match, e.g. '*.cc'; without git: those below src/."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=project,
                            capture_output=True, text=True)
    if listed.returncode == 0:
        names = listed.stdout.split("\n")
        return sorted(project / n for n in set(names) if n and (project / n).is_file())
    return sorted(p for pattern in patterns for p in (project / "src").rglob(pattern))


def includes(path):
    """(is_quoted, name) of each #include."""
    return [(quote == '"', name) for quote, name in INCLUDE.findall(path.read_text(encoding="utf-8"))]


@functools.cache
def project_headers(path, src):
    """The project's headers that the file includes, directly or through others."""
    found = set()
    for quoted, name in includes(path):
        header = src / name
        if quoted and header.is_file() and header not in found and header != path:
            found |= {header}
            found |= project_headers(header, src) if header != path else set()
    return frozenset(found)


def digest(paths, *texts):
    """A hash over the files' contents and the texts, to know again what was checked before."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode())
    for path in sorted(paths):
        total.update(str(path).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


class Remembered:
    """Digests of what passed, in the build folder, so that an unchanged file is not checked again."""

    def __init__(self, name):
        self.path = BUILD / "checks" / f"{name}.json"
        try:
            self.known = set(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            self.known = set()
        self.now = set()
        self.lock = threading.Lock()

    def has(self, key):
        if key in self.known:
            self.now.add(key)
        return key in self.known

    def add(self, key):
        """Written at once, so that an interrupted check goes on where it stopped."""
        with self.lock:
            self.now.add(key)
            self._write(self.now | self.known)

    def save(self):
        """At the end: forgets what no file has any more."""
        self._write(self.now)

    def _write(self, keys):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(sorted(keys)))


@functools.cache
def compile_commands():
    """file → its compiler flags without output, precompiled header and dependency files."""
    database = BUILD / "compile_commands.json"
    if not database.is_file():
        skip(f"{database} is not there: build first")
    flags = {}
    for entry in json.loads(database.read_text()):
        words = shlex.split(entry["command"])
        kept, i = [], 0
        while i < len(words):
            word = words[i]
            if word in ("-o", "-MF", "-MT", "-c") or (word == "-include" and "cmake_pch" in words[i + 1]):
                i += 2
                continue
            if word not in ("-MD", "-Winvalid-pch", "-fpch-preprocess") and not word.endswith("ccache"):
                kept.append(word)
            i += 1
        flags[pathlib.Path(entry["file"])] = (kept[1:], entry["directory"])
    return flags
