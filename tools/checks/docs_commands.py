#!/usr/bin/env python3
"""Every command that README.md and docs/ tell people to type exists: the ./dev command, the program, its subcommand and
each --option, as --help knows them. Relative links between pages lead somewhere."""
import functools
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

PROGRAMS = ("lineside", "lineside-gateway", "lineside-hub", "lineside-plant", "lineside-train")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def commands_in(markdown):
    """The command lines of a page, as lists of words: those in shell blocks and in inline code."""
    for language, block in FENCE.findall(markdown):
        if language in ("", "sh", "bash", "shell", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                yield from split_commands(line)
    for text in INLINE.findall(FENCE.sub("", markdown)):
        yield from split_commands(text)


def is_built_program(word):
    path = pathlib.PurePosixPath(word)
    return path.name in PROGRAMS and path.parent.name == "bin"


def split_commands(line):
    line = re.sub(r"^\s*[$#]\s+", "", line)
    line = re.sub(r"[\[\]…]", " ", line)  # optional parts in a synopsis
    for part in re.split(r"&&|\|\||[|;]\s", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        while words and (words[0] in ("sudo", "exec", "nohup") or re.fullmatch(r"\w+=\S*", words[0])):
            words = words[1:]
        if words and (words[0] == "./dev" or words[0] in PROGRAMS or is_built_program(words[0])):
            yield words


class Helper:
    """Asks programs for their --help, once for each."""

    def __init__(self, run):
        self.run, self.known = run, {}

    def text(self, *words):
        if words not in self.known:
            self.known[words] = self.run([*words, "--help"])
        return self.known[words]


def check_program(words, helper):
    name, rest = pathlib.PurePosixPath(words[0]).name, words[1:]
    path, help_text = [name], helper.text(name)
    if help_text is None:
        return f"{name} is not built or does not answer --help"
    while rest and "\nCommands:\n" in help_text:
        if rest[0].startswith("-"):
            break
        listed = re.findall(r"^  (\S+)", help_text.split("\nCommands:\n")[1].split("\n\n")[0], re.MULTILINE)
        choices = rest[0].split("|")  # "show|verify" in a page stands for both
        for choice in choices:
            if choice not in listed:
                return f"`{' '.join(path)}` has no command {choice}"
        path.append(choices[0])
        rest, help_text = rest[1:], helper.text(*path)
    for word in rest:
        option = word.split("=")[0]
        if option.startswith("--") and not re.search(rf"{re.escape(option)}\b", help_text):
            return f"`{' '.join(path)}` has no option {option}"
    return None


def check_dev(words, dev_help, script_help):
    if len(words) == 1:
        return None
    command = words[1]
    if command.startswith("-"):
        return None if command in ("-h", "--help") else f"./dev has no option {command}"
    match = re.search(rf"^  {re.escape(command)}\b.*(?:\n {{10,}}.*)*", dev_help, re.MULTILINE)
    if not match:
        return f"./dev has no command {command}"
    if command in ("run", "shell", "bench", "build"):
        return None  # what follows belongs to somebody else
    known = match.group(0) + script_help(command)
    for word in words[2:]:
        if word.startswith("--") and not re.search(rf"{re.escape(word.split('=')[0])}\b", known):
            return f"./dev {command} has no option {word}"
    return None


def check_page(path, project, dev_help, helper, script_help=lambda command: ""):
    text = path.read_text(encoding="utf-8")
    for words in commands_in(text):
        problem = check_dev(words, dev_help, script_help) if words[0] == "./dev" else check_program(words, helper)
        if not problem and words[0] == "./dev" and len(words) > 2 and words[1] == "run" and words[2] in PROGRAMS:
            problem = check_program(words[2:], helper)
        if problem:
            yield f"{path.relative_to(project)}: {shlex.join(words)}: {problem}"
    for target, _ in LINK.findall(FENCE.sub("", text)):
        if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
            yield f"{path.relative_to(project)}: links to {target}, which is not there"


@functools.cache
def help_of_script(command):
    """What the script behind a ./dev command says of its options."""
    script = {"demo": "tools/demo/demo.py"}.get(command)
    if script is None:
        return ""
    return subprocess.run([sys.executable, "-B", common.PROJECT / script, "--help"], capture_output=True, text=True,
                          timeout=30).stdout


def run_program(words):
    program = common.BIN / words[0]
    if not program.is_file():
        return None
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=30)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    usage = subprocess.run([common.PROJECT / "dev", "--help"], capture_output=True, text=True, check=True).stdout
    asked = Helper(run_program)
    pages = [p for p in common.tracked(common.PROJECT, "*.md") if "node_modules" not in p.parts]
    common.finish("docs_commands", [problem for page in pages for problem in check_page(page, common.PROJECT, usage, asked, help_of_script)])
