#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A replay of dead letters is killed where it hurts: after an outside sink has committed the epoch and before the store has.
The next run must finish it: every letter is in the table and in the sink once. Kills at random moments besides.

    tests/e2e/replay_kill.py PENSTOCK [KILLS] [SEED]
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

PENSTOCK = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 4
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
COUNT = 10000

SQL = """
CREATE SOURCE s (id BIGINT, v DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (v < %d) ON VIOLATION DEAD LETTER) AS SELECT id, v FROM STREAM s;
CREATE SINK kept WITH (connector = 'file', path = 'kept.ndjson') ENCODE JSON AS SELECT id, v FROM STREAM t;
"""


def call(folder, *arguments):
    done = subprocess.run([PENSTOCK, *arguments, "--project", folder], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"penstock {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def write(path, text):
    with open(path, "w") as out:
        out.write(text)


def has_committed(folder):
    """The sink's manifest says that it has the replay's epoch."""
    try:
        with open(os.path.join(folder, "kept.ndjson.penstock")) as manifest:
            return json.load(manifest)["epoch"] == 2
    except (OSError, ValueError):
        return False


def kill_one(folder, dice, waits_for_sink):
    child = subprocess.Popen([PENSTOCK, "dlq", "replay", "--project", folder], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    if waits_for_sink:
        while child.poll() is None and time.monotonic() < end and not has_committed(folder):
            pass
    else:
        time.sleep(dice.uniform(0.05, 1))
    child.kill()
    child.wait()
    was_between = has_committed(folder)
    call(folder, "run", "--once", "--quiet")
    tried = int(call(folder, "dlq", "replay", "--format", "csv").split("\n")[1].split(",")[0])
    with open(os.path.join(folder, "kept.ndjson")) as lines:
        ids = [json.loads(line)["id"] for line in lines]
    rows = call(folder, "query", "--format", "csv", "SELECT count(*), count(DISTINCT id) FROM t").split("\n")[1]
    if sorted(ids) != list(range(COUNT)) or rows != f"{COUNT},{COUNT}":
        sys.exit(f"lost or doubled: sink {len(ids)} ({len(set(ids))}), table {rows}")
    return was_between and tried == 0


def main():
    dice = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="penstock-replay-") as work:
        base = os.path.join(work, "base")
        os.makedirs(os.path.join(base, "data"))
        write(os.path.join(base, "penstock.yml"), "name: replay\nsql: [all.sql]\n")
        write(os.path.join(base, "all.sql"), SQL % 5)
        write(os.path.join(base, "data", "a.ndjson"),
              "".join(json.dumps({"id": i, "v": i % 10}) + "\n" for i in range(COUNT)))
        call(base, "run", "--once", "--quiet")
        write(os.path.join(base, "all.sql"), SQL % 100)
        between = 0
        for number in range(KILLS):
            folder = os.path.join(work, str(number))
            shutil.copytree(base, folder)
            between += kill_one(folder, dice, number % 2 == 0)
            shutil.rmtree(folder)
        if between == 0:
            sys.exit("no kill hit between the sink's commit and the store's: nothing was shown")
        print(f"{KILLS} kills, {between} between the two commits: nothing lost, nothing doubled")


main()
