#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden sessions: what a user types, and to the letter what penstock answers.

A case is a folder with a file `session` and whatever its project needs; it runs in a fresh copy of the folder.

  # text                 a remark
  % command              preparation: must succeed, its output is not looked at; consecutive % lines are one script
  $ command              a command; its output is compared:
  | line                   of standard output
  ! line                   of standard error
  = status                 the exit status, where it is not 0

`penstock` is the built program. What differs from run to run (ids, times, folders, process ids) is replaced by a name
before it is compared: see CHANGING. Numbers are not: they are the same on every run, or the test has found something.

usage: run.py --penstock PROGRAM [--update] [--jobs N] [--canary] [case...]
"""
import argparse
import concurrent.futures
import difflib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND_SECONDS_MAX = 50

CHANGING = [
    (re.compile(r"application_\d{13}_\d{4}"), "APPLICATION"),
    (re.compile(r"container_\d{13}_\d{4}_"), "CONTAINER_"),
    (re.compile(r"\b20(2[6-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00)?"), "TIME"),
    (re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \+0000 \d{4}"), "TIME"),
    (re.compile(r"\bon " + re.escape(socket.gethostname()) + r"\b"), "on NODE"),
    (re.compile(r" on " + re.escape(socket.gethostname()) + r"_"), " on NODE_"),
    (re.compile(r"appOwner: \S+"), "appOwner: USER"),
    (re.compile(r"\bprocess \d+"), "process PID"),
    (re.compile(r"\bpid \d+"), "pid PID"),
    (re.compile(r"\b\d+\.\d+ ms\b"), "N ms"),
    (re.compile(r"\b\d+\.\d+ s\b"), "N s"),
]


class Block:
    """Lines of a session that belong together: a remark, a preparation, or a command with its answer."""

    def __init__(self, kind, text):
        self.kind, self.text, self.answer = kind, [text], []


def parse(path):
    blocks = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file.read().splitlines(), 1):
            mark, text = line[:1], line[2:]
            if mark in ("|", "!", "="):
                if not blocks or blocks[-1].kind != "$":
                    sys.exit(f"{path}:{number}: an answer without a command")
                blocks[-1].answer.append(line)
            elif mark == "%" and blocks and blocks[-1].kind == "%":
                blocks[-1].text.append(text)
            elif mark in ("$", "%"):
                blocks.append(Block(mark, text))
            elif mark in ("#", ""):
                blocks.append(Block("#", line))
            else:
                sys.exit(f"{path}:{number}: a line starts with '# ', '% ', '$ ', '| ', '! ' or '= '")
    return blocks


def steady(text, folder):
    text = text.replace(folder, "DIR")
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return text


def run_command(script, folder, environment):
    try:
        done = subprocess.run(["/bin/sh", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=COMMAND_SECONDS_MAX)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return 124, b"", f"run.py: more than {COMMAND_SECONDS_MAX} s\n".encode()


def marked(mark, data, folder):
    text = steady(data.decode("utf-8", "backslashreplace"), folder)
    return [f"{mark} {line}".rstrip() for line in text.split("\n")[:-1]] + \
           ([f"{mark} {text.split(chr(10))[-1]}\\"] if text and not text.endswith("\n") else [])


def answer_of(block, folder, environment):
    status, out, err = run_command("\n".join(block.text), folder, environment)
    return marked("|", out, folder) + marked("!", err, folder) + ([f"= {status}"] if status else [])


def play(case, source, program):
    """Runs a session. Returns (lines of the session as it went, what is wrong or "")."""
    work = tempfile.mkdtemp(prefix="penstock-golden-")
    folder = os.path.join(work, case)
    shutil.copytree(source, folder)
    os.makedirs(os.path.join(work, "bin"))
    os.symlink(os.path.abspath(program), os.path.join(work, "bin", "penstock"))
    environment = {"PATH": f"{work}/bin:{os.environ['PATH']}", "HOME": work, "TMPDIR": work, "TZ": "UTC", "LC_ALL": "C",
                   "GOLDEN": HERE}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH"):
        if name in os.environ:
            environment[name] = os.environ[name]
    if "ASAN_OPTIONS" in environment:  # walking up DuckDB's frames at every allocation is most of the time
        environment["ASAN_OPTIONS"] += ":malloc_context_size=1"
    lines, wrong = [], ""
    try:
        for block in parse(os.path.join(source, "session")):
            if block.kind == "#":
                lines += block.text
            elif block.kind == "%":
                status, out, err = run_command("set -e\n" + "\n".join(block.text), folder, environment)
                lines += [f"% {text}".rstrip() for text in block.text]
                if status == 77:
                    return None, "skipped: " + out.decode().strip()
                if status != 0:
                    return lines, f"preparation failed ({status}): {block.text[0]}\n{(out + err).decode('utf-8', 'replace')}"
            else:
                answer = answer_of(block, folder, environment)
                lines += ["$ " + block.text[0]] + answer
                if answer != [line.rstrip() for line in block.answer] and not wrong:
                    wrong = "\n".join(difflib.unified_diff(block.answer, answer, f"{case}: expected", f"{case}: answered",
                                                           f"$ {block.text[0]}", "", 50, ""))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return lines, wrong


def canary(program):
    """A session with a wrong answer must be caught, or the runner is blind."""
    with tempfile.TemporaryDirectory() as source:
        for wrong in ("$ penstock version\n| penstock 9.9.9\n", "$ penstock version\n| penstock 0.2.0\n= 1\n",
                      "$ penstock version\n| penstock 0.2.0\n! word\n"):
            with open(os.path.join(source, "session"), "w", encoding="utf-8") as file:
                file.write(wrong)
            if not play("canary", source, program)[1]:
                sys.exit(f"run.py: a wrong answer was not noticed:\n{wrong}")
        with open(os.path.join(source, "session"), "w", encoding="utf-8") as file:
            file.write("$ penstock version\n| penstock 0.2.0\n")
        if play("canary", source, program)[1]:
            sys.exit("run.py: the right answer was refused")
    print("canary: wrong answers are noticed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--penstock", required=True)
    parser.add_argument("--update", action="store_true", help="write what was answered into the sessions")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if options.canary:
        return canary(options.penstock)
    cases = options.cases or sorted(name for name in os.listdir(HERE) if os.path.exists(os.path.join(HERE, name, "session")))
    failed, started = 0, time.monotonic()

    def one(case):
        begun = time.monotonic()
        lines, wrong = play(case, os.path.join(HERE, case), options.penstock)
        return case, lines, wrong, time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for case, lines, wrong, seconds in pool.map(one, cases):
            if lines is None:
                print(f"skip {case}: {wrong}")
                continue
            broken = wrong.startswith("preparation")
            if options.update and not broken:
                with open(os.path.join(HERE, case, "session"), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
            print(f"{'FAIL' if wrong and (broken or not options.update) else 'ok'}   {case} ({seconds:.1f} s)")
            if wrong and (broken or not options.update):
                failed += 1
                print(wrong)
    print(f"{len(cases)} sessions, {failed} failed, {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
