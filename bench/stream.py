# SPDX-License-Identifier: Apache-2.0
"""File stream into a streaming table with one view, beside DuckDB's own INSERT ... SELECT read_json on the same
file. Both parse the same NDJSON (10 fields, 5 of them declared), keep the rows that pass one rule, and count and
sum per category (200 of them). penstock also keeps positions, epochs and dead letters, and could be killed.

    bench/stream.py PENSTOCK WORK_FOLDER [RECORDS]
"""
import json
import os
import random
import shutil
import sys

import measure

PENSTOCK, FOLDER = sys.argv[1], sys.argv[2]
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000

SQL = """
CREATE SOURCE events (id BIGINT, category VARCHAR, status VARCHAR, amount DOUBLE, happened TIMESTAMP)
WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE clean (CONSTRAINT ok EXPECT (status = 'ok') ON VIOLATION DROP ROW)
AS SELECT id, category, status, amount, happened FROM STREAM events;
CREATE MATERIALIZED VIEW by_category AS
SELECT category, count(*) AS events, sum(amount) AS amount FROM STREAM clean GROUP BY category;
"""
PEER = """
import duckdb, os, sys
path, threads = sys.argv[1], sys.argv[2]
for name in (path, path + '.wal'):
    if os.path.exists(name): os.remove(name)
c = duckdb.connect(path, config={'threads': threads})
c.execute("CREATE TABLE clean (id BIGINT, category VARCHAR, status VARCHAR, amount DOUBLE, happened TIMESTAMP)")
c.execute("BEGIN")
c.execute("INSERT INTO clean SELECT * FROM read_json(?, format = 'newline_delimited', columns = {id: 'BIGINT', category: 'VARCHAR', "
          "status: 'VARCHAR', amount: 'DOUBLE', happened: 'TIMESTAMP'}) WHERE status = 'ok'", [sys.argv[3]])
c.execute("CREATE TABLE by_category AS SELECT category, count(*) AS events, sum(amount) AS amount FROM clean GROUP BY category")
c.execute("COMMIT")
print(c.execute("SELECT count(*), sum(events)::BIGINT FROM clean, (SELECT sum(events) AS events FROM by_category)").fetchall()[0][0])
"""


def make_data(path):
    generator = random.Random(7)
    with open(path + ".part", "w") as out:
        for i in range(COUNT):
            out.write(json.dumps({
                "id": i, "category": f"c{generator.randrange(200)}", "status": "ok" if generator.random() < 0.9 else "failed",
                "amount": round(generator.random() * 1000, 2), "user": f"user-{generator.randrange(100000)}",
                "happened": f"2026-01-{1 + i * 28 // COUNT:02d} {generator.randrange(24):02d}:00:{generator.randrange(60):02d}",
                "page": f"/p/{generator.randrange(5000)}", "bytes": generator.randrange(100000), "agent": "curl", "ok": True}) + "\n")
    os.rename(path + ".part", path)


def main():
    project = os.path.join(FOLDER, "stream")
    data = os.path.join(project, "data", f"events-{COUNT}.ndjson")
    os.makedirs(os.path.dirname(data), exist_ok=True)
    for other in os.listdir(os.path.dirname(data)):
        if other != os.path.basename(data):
            os.remove(os.path.join(os.path.dirname(data), other))
    if not os.path.exists(data):
        make_data(data)
    with open(os.path.join(project, "penstock.yml"), "w") as out:
        out.write("name: stream\n")
    with open(os.path.join(project, "stream.sql"), "w") as out:
        out.write(SQL)
    peer = os.path.join(FOLDER, "peer.py")
    with open(peer, "w") as out:
        out.write(PEER)
    database = os.path.join(FOLDER, "peer.duckdb")

    def clean():
        shutil.rmtree(os.path.join(project, "store"), ignore_errors=True)

    measure.compare(f"{COUNT:,} records, {os.path.getsize(data) / 1e6:.0f} MB of NDJSON, into a table and a view", [
        ("penstock run --once", [PENSTOCK, "run", "--once", "--project", project], clean),
        ("DuckDB read_json, 2 threads", [sys.executable, peer, database, "2", data], None),
        ("DuckDB read_json, 1 thread", [sys.executable, peer, database, "1", data], None),
    ], rounds=3, per=COUNT)
    counted = measure.run([PENSTOCK, "query", "--project", project, "--format", "csv",
                           "SELECT (SELECT count(*) FROM clean), (SELECT sum(events)::BIGINT FROM by_category)"]).output
    print("rows in table and view:", counted.split("\n")[1])


main()
