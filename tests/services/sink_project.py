#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A project whose table goes to PostgreSQL and to Kafka at once: the program runs twice over files that grow, and after
each run both have every row once; a run with nothing new changes nothing. And one whose rows get a further column: the
Delta table gets it by itself; PostgreSQL's table by hand, and until then the run stops and says so.

    tests/services/sink_project.py PENSTOCK
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
import kafka
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


GROWING = """
CREATE SOURCE trips (id BIGINT) WITH (connector = 'file', path = 'data/*.ndjson', on_new_field = 'add') ENCODE JSON;
CREATE STREAMING TABLE all_trips AS SELECT * FROM STREAM trips;
CREATE SINK postgres WITH (connector = 'postgres', connection = '{uri}', table = 'trips', create_table = true)
  AS SELECT * FROM STREAM all_trips;
CREATE SINK delta WITH (connector = 'delta', path = 'out') AS SELECT * FROM STREAM all_trips;
"""
PYTHON = os.path.join(kafka.cache_folder(), "test-1", "bin", "python")  # it has deltalake
DELTA = """import deltalake, json
table = deltalake.DeltaTable('out').to_pyarrow_table()
print(json.dumps({name: table.sort_by('id').column(name).to_pylist() for name in table.column_names}))"""


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def grow(folder, server):
    project = os.path.join(folder, "growing")
    os.makedirs(os.path.join(project, "data"))
    with open(os.path.join(project, "penstock.yml"), "w") as file:
        file.write("name: growing\n")
    with open(os.path.join(project, "all.sql"), "w") as file:
        file.write(GROWING.format(uri=server.uri))

    def run(number, *lines):
        with open(os.path.join(project, "data", f"{number}.ndjson"), "w") as file:
            file.writelines(line + "\n" for line in lines)
        return subprocess.run([os.path.abspath(sys.argv[1]), "run", "--once"], cwd=project, capture_output=True, text=True)

    equal("before", run(1, '{"id": 1}').returncode, 0)
    for _ in range(2):  # and it stays so until somebody acts
        stopped = run(2, '{"id": 2, "speed": 4.5}', '{"id": 3}')
        equal("PostgreSQL has no such column", stopped.returncode, 1)
        equal("which", "sink postgres: column speed of its SELECT is not in table t" in stopped.stderr, True)
        equal("what to do", "ALTER TABLE" in stopped.stderr, True)
        equal("not one row", server.query("SELECT * FROM trips"), [["1"]])
    server.query("ALTER TABLE trips ADD COLUMN speed DOUBLE PRECISION")
    equal("after", run(3, '{"id": 4, "speed": 1}').returncode, 0)
    equal("PostgreSQL", server.query("SELECT * FROM trips ORDER BY id"), [["1", ""], ["2", "4.5"], ["3", ""], ["4", "1"]])
    delta = subprocess.run([PYTHON, "-c", DELTA], cwd=project, capture_output=True, text=True, check=True).stdout
    equal("Delta", json.loads(delta), {"id": [1, 2, 3, 4], "speed": [None, 4.5, None, 1.0]})


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
        grow(folder, server)
        equal("an offset", broker.offsets("penstock.sinks.alerts", "alerts"), {0: 2})


if __name__ == "__main__":
    main()
