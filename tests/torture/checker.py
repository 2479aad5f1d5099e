#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of the torture tests. It knows nothing of penstock: it reads the input topic's records and what each sink
holds, by the means of others (DuckDB, deltalake), and counts what is lost, doubled, changed or was never in the input.

    tests/torture/checker.py SPECIFICATION.json     prints {"sink": {"rows", "lost", "doubled", "changed", "strange"}, ...}

The specification: {"input": NDJSON of kafka_tool consume, "sinks": {name: {"kind", "path"}}}. Kinds: "ids" (a number a
line), "kafka" (NDJSON of kafka_tool consume), "ndjson", "csv" (with a header), "parquet" (files of a folder: those that
its manifest names, if "files" lists them), "delta" (a Delta Lake table, read by deltalake), "groups" (CSV category, n, total:
a view, compared with the same sums over the input). With "plant": true one row of each sink is taken away and another is
there twice before it is compared: the canary.
"""
import json
import sys

import duckdb

COLUMNS = "{id: 'BIGINT', category: 'VARCHAR', load_ms: 'DECIMAL(12,3)'}"
RECORD = "unnest(from_json(value, '{\"id\": \"BIGINT\", \"category\": \"VARCHAR\", \"load_ms\": \"DECIMAL(12,3)\"}'))"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def relation(sink):
    """SQL that reads a sink as (id, category, load_ms)."""
    kind, path = sink["kind"], quoted(sink.get("path", ""))
    if kind == "ids":
        return f"SELECT id, NULL AS category, NULL AS load_ms FROM read_csv({path}, header = false, columns = {{'id': 'BIGINT'}})"
    if kind == "kafka":
        return (f"SELECT id, category, load_ms FROM (SELECT {RECORD} FROM read_json({path}, format = 'newline_delimited', "
                "columns = {value: 'VARCHAR'}))")
    if kind == "ndjson":
        return f"SELECT * FROM read_json({path}, format = 'newline_delimited', columns = {COLUMNS})"
    if kind == "csv":
        return f"SELECT * FROM read_csv({path}, header = true, columns = {COLUMNS})"
    if kind == "parquet":
        return f"SELECT id, category, load_ms FROM read_parquet([{', '.join(quoted(f) for f in sink['files'])}])"
    raise ValueError(kind)


def load(db, name, sink):
    if sink["kind"] == "delta":
        from deltalake import DeltaTable
        rows = DeltaTable(sink["path"]).to_pyarrow_table(columns=["id", "category", "load_ms"])  # noqa: F841, DuckDB reads it
        db.execute(f'CREATE TABLE "{name}" AS SELECT id, category, load_ms FROM rows')
    elif sink["kind"] == "parquet" and not sink["files"]:
        db.execute(f'CREATE TABLE "{name}" (id BIGINT, category VARCHAR, load_ms DECIMAL(12,3))')
    else:
        db.execute(f'CREATE TABLE "{name}" AS ' + relation(sink))


def plant(db, name):
    count = db.sql(f'SELECT count(*) FROM "{name}"').fetchone()[0]
    if count > 1:
        first, last = db.sql(f'SELECT min(id), max(id) FROM "{name}"').fetchone()
        # a wrong mode may have had the first one several times: as many others, so that one more is doubled than before
        gone = db.execute(f'DELETE FROM "{name}" WHERE id = {first}').fetchone()[0]
        db.execute(f'INSERT INTO "{name}" SELECT s.* FROM (FROM "{name}" WHERE id = {last} LIMIT 1) s, range({gone})')


def judge(db, name, has_values):
    one = lambda sql: db.sql(sql).fetchone()[0]
    found = {"rows": one(f'SELECT count(*) FROM "{name}"')}
    found["lost"] = one(f'SELECT count(*) FROM input i WHERE NOT EXISTS (FROM "{name}" s WHERE s.id = i.id)')
    found["doubled"] = one(f'SELECT count(*) - count(DISTINCT id) FROM "{name}"')
    found["strange"] = one(f'SELECT count(*) FROM "{name}" s WHERE NOT EXISTS (FROM input i WHERE i.id = s.id)')
    found["changed"] = one(f'SELECT count(*) FROM "{name}" s JOIN input i USING (id) WHERE s.category IS DISTINCT FROM i.category '
                           f"OR s.load_ms IS DISTINCT FROM i.load_ms") if has_values else 0
    return found


def judge_groups(db, path, is_planted):
    db.execute(f"CREATE OR REPLACE TABLE groups AS SELECT * FROM read_csv({quoted(path)}, header = true, "
               "columns = {category: 'VARCHAR', n: 'BIGINT', total: 'DECIMAL(38,3)'})")
    if is_planted:
        db.execute("UPDATE groups SET n = n + 1 WHERE category = (SELECT min(category) FROM groups)")
    wrong = db.sql("SELECT count(*) FROM groups g FULL JOIN (SELECT category, count(*) AS n, sum(load_ms) AS total FROM input "
                   "GROUP BY ALL) i USING (category) WHERE g.n IS DISTINCT FROM i.n OR g.total IS DISTINCT FROM i.total"
                   ).fetchone()[0]
    return {"rows": db.sql("SELECT count(*) FROM groups").fetchone()[0], "changed": wrong, "lost": 0, "doubled": 0, "strange": 0}


def main():
    with open(sys.argv[1]) as file:
        specification = json.load(file)
    db = duckdb.connect()
    db.execute("SET threads = 2; SET memory_limit = '8GB'; SET preserve_insertion_order = false")
    load(db, "input", {"kind": "kafka", "path": specification["input"]})
    doubled_input = db.sql("SELECT count(*) - count(DISTINCT id) FROM input").fetchone()[0]
    if doubled_input:
        sys.exit(f"the input itself has {doubled_input} records twice: nothing can be concluded")
    found = {"input": {"rows": db.sql("SELECT count(*) FROM input").fetchone()[0]}}
    for name, sink in specification["sinks"].items():
        if sink["kind"] == "groups":
            found[name] = judge_groups(db, sink["path"], specification.get("plant", False))
            continue
        load(db, name, sink)
        if specification.get("plant"):
            plant(db, name)
        found[name] = judge(db, name, sink["kind"] != "ids")
        db.execute(f'DROP TABLE "{name}"')
    print(json.dumps(found))


if __name__ == "__main__":
    main()
