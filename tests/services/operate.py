#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operating a project on a real broker: where it stands, moving it by hand, filling a new table, dead letters with keys,
headers and tombstones and their way into sinks, a stop by SIGTERM, lag while it runs, and `penstock prove` itself.

    tests/services/operate.py PENSTOCK
"""
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka

penstock = os.path.abspath(sys.argv[1])
failures = []

PROJECT = """
CREATE SOURCE clicks (id BIGINT, v BIGINT) WITH (connector = 'kafka', topic = 'clicks',
  properties.bootstrap.servers = '{broker}') ENCODE JSON;
CREATE STREAMING TABLE kept (CONSTRAINT small EXPECT (v < 100) ON VIOLATION DEAD LETTER) AS SELECT id, v FROM STREAM clicks;
CREATE SINK out WITH (connector = 'kafka', topic = 'out', properties.bootstrap.servers = '{broker}') ENCODE JSON
  AS SELECT id, v FROM STREAM kept;
"""
MORE = """
CREATE STREAMING TABLE late_comer AS SELECT id, v * 2 AS w FROM STREAM clicks;
CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(w) AS w FROM STREAM late_comer;
"""


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got}\n  wanted {wanted}", flush=True)


def call(folder, *arguments, status=0):
    done = subprocess.run([penstock, *arguments, "--project", folder], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL)
    if done.returncode != status:
        failures.append(arguments[0])
        print(f"FAILED {arguments}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}", flush=True)
    return done.stdout + done.stderr


def table(folder, *arguments):
    return list(csv.reader(io.StringIO(call(folder, *arguments, "--format", "csv"))))[1:]


def query(folder, sql):
    return table(folder, "query", sql)


def write_project(folder, text):
    with open(os.path.join(folder, "penstock.yml"), "w") as out:
        out.write("name: operate\nsql: [all.sql]\n")
    with open(os.path.join(folder, "all.sql"), "w") as out:
        out.write(text)


def clicks(first, last, v=lambda i: i % 90):
    return [(f"k{i % 7}", json.dumps({"id": i, "v": v(i)}), None, i % 3, 1700000000000 + i * 1000) for i in range(first, last)]


def offsets_and_backfill(broker, folder):
    text = PROJECT.format(broker=broker.bootstrap)
    write_project(folder, text)
    broker.produce("clicks", clicks(0, 900))
    call(folder, "run", "--once", "--quiet")
    broker.produce("clicks", clicks(900, 930))
    expect("offsets show", [row[1:] for row in table(folder, "offsets", "show")],
           [[f"clicks[{p}]", "300", row[3], "0", "310", "10"] for p, row in enumerate(table(folder, "offsets", "show"))])
    at = 1700000000000 + 600 * 1000
    moves = table(folder, "offsets", "reset", "clicks", "--to", f"timestamp:{at}", "--dry-run")
    expect("a time", moves, [[f"clicks[{p}]", "300", "200", "read again"] for p in range(3)])
    expect("an offset", table(folder, "offsets", "reset", "clicks", "--to", "2=17", "--dry-run"),
           [["clicks[2]", "300", "17", "read again"]])
    call(folder, "offsets", "reset", "clicks", "--to", "2=99999", "--dry-run", status=2)
    call(folder, "offsets", "reset", "clicks", "--to", "earliest", status=2)
    call(folder, "offsets", "reset", "clicks", "--to", "latest", "--yes")
    expect("what was left out", query(folder, "SELECT count(*) FROM penstock.offset_resets"), [["3"]])
    broker.produce("clicks", clicks(930, 960))
    call(folder, "run", "--once", "--quiet")
    expect("rows", query(folder, "SELECT count(*), count(DISTINCT id) FROM kept WHERE id < 900 OR id >= 930"), [["930", "930"]])
    expect("left out", query(folder, "SELECT count(*) FROM kept WHERE id BETWEEN 900 AND 929"), [["0"]])
    # a table that is new over the topic, killed on the way; records that came since are not its business yet
    write_project(folder, text + MORE)
    call(folder, "run", "--once", "--quiet", status=1)
    broker.produce("clicks", clicks(960, 990))
    for seconds in (0.3, 0.6, 0.9):
        child = subprocess.Popen([penstock, "backfill", "late_comer", "--project", folder, "--conf", "epoch.rows=100"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    expect("filled", query(folder, "SELECT count(*) FROM penstock.positions WHERE source <> 'clicks'")
           if "filled already" in call_any(folder, "backfill", "late_comer") else "no", [["0"]])
    expect("the new table", query(folder, "SELECT count(*), count(DISTINCT id), max(id) FROM late_comer"), [["960", "960", "959"]])
    call(folder, "run", "--once", "--quiet")
    expect("from then on", query(folder, "SELECT count(*), count(DISTINCT id), max(id) FROM late_comer"), [["990", "990", "989"]])
    expect("its view", query(folder, "SELECT n, w FROM sums"), [["990", str(sum(i % 90 * 2 for i in range(990)))]])


def call_any(folder, *arguments):
    done = subprocess.run([penstock, *arguments, "--project", folder], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        return done.stdout + done.stderr
    return call_any(folder, *arguments) if done.stdout else ""


def dead_letters(broker, folder):
    broker.produce("clicks", [(b"\x00\x01", "no record", {"trace": "abc"}, 0, 1700000000123), ("only a key", None, None, 1, None),
                              ("k", json.dumps({"id": 5000, "v": 500}), {"h": "1"}, 2, 1700000000456)])
    call(folder, "run", "--once", "--quiet")
    letters = query(folder, "SELECT reason, partition, hex(record_key), headers, epoch_ms(record_time), raw IS NULL OR raw_size = 0"
                            " FROM penstock.dead_letters WHERE partition LIKE 'clicks%' ORDER BY partition")
    expect("a key, headers, a time", letters[0][1:5], ["clicks[0]", "0001", '{"trace":"abc"}', "1700000000123"])
    expect("a rule's letter", letters[-1][:5], ["rule", "clicks[2]", "6B", '{"h":"1"}', "1700000000456"])
    shown = call(folder, "dlq", "show", query(folder, "SELECT id FROM penstock.dead_letters WHERE reason = 'rule'")[0][0])
    expect("dlq show", ("record_key      k\n" in shown, "{\"h\":\"1\"}" in shown, "2023-11-14 22:13:20.456" in shown),
           (True, True, True))
    expect("nothing of it in the sink", [line for line in out_of(broker) if line["id"] == 5000], [])
    text = open(os.path.join(folder, "all.sql")).read()
    write_project(folder, text.replace("v < 100", "v < 1000"))
    call(folder, "dlq", "replay", "--reason", "rule")
    expect("in the table", query(folder, "SELECT id, v FROM kept WHERE id = 5000"), [["5000", "500"]])
    expect("in the sink", [line for line in out_of(broker) if line["id"] == 5000], [{"id": 5000, "v": 500}])
    call(folder, "dlq", "replay")
    broker.produce("clicks", clicks(990, 1000))
    call(folder, "run", "--once", "--quiet")
    ids = sorted(line["id"] for line in out_of(broker))
    expect("the sink has each once", ids, sorted(int(row[0]) for row in query(folder, "SELECT id FROM kept")))


def out_of(broker):
    return [json.loads(record["value"]) for record in broker.consume("out")]


def running(broker, folder):
    child = subprocess.Popen([penstock, "run", "--quiet", "--project", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        before = int(query(folder, "SELECT count(*) FROM kept")[0][0])
        broker.produce("clicks", clicks(1000, 1100))
        while time.monotonic() < deadline and int(query(folder, "SELECT count(*) FROM kept")[0][0]) < before + 100:
            time.sleep(0.2)
        time.sleep(1.5)
        status = {(row[0], row[1]): row for row in table(folder, "status")}
        expect("lag while it runs", status[("source", "clicks")][2], "0 records behind")
        expect("pace", "epochs/s" in [row for row in status.values() if row[0] == "epochs"][0][2], True)
        expect("the sink's epoch", status[("sink", "out")][4].startswith("rows; committed to epoch "), True)
        call(folder, "offsets", "reset", "clicks", "--to", "earliest", "--yes", status=1)
        expect("offsets while it runs", [row[6] for row in table(folder, "offsets", "show", "clicks")], ["0", "0", "0"])
        child.send_signal(signal.SIGTERM)
        out = child.communicate(timeout=60)[0].decode()
        expect("SIGTERM", child.returncode, 0)
        expect("its report", "Records" in out, True)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    expect("whole", query(folder, "SELECT count(*) - count(DISTINCT id) FROM kept"), [["0"]])


def prove(broker, folder):
    done = subprocess.run([penstock, "prove", "--kills", "6", "--records", "12000", "--seed", "7", "--bootstrap", broker.bootstrap,
                           "--quiet", "--format", "csv"], capture_output=True, text=True, cwd=folder, timeout=280)
    answer = dict(list(csv.reader(io.StringIO(done.stdout)))[1:])
    expect("prove", (done.returncode, answer.get("result"), answer.get("table"), answer.get("sink")),
           (0, "exactly once", "12000 rows: 0 lost, 0 doubled, 0 wrong", "topic: 12000 records: 0 lost, 0 doubled, 0 wrong"))
    print(done.stdout + done.stderr, flush=True)
    done = subprocess.run([penstock, "prove", "--kills", "0", "--records", "100", "--bootstrap", broker.bootstrap, "--quiet",
                           "--canary"], capture_output=True, text=True, cwd=folder, timeout=120)
    expect("prove --canary", (done.returncode, "100 rows: 1 lost, 1 doubled" in done.stdout), (1, True))
    expect("it clears away", [name for name in os.listdir(folder) if name.startswith("penstock-prove")], [])


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-operate-") as work:
        with Kafka(os.path.join(work, "broker")) as broker:
            broker.create_topic("clicks", 3)
            broker.create_topic("out", 1)
            folder = os.path.join(work, "project")
            os.makedirs(folder)
            for step in (offsets_and_backfill, dead_letters, running, prove):
                start = time.monotonic()
                step(broker, folder if step is not prove else work)
                print(f"{step.__name__}: {time.monotonic() - start:.1f} s", flush=True)
            broker.stop()
            expect("a broker that is away", "note: " in call(folder, "offsets", "show"), True)
    if failures:
        sys.exit(f"{len(failures)} failed: {', '.join(failures)}")
    print("operate: all as expected")


main()
