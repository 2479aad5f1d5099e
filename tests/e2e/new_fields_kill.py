#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fields that become columns (on_new_field = 'add'), killed with SIGKILL again and again: after every record has come,
each table, sink and dead letter must have each record once, every field in its place, and no field may be missing in a row
that had it. New fields begin somewhere in the middle of an epoch, in both sources of a join, several at once. The types of
columns are those of their first values, so all values of a field are of one type here: then what comes out does not depend
on where the kills fell.

    tests/e2e/new_fields_kill.py PENSTOCK [KILLS] [SEED]     15 kills, or 200 when PENSTOCK_TORTURE is set
"""
import csv
import glob
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

PENSTOCK = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 200 if os.environ.get("PENSTOCK_TORTURE") else 15
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
FILES, ROWS, FIELDS = 6, 1500, 5

SQL = """
CREATE SOURCE orders (id BIGINT, seen TIMESTAMP, WATERMARK FOR seen AS seen - INTERVAL 1 HOUR)
WITH (connector = 'file', path = 'orders/*.ndjson', on_new_field = 'add') ENCODE JSON;
CREATE SOURCE payments (id BIGINT, paid TIMESTAMP, WATERMARK FOR paid AS paid - INTERVAL 1 HOUR)
WITH (connector = 'file', path = 'payments/*.ndjson', on_new_field = 'add') ENCODE JSON;
CREATE STREAMING TABLE all_orders AS SELECT * FROM STREAM orders;
CREATE STREAMING TABLE copies AS SELECT *, id * 2 AS twice FROM STREAM all_orders;
CREATE STREAMING TABLE settled AS SELECT o.*, p.* EXCLUDE (id) FROM STREAM orders o JOIN STREAM payments p
  ON o.id = p.id AND p.paid BETWEEN o.seen AND o.seen + INTERVAL 1 MINUTE;
CREATE MATERIALIZED VIEW counts AS SELECT id % 7 AS rest, count(*) AS n FROM STREAM orders GROUP BY rest;
CREATE SINK lines WITH (connector = 'file', path = 'out.ndjson') ENCODE JSON AS SELECT * FROM STREAM orders;
CREATE SINK parts WITH (connector = 'parquet', path = 'parts') AS SELECT * FROM STREAM orders;
CREATE SINK lake WITH (connector = 'delta', path = 'lake') AS SELECT * FROM STREAM orders;
"""
VALUES = [lambda i: i * 3, lambda i: i / 4, lambda i: f"text {i}", lambda i: i % 2 == 0, lambda i: {"a": [i, "b"]}]


def record(number, name, time_name):
    """Field k of a side begins at a record of its own, which is in the middle of some file."""
    result = {"id": number, time_name: f"2013-01-01 {number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"}
    for k in range(FIELDS):
        if number >= (k + 1) * FILES * ROWS // (FIELDS + 1) + (77 if name == "p" else 0):
            result[f"{name}{k}"] = VALUES[k](number)
    return result


def make_file(folder, number):
    for kind, time_name in (("orders", "seen"), ("payments", "paid")):
        path = os.path.join(folder, kind, f"part-{number:03d}.ndjson")
        with open(path + ".part", "w") as out:
            for i in range(number * ROWS, (number + 1) * ROWS):
                out.write(json.dumps(record(i, kind[0], time_name)) + "\n")
        os.rename(path + ".part", path)


def penstock(folder, *arguments, accepted=(0,)):
    done = subprocess.run([PENSTOCK, *arguments, "--project", folder], capture_output=True, text=True)
    if done.returncode not in accepted:
        raise SystemExit(f"penstock {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def rows(folder, sql):
    """Without NULLs: what a row does not have and what is NULL in it are the same."""
    found = csv.DictReader(io.StringIO(penstock(folder, "query", "--format", "csv", sql)))
    return [{key: value for key, value in row.items() if value not in ("", "NULL")} for row in found]


def text(value):
    return ("true" if value else "false") if isinstance(value, bool) else json.dumps(value, separators=(",", ":")) if isinstance(
        value, dict) else repr(value) if isinstance(value, float) else str(value)


def wanted(count, name="o", time_name="seen", **more):
    return [{key: text(value) for key, value in {**record(i, name, time_name), **more}.items()} for i in range(count)]


def check(folder, count):
    """The names of what is wrong."""
    orders, bad = wanted(count), []
    both = [{**o, **p} for o, p in zip(orders, wanted(count, "p", "paid"))]
    twice = [{**row, "twice": str(2 * i)} for i, row in enumerate(orders)]
    for name, sql, expected in (
            ("all_orders", "FROM all_orders ORDER BY id", orders), ("copies", "FROM copies ORDER BY id", twice),
            ("settled", "FROM settled ORDER BY id", both),
            ("counts", "SELECT sum(n) AS n FROM counts", [{"n": str(count)}]),
            ("dead letters", "SELECT count(*) AS n FROM penstock.dead_letters", [{"n": "0"}]),
            ("columns", "SELECT count(DISTINCT (source, name)) AS d, count(*) AS n FROM penstock.source_columns",
             [{"d": str(2 * FIELDS), "n": str(2 * FIELDS)}])):
        if rows(folder, sql) != expected:
            bad.append(name)
    with open(os.path.join(folder, "out.ndjson")) as file:
        lines = [json.loads(line) for line in file]
    lines = [{key: text(value) for key, value in line.items() if value is not None} for line in lines]
    for line in lines:
        line["seen"] = line["seen"].replace("T", " ").rstrip("Z")
    for name, found in (("lines", lines),
                        ("parts", rows(folder, f"FROM read_parquet('{folder}/parts/**/*.parquet', union_by_name = true) ORDER BY id")),
                        ("lake", rows(folder, f"SELECT * REPLACE (seen::TIMESTAMP AS seen) FROM read_parquet({delta_files(folder)},"
                                              " union_by_name = true) ORDER BY id"))):
        if [{key: value for key, value in row.items()} for row in found] != orders:
            bad.append(name)
    fields = delta_fields(folder)
    if sorted(fields) != sorted(orders[-1]):
        bad.append(f"the columns of the Delta table: {fields}")
    return bad


def delta_actions(folder):
    for path in sorted(glob.glob(os.path.join(folder, "lake", "_delta_log", "*.json"))):
        with open(path) as file:
            for line in file:
                yield json.loads(line)


def delta_files(folder):
    there = {}
    for action in delta_actions(folder):
        if "add" in action:
            there[action["add"]["path"]] = True
        if "remove" in action:
            there.pop(action["remove"]["path"], None)
    return [os.path.join(folder, "lake", path) for path in there]


def delta_fields(folder):
    fields = []
    for action in delta_actions(folder):
        if "metaData" in action:
            fields = [field["name"] for field in json.loads(action["metaData"]["schemaString"])["fields"]]
    return fields


def kill_at_random(folder, generator):
    """True: killed; False: it had ended before."""
    process = subprocess.Popen([PENSTOCK, "run", "--once", "--project", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(timeout=0.1 + generator.random() * 1.5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return ended(process, process.stderr.read().decode())


def kill_at_columns(folder):
    """As soon as it says that there are new columns: they are saved, and nothing else has happened yet."""
    process = subprocess.Popen([PENSTOCK, "run", "--once", "--project", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    said = ""
    for line in process.stdout:
        said += line
        if "has new columns" in line:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    process.wait()
    return ended(process, said)


def ended(process, said):
    if process.returncode != 0:
        raise SystemExit(f"a run ended with {process.returncode}: {said}")
    return False


def main():
    generator = random.Random(SEED)
    between = 0
    base = tempfile.mkdtemp(prefix="penstock-new-fields-")
    kills, lives, is_good = 0, 0, False
    try:
        while kills < KILLS:
            folder = os.path.join(base, f"life-{lives}")
            os.makedirs(os.path.join(folder, "orders"))
            os.makedirs(os.path.join(folder, "payments"))
            with open(os.path.join(folder, "penstock.yml"), "w") as out:
                out.write("name: new_fields\nepoch:\n  bytes: 48k\n")
            with open(os.path.join(folder, "p.sql"), "w") as out:
                out.write(SQL)
            files = 0 if lives % 2 else FILES  # the folder grows between kills, or is all there at once
            for i in range(files):
                make_file(folder, i)
            while kills < KILLS:
                if files < FILES:
                    make_file(folder, files)
                    files += 1
                is_killed = kill_at_columns(folder) if generator.random() < 0.5 else kill_at_random(folder, generator)
                kills += is_killed
                between += is_killed and "new columns" in penstock(folder, "plan", accepted=(0, 1))
                if not is_killed and files == FILES:
                    break
            for i in range(files, FILES):
                make_file(folder, i)
            penstock(folder, "run", "--once")
            bad = check(folder, FILES * ROWS)
            if bad:
                print(f"seed {SEED}, life {lives}, after {kills} kills: wrong: {', '.join(bad)}; see {base}")
                return 1
            if lives == 0 and not {"all_orders", "copies", "settled", "lines", "parts", "lake"} <= set(check(folder, FILES * ROWS - 1)):
                print("the canary, a record too many, was not seen: this test proves nothing")
                return 1
            shutil.rmtree(folder)
            lives += 1
        is_good = True
    finally:
        if is_good:
            shutil.rmtree(base)
    if between == 0 and KILLS >= 15:
        print("no kill fell between the columns and the tables: this test proves too little")
        return 1
    print(f"{kills} kills in {lives} lives, {between} of them between columns and tables: every record once, with all its fields")
    return 0


if __name__ == "__main__":
    sys.exit(main())
