#!/usr/bin/env python3
"""Each module includes only what its CMake call names: modules of a strictly lower rank (siblings never include each
other) and its libraries. Ranks and names are read from the lineside_module(...) and lineside_program(...) calls."""
import pathlib
import re
import sys
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

APPS_RANK = 9
CALL = re.compile(r"lineside_(module|program)\s*\(([^)]*)\)")
KEYWORDS = {"RANK", "USES", "LIBRARIES", "TEST_USES", "TEST_LIBRARIES", "MAIN"}

# First matching prefix of a system header → the library that must be named.
LIBRARY_OF_HEADER = [
    ("torch/", "torch"), ("ATen/", "torch"), ("c10/", "torch"), ("drogon/", "drogon"), ("trantor/", "drogon"),
    ("opencv2/", "opencv"), ("yaml-cpp/", "yaml"), ("nlohmann/", "json"), ("CLI/", "cli11"), ("gst/rtsp-server", "gst_rtsp_server"),
    ("gst/", "gstreamer"), ("onnxruntime", "onnxruntime"), ("onnx/", "onnx"), ("sqlite3.h", "sqlite"),
    ("sodium", "sodium"), ("openssl/", "openssl"), ("mosquitto", "mosquitto"), ("modbus/", "modbus"), ("open62541/", "open62541"),
    ("gpiod", "gpiod"), ("zstd", "zstd"), ("zlib.h", "zlib"), ("archive", "archive"), ("httplib.h", "httplib"),
    ("google/protobuf", "protobuf"), ("muParser", "muparser"),
]


@dataclass
class Module:
    path: str
    rank: int
    uses: set = field(default_factory=set)
    libraries: set = field(default_factory=set)
    test_uses: set = field(default_factory=set)
    test_libraries: set = field(default_factory=set)


def parse_calls(text):
    """(kind, first word, {keyword: words}) of each call."""
    text = re.sub(r"#.*", "", text)
    for kind, arguments in CALL.findall(text):
        words, keyword, groups = arguments.split(), None, {}
        for word in words[1:]:
            if word in KEYWORDS:
                keyword = word
                groups[keyword] = []
            elif keyword:
                groups[keyword].append(word)
        yield kind, words[0], groups


def read_modules(src):
    """All modules by path; the files of a program form a module 'apps/NAME' of the highest rank."""
    modules = {}
    for cmake in sorted(src.rglob("CMakeLists.txt")):
        for kind, name, groups in parse_calls(cmake.read_text(encoding="utf-8")):
            uses, libraries = set(groups.get("USES", [])), set(groups.get("LIBRARIES", []))
            if kind == "module":
                modules[name] = Module(name, int(groups["RANK"][0]), uses, libraries,
                                       set(groups.get("TEST_USES", [])), set(groups.get("TEST_LIBRARIES", [])))
            elif groups.get("MAIN"):
                path = str((cmake.parent / groups["MAIN"][0]).parent.relative_to(src))
                module = modules.setdefault(path, Module(path, APPS_RANK))
                module.uses |= uses
                module.libraries |= libraries
    return modules


def owner(name, modules):
    """The module that a path relative to src/ belongs to: the deepest one whose folder holds it."""
    folder = str(pathlib.PurePosixPath(name).parent)
    while folder not in (".", ""):
        if folder in modules:
            return modules[folder]
        folder = str(pathlib.PurePosixPath(folder).parent)
    return None


def reachable(module, modules, test):
    """The modules it may include: those it names and those that they name."""
    seen, todo = set(), list(module.uses | (module.test_uses if test else set()))
    while todo:
        name = todo.pop()
        if name not in seen and name in modules:
            seen.add(name)
            todo += modules[name].uses
    return seen


def check_declarations(modules):
    for module in modules.values():
        for used in sorted(module.uses | module.test_uses):
            if used not in modules:
                yield f"src/{module.path}/CMakeLists.txt: there is no module {used}"
            elif used in module.uses and modules[used].rank >= module.rank:
                yield (f"src/{module.path}/CMakeLists.txt: rank {module.rank} uses {used} of rank {modules[used].rank}; "
                       "only strictly lower ranks")


def check_file(path, src, modules):
    name = path.relative_to(src).as_posix()
    module = owner(name, modules)
    if module is None:
        yield f"src/{name}: belongs to no module; its folder has no lineside_module(...)"
        return
    test = common.is_for_tests(name)
    allowed = reachable(module, modules, test)
    libraries = module.libraries | (module.test_libraries if test else set())
    for quoted, header in common.includes(path):
        if not quoted:
            library = next((lib for prefix, lib in LIBRARY_OF_HEADER if header.startswith(prefix)), None)
            if library and library not in libraries:
                yield f"src/{name}: includes <{header}>, but {module.path} does not name the library {library}"
            continue
        if not (src / header).is_file():
            if not header.endswith(".pb.h"):  # made by the build
                yield f'src/{name}: includes "{header}", which is not in src/ (write the path from src/ on)'
            continue
        if common.is_for_tests(header) and not test:
            yield f"src/{name}: includes {header}, which is for tests"
        other = owner(header, modules)
        if other is None or other is module:
            continue
        if other.rank >= module.rank and not (test and other.path in allowed):
            kind = "sibling" if other.rank == module.rank else f"module of higher rank {other.rank}"
            yield f"src/{name}: includes {header} of the {kind} {other.path}; {module.path} has rank {module.rank}"
        elif other.path not in allowed:
            yield f"src/{name}: includes {header}, but {module.path} does not name {other.path} in USES"


def check(src):
    modules = read_modules(src)
    problems = list(check_declarations(modules))
    for path in sorted([*src.rglob("*.h"), *src.rglob("*.cc")]):
        problems += check_file(path, src, modules)
    return problems


if __name__ == "__main__":
    common.finish("layers", check(common.PROJECT / "src"))
