#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A project whose table goes to PostgreSQL and to Kafka at once: the program runs twice over files that grow, and after
each run both have every row once; a run with nothing new changes nothing.

    tests/services/sink_project.py PENSTOCK
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka
from postgres import Postgres

SQL = """
CREATE SOURCE events (id BIGINT, name VARCHAR) WITH (connector = 'file', path = 'data/*.ndjson');
CREATE STREAMING TABLE kept AS SELECT * FROM STREAM events;
CREATE SINK evens WITH (connector = 'postgres', connection = '{uri}', table = 'evens', create_table = true)
  AS SELECT id, name FROM STREAM kept WHERE id % 2 = 0;
CREATE SINK alerts WITH (connector = 'kafka', topic = 'alerts', key = 'id', properties.bootstrap.servers = '{brokers}')
  AS SELECT id, upper(name) AS name FROM STREAM kept;
"""


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder, Postgres(os.path.join(folder, "postgres")) as server, \
            Kafka(os.path.join(folder, "kafka")) as broker:
        broker.create_topic("alerts", 2)
        project = os.path.join(folder, "project")
        os.makedirs(os.path.join(project, "data"))
        with open(os.path.join(project, "penstock.yml"), "w") as file:
            file.write("name: sinks\n")
        with open(os.path.join(project, "all.sql"), "w") as file:
            file.write(SQL.format(uri=server.uri, brokers=broker.bootstrap))
        for run in range(3):
            count = min(run + 1, 2) * 3000
            if run < 2:
                with open(os.path.join(project, "data", f"{run}.ndjson"), "w") as file:
                    file.writelines(f'{{"id": {i}, "name": "n{i}"}}\n' for i in range(count - 3000, count))
            done = subprocess.run([os.path.abspath(sys.argv[1]), "run", "--once"], cwd=project, capture_output=True, text=True)
            equal(f"run {run}: {done.stderr}", done.returncode, 0)
            equal("PostgreSQL", server.query("SELECT count(*), count(DISTINCT id), max(name) FROM evens"),
                  [[str(count // 2), str(count // 2), "n998"]])
            got = sorted(json.loads(record["value"])["id"] for record in broker.consume("alerts"))
            equal("Kafka", got == list(range(count)), True)
        equal("a position", server.query("SELECT project, sink, epoch FROM penstock_sink_positions"), [["sinks", "evens", "2"]])
        equal("an offset", broker.offsets("penstock.sinks.alerts", "alerts"), {0: 2})


if __name__ == "__main__":
    main()
