# SPDX-License-Identifier: Apache-2.0
"""Epochs that touch few groups of a view that has many: what an epoch costs must follow the groups it touches.

The view is loaded with 1,000,000 and then 10,000,000 groups; then come epochs of 200 and of 10,000 records with random
keys. Printed: milliseconds an epoch takes (median, 99th percentile, slowest; begin to commit, with everything that is
folded meanwhile), the longest start after kill -9 (from exec to the first commit), what reading costs. Beside
it, once and with the same keys: DuckDB's own MERGE INTO of the same states, as views were kept before.

    bench/view_state.py PENSTOCK WORK_FOLDER [GROUPS...]      default 1000000 10000000
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import duckdb

import measure

PENSTOCK, FOLDER = sys.argv[1], sys.argv[2]
SIZES = [int(text) for text in sys.argv[3:]] or [1_000_000, 10_000_000]
SQL = """
CREATE SOURCE events (k BIGINT, x DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, sum(x) AS s FROM STREAM events GROUP BY k;
"""
ROUNDS = {200: 300, 10_000: 400}


def write(project, name, rows, key):
    path = os.path.join(project, "data", name)
    duckdb.execute(f"COPY (SELECT {key} AS k, i % 100 / 4.0 AS x FROM range({rows}) r(i)) TO '{path}' (FORMAT json)")
    return os.path.getsize(path) / rows


def epochs(project):
    """Milliseconds of every epoch in the logs, in order."""
    found = {}
    for path in glob.glob(os.path.join(project, "store", "**", "*"), recursive=True):
        if not os.path.isfile(path) or path.endswith((".duckdb", ".wal", ".lock")):
            continue
        with open(path, errors="replace") as lines:
            for line in lines:
                if '"epoch committed"' in line:
                    event = json.loads(line)
                    found[event["epoch"]] = event["duration_ms"]
    return found


def command(project, size):
    return [PENSTOCK, "run", "--once", "--quiet", "--project", project, "--conf", f"epoch.bytes={int(size)}"]


def show(name, times, cpu_ms):
    times = sorted(times)
    print(f"{name:44s} {times[len(times) // 2]:8.1f} {times[len(times) * 99 // 100]:8.1f} {times[-1]:8.1f} {cpu_ms:10.1f}",
          flush=True)


def restart(project, size):
    """Kills runs in the middle, and says how long the next one takes from exec to its first commit."""
    longest = 0.0
    for number in range(5):
        width = write(project, f"z{number}.ndjson", 300_000, f"hash(i + {number}) % {size}")
        ours = command(project, 10_000 * width)
        before = len(epochs(project))
        process = subprocess.Popen(ours, stdout=subprocess.DEVNULL)
        while len(epochs(project)) < before + 5 + number and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = len(epochs(project))
        start = time.monotonic()
        process = subprocess.Popen(ours, stdout=subprocess.DEVNULL)
        while len(epochs(project)) == before and process.poll() is None:
            time.sleep(0.02)
        longest = max(longest, time.monotonic() - start)
        process.wait()
    return longest


def merge(size, rows):
    path = os.path.join(FOLDER, "merge.duckdb")
    for name in (path, path + ".wal"):
        if os.path.exists(name):
            os.remove(name)
    connection = duckdb.connect(path, config={"threads": 1})
    states = "SELECT k AS k0, count(*) EXPORT_STATE AS a0, sum(x) EXPORT_STATE AS a1 FROM"
    connection.execute(f"CREATE TABLE s AS {states} (SELECT i AS k, 1.0::DOUBLE AS x FROM range({size}) r(i)) GROUP BY k")
    times, cpu = [], time.process_time()
    for number in range(10):
        start = time.monotonic()
        connection.execute(
            f"MERGE INTO s USING ({states} (SELECT (hash(i + {number * rows}) % {size})::BIGINT AS k, 1.0::DOUBLE AS x"
            f" FROM range({rows}) r(i)) GROUP BY k) AS d ON s.k0 IS NOT DISTINCT FROM d.k0 WHEN MATCHED THEN UPDATE SET"
            " a0 = combine(s.a0, d.a0), a1 = combine(s.a1, d.a1) WHEN NOT MATCHED THEN INSERT BY NAME")
        times.append((time.monotonic() - start) * 1000)
    show(f"DuckDB MERGE, {rows:,} keys an epoch", times, (time.process_time() - cpu) * 100)
    connection.close()
    os.remove(path)


def bench(size):
    project = os.path.join(FOLDER, f"view-state-{size}")
    shutil.rmtree(project, ignore_errors=True)
    os.makedirs(os.path.join(project, "data"))
    with open(os.path.join(project, "penstock.yml"), "w") as out:
        out.write("name: view-state\n")
    with open(os.path.join(project, "view.sql"), "w") as out:
        out.write(SQL)
    write(project, "a.ndjson", size, "i")
    load = measure.run(command(project, 8 << 20))
    print(f"\n{size:,} groups (loaded in {load.wall:.1f} s, {load.cpu:.1f} CPU s, peak {load.peak_mib:.0f} MiB)")
    print(f"{'milliseconds an epoch':44s} {'p50':>8s} {'p99':>8s} {'slowest':>8s} {'CPU ms':>10s}")
    for number, (rows, count) in enumerate(ROUNDS.items()):
        before = epochs(project)
        width = write(project, f"b{number}.ndjson", rows * count, f"hash(i * 2 + {number}) % {size}")
        result = measure.run(command(project, rows * width))
        times = [value for epoch, value in epochs(project).items() if epoch not in before]
        show(f"penstock, {rows:,} keys an epoch ({len(times)} epochs)", times, result.cpu * 1000 / len(times))
    for rows in ROUNDS:
        merge(size, rows)
    print(f"longest of 5 starts after kill -9, to the first commit: {restart(project, size):.2f} s")
    for name, query in (("all of it", "SELECT count(*), sum(n), sum(s) FROM v"), ("one group", "SELECT * FROM v WHERE k = 4711")):
        result = min((measure.run([PENSTOCK, "query", "--project", project, query]) for _ in range(3)), key=lambda one: one.wall)
        print(f"reading {name}: {result.wall:.2f} s, {result.cpu:.2f} CPU s")
    total = sum(os.path.getsize(path) for path in glob.glob(os.path.join(project, "store", "store.duckdb*")))
    print(f"store: {total / 1e6:.0f} MB")
    counted = measure.run([PENSTOCK, "query", "--project", project, "--format", "csv", "SELECT sum(n)::BIGINT FROM v"]).output
    expected = size + sum(rows * count for rows, count in ROUNDS.items()) + 5 * 300_000
    if int(counted.split()[-1]) != expected:
        raise SystemExit(f"bench: the view counts {counted}, not {expected}")
    shutil.rmtree(project)


for groups in SIZES:
    bench(groups)
