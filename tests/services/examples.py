#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples with servers, as `make run-kafka` and `make run-hbase` run them, in a copy of the examples' folder: twice,
because the second run must process and make nothing again; and what they made is looked at by DuckDB and beside the files
that the records came from.

    tests/services/examples.py PENSTOCK [kafka] [hbase]
"""
import csv
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from hbase import HBase
from kafka import Kafka

penstock = os.path.abspath(sys.argv[1])
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got}\n  wanted {wanted}", flush=True)


def copy(home):
    """Of the examples, without what they made here before; with their data, which is made once for all."""
    if not os.path.isdir(os.path.join(EXAMPLES, "congestion", "data")):
        subprocess.run([os.path.join(EXAMPLES, "congestion", "make_data")], check=True, stdout=subprocess.DEVNULL)
    folder = os.path.join(home, "examples")
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("store", "out"))
    return folder


def run(folder, status, **variables):
    done = subprocess.run([os.path.join(folder, "run.sh")], env={**os.environ, "PENSTOCK": penstock, **variables},
                          capture_output=True, text=True, timeout=200)
    if done.returncode not in status:
        raise SystemExit(f"{folder}/run.sh ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def ask(folder, setting, query):
    """Rows of texts, without the head."""
    done = subprocess.run([penstock, "query", "--project", folder, "--set", setting, "--format", "csv", query],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{query}: {done.stderr}")
    return list(csv.reader(done.stdout.splitlines()))[1:]


def departures(folder):
    """Lines of the example's files."""
    count = 0
    for path in glob.glob(os.path.join(folder, "congestion", "data", "departures", "*")):
        with open(path, newline="") as file:
            count += sum(1 for _ in file) - (1 if path.endswith(".csv") else 0)
    return count


def example_kafka(folder, home):
    here = os.path.join(folder, "congestion-kafka")
    with Kafka(os.path.join(home, "kafka")) as broker:
        run(here, (0, 3), BROKER=broker.bootstrap)
        states = [sum(int(n) for _, n in ask(here, f"BROKER={broker.bootstrap}", query)) for query in (
            "SELECT origin, sum(departures) FROM congestion_by_airport GROUP BY ALL",
            "SELECT reason, count(*) FROM penstock.dead_letters GROUP BY ALL",
            "SELECT 'records', coalesce(sum(records), 0) FROM penstock.epochs")]
        expect("every departure was read from the topic", states[2], departures(folder))
        expect("departures and dead letters", states[0] > 0 and states[1] > 0, True)
        models = ask(here, f"BROKER={broker.bootstrap}", "SELECT count(*) FROM penstock.models")
        expect("a model", models, [["1"]])
        run(here, (0, 3), BROKER=broker.bootstrap)
        again = ask(here, f"BROKER={broker.bootstrap}", "SELECT coalesce(sum(records), 0) FROM penstock.epochs")
        expect("nothing twice", again, [[str(states[2])]])


def example_hbase(folder, home):
    here = os.path.join(folder, "hbase-preprocess")
    with HBase(os.path.join(home, "hbase")) as server:
        setting = f"MASTERS={server.masters}"
        run(here, (0,), MASTERS=server.masters)
        made = {path: open(path, "rb").read() for path in (os.path.join(here, "out", "flights.parquet"),
                                                           os.path.join(here, "out", "quality.html"))}
        records, kept, letters = (int(ask(here, setting, query)[0][0]) for query in (
            "SELECT sum(records) FROM penstock.epochs", "SELECT count(*) FROM clean_flights",
            "SELECT count(*) FROM penstock.dead_letters"))
        expect("every flight was read from the table", records, departures(folder))
        expect("rows and dead letters", 0 < kept <= records - letters and letters > 0, True)
        files = " UNION ALL ".join(
            f"SELECT '{name}', count(*), round(avg(wind_speed), 6) + 0, round(stddev_samp(wind_speed), 6), max(loading_time) FROM {rows}"
            for name, rows in (("parquet", f"'{here}/out/flights.parquet'"), ("delta", f"'{here}/out/flights/*.parquet'")))
        shown = {name: row for name, *row in ask(here, setting, files)}
        expect("the same rows in the file and in the table", shown["parquet"], shown["delta"])
        expect("outliers are gone", 0 < int(shown["parquet"][0]) < kept, True)
        expect("scaled", [float(shown["parquet"][1]), abs(float(shown["parquet"][2]) - 1) < 1e-3], [0.0, True])
        largest = ask(here, setting, "SELECT max(loading_time) FROM clean_flights")
        expect("the largest one was an outlier", float(shown["parquet"][3]) < float(largest[0][0]), True)
        run(here, (0,), MASTERS=server.masters)
        expect("nothing twice", ask(here, setting, "SELECT sum(records) FROM penstock.epochs"), [[str(records)]])
        expect("the same files", [path for path in made if open(path, "rb").read() != made[path]], [])


def main():
    parts = {"kafka": example_kafka, "hbase": example_hbase}
    home = tempfile.mkdtemp(prefix="penstock-examples-")
    try:
        folder = copy(home)
        for name in sys.argv[2:] or parts:
            started = time.monotonic()
            parts[name](folder, home)
            print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
