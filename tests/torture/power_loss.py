#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Power loss, simulated: runs of the real program are recorded (power_loss.c), the power is cut at many points of the
record, the disk is put together as it may be then (disk.py), and the program goes on from there, with other limits of
epochs, so that a range that should have been kept but was not becomes visible. In the end the store and the outside sinks
must hold what one undisturbed run gives; and an epoch that the program had called committed (in its log) is there before
it goes on. One thing is let pass, and counted: where a file may have a hole (world "strict"), DuckDB may refuse to open
a log with a hole in its last, never committed part; that is told and loses nothing. The canary: with an fsync that does
nothing, faults must be seen.

    tests/torture/power_loss.py PENSTOCK POWER_LOSS_LIBRARY [CUTS] [SEED]     60 cuts, or 3,000 when PENSTOCK_TORTURE is set
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import disk
from python import use_test_python

use_test_python()
import duckdb

PENSTOCK, LIBRARY = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
CUTS = int(sys.argv[3]) if len(sys.argv) > 3 else 3000 if os.environ.get("PENSTOCK_TORTURE") else 60
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
COMMITTED = re.compile(rb'"epoch committed","epoch":(\d+),')
WAYS = ("none", "first", "some", "all")

SQL = """
CREATE SOURCE readings (id BIGINT, place VARCHAR, price DECIMAL(10,2))
WITH (connector = 'file', path = '{data}/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE clean (CONSTRAINT positive EXPECT (price > 1) ON VIOLATION DEAD LETTER)
AS SELECT id, place, price FROM STREAM readings;
CREATE MATERIALIZED VIEW by_place AS SELECT place, count(*) AS n, sum(price) AS total FROM STREAM clean GROUP BY place;
"""
SINKS = {
    "file": "CREATE SINK to_file WITH (connector = 'file', path = 'out/rows.ndjson') AS SELECT * FROM STREAM clean;\n",
    "parquet": "CREATE SINK to_parquet WITH (connector = 'parquet', path = 'out/parquet') AS SELECT * FROM STREAM clean;\n",
    "delta": "CREATE SINK to_delta WITH (connector = 'delta', path = 'out/delta') AS SELECT * FROM STREAM clean;\n",
}
CHECK = """
SELECT 'clean' AS what, count(*) AS n, count(DISTINCT id) AS d, sum(id * price)::VARCHAR AS sum FROM clean
UNION ALL SELECT 'by_place', count(*), sum(n), sum(total)::VARCHAR FROM by_place
UNION ALL SELECT 'dead', count(*), count(DISTINCT position), sum(position)::VARCHAR FROM penstock.dead_letters
UNION ALL SELECT 'positions', count(*), NULL, string_agg(partition || ' ' || position, ',' ORDER BY partition) FROM penstock.positions
ORDER BY what
"""


def penstock(folder, *arguments, environment=None):
    return subprocess.run([PENSTOCK, *arguments, "--project", folder], capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})


def must(done):
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args[1:])} ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return done.stdout


def make_data(data, number, rows):
    generator = random.Random(number)
    with open(os.path.join(data, f"part-{number}.ndjson"), "w") as out:
        for i in range(rows):
            place = generator.choice(["oslo", "bern", "rom"])
            line = json.dumps({"id": number * 100000 + i, "place": place, "price": f"{generator.uniform(0, 99):.2f}"})
            out.write((line[:20] if generator.random() < 0.005 else line) + "\n")


def make_project(folder, data, sinks):
    os.makedirs(folder)
    with open(os.path.join(folder, "penstock.yml"), "w") as out:
        out.write("name: power\nepoch:\n  bytes: 12k\n")
    with open(os.path.join(folder, "power.sql"), "w") as out:
        out.write(SQL.format(data=data) + "".join(SINKS[sink] for sink in sinks))


def sinks_of_this_build():
    lines = must(subprocess.run([PENSTOCK, "connectors", "--format", "csv"], capture_output=True, text=True)).splitlines()
    return [sink for sink in SINKS if any(line.startswith(f"sink,{sink},") for line in lines)]


def state(folder, sinks):
    found = {"store": must(penstock(folder, "query", "--format", "csv", CHECK))}
    for sink in sinks:
        found[sink] = sink_rows(folder, sink)
    return found


def sink_rows(folder, sink):
    """Row count, distinct ids and a sum over what a stranger finds there by the names of the files."""
    out = os.path.join(folder, "out", sink)
    if sink == "file":
        source = f"read_json('{folder}/out/rows.ndjson', format = 'newline_delimited', columns = {{id: 'BIGINT', price: 'DECIMAL(10,2)'}})"
    elif sink == "parquet":
        with open(os.path.join(out, "_manifest.json")) as file:
            named = sorted(entry["path"] for entry in json.load(file)["files"])
        there = sorted(os.path.relpath(os.path.join(base, name), out) for base, _, files in os.walk(out) for name in files
                       if name.endswith(".parquet") and "/." not in os.path.join(base, name)[len(out):])
        if named != there:
            return f"the manifest names {named}, there are {there}"
        source = f"read_parquet({[os.path.join(out, name) for name in named]})"
    else:
        from deltalake import DeltaTable
        rows = DeltaTable(out).to_pyarrow_table()  # noqa: F841, DuckDB reads it
        source = "rows"
    return str(duckdb.sql(f"SELECT count(*), count(DISTINCT id), sum(id * price) FROM {source}").fetchall()) + "\n"


def record(folder, data, base):
    """Three runs, files coming in between; the record of them."""
    path = os.path.join(base, "record")
    before = disk.content(folder)
    environment = {"LD_PRELOAD": LIBRARY, "PENSTOCK_RECORD_ROOT": folder, "PENSTOCK_RECORD_FILE": path}
    for number in range(3):
        make_data(data, number, 2500)
        must(penstock(folder, "run", "--once", "--quiet", environment=environment))
    entries = list(disk.read_record(path, folder))
    unexplained = disk.missed(entries, before, folder)
    if unexplained:
        raise RuntimeError(f"the record does not explain what is in {unexplained[:5]}: this test proves nothing")
    return before, entries


def go_on(work, promised, expected, sinks):
    """Runs the program on what survived; the faults. promised: the last epoch that was called committed."""
    if promised > 0:
        done = penstock(work, "query", "--format", "csv", "SELECT coalesce(max(epoch), 0) AS epoch FROM penstock.epochs")
        kept = int(done.stdout.split()[-1]) if done.returncode == 0 else done.stderr.strip()[:300]
        if kept == 0 or not isinstance(kept, int) or kept < promised:
            return [f"epoch {promised} was called committed, but the store has {kept}"]
    done = penstock(work, "run", "--once", "--quiet", "--conf", "epoch.bytes=40k")
    if done.returncode != 0:
        return [f"the run ended with {done.returncode}: {done.stderr.strip()[:600]}"]
    try:
        found = state(work, sinks)
    except (RuntimeError, OSError, duckdb.Error) as problem:
        return [f"{type(problem).__name__}: {problem}"]
    return [f"{name} differs:\n{expected[name]}instead\n{found[name]}" for name in expected if expected[name] != found[name]]


def cut(world, before, entries, count, generator, base, expected, sinks):
    """Cuts `count` times; the faults, each with how to see it again."""
    faults, refusals = [], 0
    points = sorted(generator.randrange(len(entries) + 1) for _ in range(count))
    on_disk, at, promised = disk.Disk(world, before), 0, 0
    for number, point in enumerate(points):
        while at < point:
            on_disk.take(entries[at])
            for epoch in COMMITTED.findall(entries[at][5]):
                promised = int(epoch)
            at += 1
        way = WAYS[number % len(WAYS)]
        work = os.path.join(base, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        on_disk.write(work, random.Random(f"{SEED} {world} {number}"), way)
        for fault in go_on(work, promised, expected, sinks):
            if world == "strict" and "Corrupt WAL file" in fault:
                refusals += 1
            else:
                faults.append(f"world {world}, cut at {point} of {len(entries)}, {way} of the rest: {fault}")
    return faults, refusals


def main():
    generator = random.Random(SEED)
    # in memory, if there is such a folder: the disk is simulated, so the real one need not be waited for
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="penstock-power-", dir=memory) as base:
        data = os.path.join(base, "data")
        os.makedirs(data)
        sinks = sinks_of_this_build()
        folder = os.path.join(base, "project")
        make_project(folder, data, sinks)
        before, entries = record(folder, data, base)
        calm = os.path.join(base, "calm")
        make_project(calm, data, sinks)
        must(penstock(calm, "run", "--once", "--quiet"))
        expected = state(calm, sinks)
        print(f"{len(entries)} writes, syncs and names recorded; sinks: store, {', '.join(sinks)}")
        for world, count in (("journal", CUTS - CUTS // 2), ("strict", CUTS // 2)):
            faults, refusals = cut(world, before, entries, count, generator, base, expected, sinks)
            print(f"world {world}: {count} cuts, {len(faults)} faults, {refusals} times refused to open", flush=True)
            if faults:
                print("\n".join(faults[:10]))
                return 1
        faults, _ = cut("no sync", before, entries, max(20, CUTS // 10), generator, base, expected, sinks)
        print(f"canary, an fsync that does nothing: {len(faults)} faults")
        if not faults:
            print("the canary was not seen: this test proves nothing")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
