#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A dataset is whole, whatever is killed: the program is killed with SIGKILL at random moments while it makes a dataset,
again and again, with more rows each time. After every kill each of its places must hold one of the two datasets, the old
one or the new one, whole; and the next run, undisturbed, must leave the new one everywhere. The Delta table is read as its
log says, by hand. The canary: half a file must be noticed.

    tests/e2e/dataset_kill.py PENSTOCK [KILLS] [SEED]     15 kills, or 400 when PENSTOCK_TORTURE is set
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PENSTOCK = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 400 if os.environ.get("PENSTOCK_TORTURE") else 15
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
SQL = """CREATE SOURCE readings (id BIGINT, place VARCHAR, value DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson')
ENCODE JSON;
CREATE STREAMING TABLE clean AS SELECT * FROM STREAM readings;
CREATE DATASET ready TRANSFORM (OutlierFilter(value, method = 'iqr', k = 3), StandardScaler(value), OneHotEncoder(place))
WITH (parquet = 'out/ready.parquet', delta = 'out/ready', report = 'out/quality.html') AS SELECT * FROM clean;
"""


def grow(folder, number, generator):
    with open(os.path.join(folder, "data", f"{number:04d}.ndjson"), "w") as out:
        # many rows first, so that writing them takes a while
        for i in range(60000 if number == 1 else generator.randrange(200, 3000)):
            value = generator.gauss(10, 2) if i % 50 else 1e6
            out.write(json.dumps({"id": number * 100000 + i, "place": generator.choice("abc"), "value": value}) + "\n")


def run(folder):
    return subprocess.Popen([PENSTOCK, "run", "--once", "--project", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def digest(path):
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None


def delta_digests(folder):
    """What the log says: the digest of each file that is in the newest version. No table: None."""
    log = os.path.join(folder, "_delta_log")
    if not os.path.isdir(log):
        return None
    names = sorted(name for name in os.listdir(log) if name.endswith(".json"))
    if not names:
        return None
    # the file of a making is all there is: the last version that adds one says which
    live = {}
    for name in names:
        with open(os.path.join(log, name)) as file:
            actions = [json.loads(line) for line in file]
        for action in actions:
            if "remove" in action:
                live.pop(action["remove"]["path"], None)
        for action in actions:
            if "add" in action:
                live[action["add"]["path"]] = action["add"]["size"]
    for path, size in live.items():
        if os.path.getsize(os.path.join(folder, path)) != size:
            raise SystemExit(f"{path} is not as large as the log says")
    return tuple(digest(os.path.join(folder, path)) for path in sorted(live))


def rows_of(folder):
    """Of the report: what both of its files say."""
    try:
        with open(os.path.join(folder, "out", "quality.json")) as file:
            rows = json.load(file)["rows"]["read"]
        with open(os.path.join(folder, "out", "quality.html")) as file:
            page = file.read()
    except FileNotFoundError:
        return None
    if not page.endswith("</html>\n"):
        raise SystemExit("half a page")
    return rows


def places(folder):
    return digest(os.path.join(folder, "out", "ready.parquet")), delta_digests(os.path.join(folder, "out", "ready")), rows_of(folder)


def check(number, seen, old, new):
    for name, place, *allowed in zip(("the Parquet file", "the Delta table", "the report"), seen, old, new):
        if place not in allowed:
            raise SystemExit(f"kill {number}: {name} is neither the old nor the new dataset: {place} of {allowed}")


def finish(folder):
    process = run(folder)
    _, error = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"penstock run --once ended with {process.returncode}:\n{error.decode()}")


def main():
    generator = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="penstock-dataset-kill-")
    twin = os.path.join(folder, "twin")  # never killed: says what the new dataset is
    one = os.path.join(folder, "one")
    killed = 0
    try:
        for project in (one, twin):
            os.makedirs(os.path.join(project, "data"))
            with open(os.path.join(project, "penstock.yml"), "w") as out:
                out.write("name: kill\n")
            with open(os.path.join(project, "p.sql"), "w") as out:
                out.write(SQL)
        old, number, seconds = places(one), 0, 0.5
        while killed < KILLS:
            number += 1
            grow(twin, number, generator)
            shutil.copy(os.path.join(twin, "data", f"{number:04d}.ndjson"), os.path.join(one, "data"))
            begun = time.monotonic()
            finish(twin)
            seconds = 0.7 * seconds + 0.3 * (time.monotonic() - begun)
            new = places(twin)
            for _ in range(3):
                process = run(one)
                time.sleep(generator.uniform(0.2, 1.1) * seconds)
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += process.returncode == -signal.SIGKILL
                check(number, places(one), old, new)
            finish(one)
            if places(one) != new:
                raise SystemExit(f"after kill {number} and a whole run the dataset is {places(one)} instead of {new}")
            left = [name for name in os.listdir(os.path.join(one, "out")) if name.startswith(".")]
            left += [name for name in os.listdir(os.path.join(one, "out", "ready")) if name.endswith(".stage")]
            if left:
                raise SystemExit(f"{left} are left over")
            old = new
        path = os.path.join(one, "out", "ready.parquet")
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        try:
            check(number, places(one), old, new)
        except SystemExit:
            print(f"{killed} kills in {number} makings: old or new, and whole")
            return 0
        raise SystemExit("half a file was not noticed")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
