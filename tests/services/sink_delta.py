#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the delta sink writes, read by others: delta-rs (deltalake, after every commit), and beside it another writer.

The sink is driven step by step through sink_tool; every check reads the table with a library that has not a line in
common with penstock. With PENSTOCK_SPARK=python-with-pyspark and PENSTOCK_DELTA_JARS=folder, Spark reads it,
too (PySpark 4.1 with io.delta:delta-spark_4.1_2.13:4.3.0 and what Maven brings with it).

    tests/services/sink_delta.py PENSTOCK
"""
import datetime
import decimal
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(ROOT, "..", "servers"))
CACHE = os.environ.get("PENSTOCK_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                                                         "penstock")
PYTHON = os.path.join(CACHE, "test-1", "bin", "python")
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(CACHE, "test-1")):
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.execv(PYTHON, [PYTHON, *sys.argv])

import deltalake
import pyarrow
import pyarrow.parquet
from sinks import Refused, Sinks, refused

failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}: {got!r} instead of {wanted!r}")


def rows(path, version=None):
    table = deltalake.DeltaTable(path, version=version)
    return table.to_pyarrow_table().to_pylist()


def ids(path, version=None):
    return sorted(row["id"] for row in rows(path, version))


def files(path):
    return deltalake.DeltaTable(path).file_uris()


def select(first, count, more=""):
    return f"SELECT i AS id{more} FROM range({first}, {first + count}) t(i)"


def open_sink(sinks, settings, sql, attempt, **own):
    sink = sinks.sink({"connector": "delta", "name": "s", "project": "p", "store": "st-1", **own, **settings}, sql)
    sink.open()
    return sink, sink.recover(attempt)


def every_type(sinks, folder):
    path = folder + "/types"
    sql = """SELECT true AS b, 1::TINYINT AS t1, 2::SMALLINT AS t2, 3::INTEGER AS t4, 4::BIGINT AS t8, 5::UTINYINT AS u1,
        6::USMALLINT AS u2, 7::UINTEGER AS u4, 18446744073709551615::UBIGINT AS u8,
        12345678901234567890123456789::HUGEINT AS h, 1.5::FLOAT AS f, 2.5::DOUBLE AS d, 12.34::DECIMAL(10, 2) AS m,
        'text "ä"' AS s, '\\xFF\\x00'::BLOB AS bl, DATE '2013-01-02' AS da, TIMESTAMP '2013-01-02 03:04:05.678901' AS ts,
        TIMESTAMPTZ '2013-01-02 03:04:05+05' AS tz, TIME '01:02:03' AS ti, INTERVAL 90 MINUTE AS iv,
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS u, 'x'::ENUM('x', 'it''s, (y)') AS e, '{"a": 1}'::JSON AS j,
        [1, NULL, 3] AS l, {'a': 1, 'b c': ['x', NULL]} AS st, MAP {'k': 1.5::DOUBLE} AS ma, [{'q': [DATE '2020-01-01']}] AS n,
        [1, 2]::INTEGER[2] AS ar, NULL::INTEGER AS nothing, 'nan'::DOUBLE AS nan""".replace("\n", " ")
    sink, _ = open_sink(sinks, {"path": path}, sql, 1)
    sink.epoch(1, 1)
    row = rows(path)[0]
    wanted = {"b": True, "t1": 1, "t2": 2, "t4": 3, "t8": 4, "u1": 5, "u2": 6, "u4": 7,
              "u8": decimal.Decimal("18446744073709551615"), "h": decimal.Decimal("12345678901234567890123456789"),
              "f": 1.5, "d": 2.5, "m": decimal.Decimal("12.34"), "s": 'text "ä"', "bl": b"\xff\x00",
              "da": datetime.date(2013, 1, 2), "ti": "01:02:03", "iv": "01:30:00",
              "u": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "e": "x", "j": '{"a": 1}', "l": [1, None, 3],
              "st": {"a": 1, "b c": ["x", None]}, "n": [{"q": [datetime.date(2020, 1, 1)]}], "ar": [1, 2], "nothing": None}
    for name, value in wanted.items():
        expect(f"type {name}", row[name], value)
    expect("a map", dict(row["ma"]), {"k": 1.5})
    utc = datetime.timezone.utc
    expect("a timestamp", row["ts"], datetime.datetime(2013, 1, 2, 3, 4, 5, 678901, utc))
    expect("an instant", row["tz"], datetime.datetime(2013, 1, 1, 22, 4, 5, 0, utc))
    stats = deltalake.DeltaTable(path).get_add_actions(flatten=True)
    stats = pyarrow.table(stats).to_pylist()[0]
    expect("rows in statistics", stats["num_records"], 1)
    expect("smallest long", stats["min.t8"], 4)
    expect("largest date", stats["max.da"], datetime.date(2013, 1, 2))
    expect("nulls", (stats["null_count.nothing"], stats["null_count.t4"]), (1, 0))
    expect("no bounds of NaN", stats.get("min.nan"), None)
    sink.close()
    for expression, word in (("TIMESTAMP_NS '2020-01-01'", "TIMESTAMP_NS"), ("union_value(a := 1)", "UNION")):
        bad = sinks.sink({"connector": "delta", "path": folder + "/bad"}, f"SELECT {expression} AS x")
        refused(bad.open, "UNSUPPORTED", "column x", word)
        bad.close()


def partitions(sinks, folder):
    path = folder + "/partitions"
    values = [("a", "DATE '2020-01-01'", 1), ("it's / 100% \"ä\"=", "DATE '2020-01-02'", 2), (None, "NULL", None), ("", "NULL", 3)]
    union = " UNION ALL ".join(
        "SELECT {} AS id, {} AS p, {} AS d, {} AS n".format(
            i, "NULL::VARCHAR" if p is None else "'" + p.replace("'", "''") + "'", d + "::DATE", "NULL::INTEGER" if n is None else n)
        for i, (p, d, n) in enumerate(values))
    sink, _ = open_sink(sinks, {"path": path, "partition_by": "p, d"}, union, 1)
    sink.epoch(1, 1)
    got = sorted((row["id"], row["p"], row["d"], row["n"]) for row in rows(path))
    days = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), None, None]
    expect("partition values", got, [(i, p or None, days[i], n) for i, (p, _, n) in enumerate(values)])
    table = deltalake.DeltaTable(path)
    expect("one partition", table.to_pyarrow_table(filters=[("p", "=", values[1][0])]).num_rows, 1)
    sink.close()
    bad = sinks.sink({"connector": "delta", "path": path, "partition_by": "q"}, "SELECT 1 AS id")
    refused(bad.open, "INVALID_PROJECT", "'q'")
    bad.close()
    bad = sinks.sink({"connector": "delta", "path": path, "partition_by": "x"}, "SELECT 1 AS id, 1.5::DOUBLE AS x")
    refused(bad.open, "UNSUPPORTED", "column x")
    bad.close()


def many_epochs(sinks, folder):
    """Checkpoints, merges and the end of old files: after every commit the table has exactly the rows it should."""
    path = folder + "/many"
    sink, _ = open_sink(sinks, {"path": path, "compact.files": 4, "checkpoint.interval": 5, "retention": "1 ms",
                                "log.retention": "1 ms"},
                        select(0, 0), 1)
    for epoch in range(1, 41):
        sink.epoch(epoch, 1, select(epoch * 10, 10 if epoch % 7 else 0))
        wanted = [i for e in range(1, epoch + 1) if e % 7 for i in range(e * 10, e * 10 + 10)]
        expect(f"rows after epoch {epoch}", ids(path), wanted)
    log = sorted(os.listdir(path + "/_delta_log"))
    checkpoints = [name for name in log if "checkpoint.parquet" in name]
    expect("there are checkpoints", len(checkpoints) >= 1, True)
    expect("small files are merged", len(files(path)) <= 10, True)
    on_disk = glob.glob(path + "/part-*.parquet")
    expect("expired files are gone", len(on_disk) <= len(files(path)) + 12, True)
    # from the checkpoint alone: the log before it is cleaned up, as other writers do
    expect("old commits are gone", len(log) < 40, True)
    last = json.load(open(path + "/_delta_log/_last_checkpoint"))["version"]
    wanted = ids(path)
    for name in log:
        if name.endswith(".json") and int(name[:20]) <= last:
            os.unlink(f"{path}/_delta_log/{name}")
    expect("rows from the checkpoint", ids(path), wanted)
    # a sink that stood still while another writer went on and cleaned the log
    other, _ = open_sink(sinks, {"path": path, "checkpoint.interval": 1}, select(0, 0), 1, name="other")
    for epoch in range(1, 4):
        other.epoch(epoch, 1)
    last = json.load(open(path + "/_delta_log/_last_checkpoint"))["version"]
    for name in os.listdir(path + "/_delta_log"):
        if name[:20].isdigit() and int(name[:20]) < last:
            os.unlink(f"{path}/_delta_log/{name}")
    sink.begin(41, 1)
    sink.write(select(410, 10))
    refused(lambda: sink.commit(41, 1), "IO", "was cleaned up")
    expect("rows after the gap", ids(path), wanted)
    sink.close()
    other.close()
    expect("no transaction of ours is lost", sink_epoch(sinks, path, 2), 40)


def sink_epoch(sinks, path, attempt, **own):
    sink, epoch = open_sink(sinks, {"path": path}, select(0, 1), attempt, **own)
    sink.close()
    return epoch


def two_writers(sinks, folder):
    path = folder + "/two"
    sink, _ = open_sink(sinks, {"path": path, "compact.files": 3, "checkpoint.interval": 4}, select(0, 0), 1)
    other, _ = open_sink(sinks, {"path": path}, select(0, 0), 1, name="other")
    for epoch in range(1, 13):
        sink.begin(epoch, 1)
        sink.write(select(epoch * 10, 5))
        # between our write and our commit
        deltalake.write_deltalake(path, pyarrow.table({"id": pyarrow.array([10000 + epoch], pyarrow.int64())}), mode="append")
        other.epoch(epoch, 1, select(20000 + epoch, 1))
        sink.commit(epoch, 1)
    wanted = sorted([e * 10 + i for e in range(1, 13) for i in range(5)] + [10000 + e for e in range(1, 13)] +
                    [20000 + e for e in range(1, 13)])
    expect("rows of three writers", ids(path), wanted)
    deltalake.DeltaTable(path).optimize.compact()
    sink.epoch(13, 1, select(130, 5))
    expect("rows after another's compaction", len(ids(path)), len(wanted) + 5)
    deltalake.DeltaTable(path).create_checkpoint()
    sink.epoch(14, 1, select(140, 5))
    deltalake.DeltaTable(path).delete("id >= 20000")
    sink.close()
    other.close()
    expect("epochs", (sink_epoch(sinks, path, 2), sink_epoch(sinks, path, 2, name="other")), (14, 12))
    expect("another's delete", len(ids(path)), len(wanted) - 12 + 10)


def zombies(sinks, folder):
    path = folder + "/zombie"
    old, _ = open_sink(sinks, {"path": path}, select(0, 0), 1)
    old.begin(1, 1)
    old.write(select(0, 4))
    new, epoch = open_sink(sinks, {"path": path}, select(0, 0), 2)
    expect("the new attempt's epoch", epoch, 0)
    refused(lambda: old.commit(1, 1), "FENCED", "attempt 1 is over")
    expect("a zombie's rows", ids(path), [])
    new.epoch(1, 2, select(0, 4))
    expect("the new attempt's rows", ids(path), [0, 1, 2, 3])
    old.close()
    new.close()
    stranger = sinks.sink({"connector": "delta", "name": "s", "project": "p", "store": "st-2", "path": path}, select(0, 0))
    stranger.open()
    refused(lambda: stranger.recover(1), "INVALID_DATA", "another store", "on_other_store")
    stranger.close()
    taken, epoch = open_sink(sinks, {"path": path, "on_other_store": "replace"}, select(0, 0), 1, store="st-2")
    expect("epoch after a replace", (epoch, ids(path)), (0, []))
    taken.epoch(1, 1, select(7, 1))
    expect("rows after a replace", ids(path), [7])
    taken.close()


def leavings(sinks, folder):
    """recover() takes away what its own and older attempts left, and nothing of newer ones: who is frozen in recover() and
    woken after it was replaced knows an older state of the table, in which its successor's files do not occur."""
    path = folder + "/leavings"
    sink, _ = open_sink(sinks, {"path": path}, select(0, 0), 5)
    sink.epoch(1, 5, select(0, 4))
    (name,) = [os.path.basename(file) for file in files(path)]  # part-000000000001-5-TAG.parquet
    tag = name.split("-")[3].split(".")[0]

    def here():
        return sorted(entry.name for entry in os.scandir(path) if entry.name not in (name, "_delta_log"))

    for attempt in (4, 5, 6):
        shutil.copy(os.path.join(path, name), os.path.join(path, f"part-000000000002-{attempt}-{tag}.parquet"))
        os.mkdir(os.path.join(path, f".{tag}.{attempt}.stage"))
    expect("recover again", sink.recover(5), 1)
    expect("what is left", here(), [f".{tag}.6.stage", f"part-000000000002-6-{tag}.parquet"])
    sink.close()


def tables_that_are_there(sinks, folder):
    def made(name, data, **options):
        path = f"{folder}/{name}"
        deltalake.write_deltalake(path, data, **options)
        return path

    def refuse(path, code, *words, sql="SELECT 1::BIGINT AS id, 'x' AS s", **settings):
        with Sinks() as own:
            sink = own.sink({"connector": "delta", "path": path, **settings}, sql)
            sink.open()
            refused(lambda: sink.recover(1), code, *words)

    one = pyarrow.table({"id": pyarrow.array([1], pyarrow.int64()), "s": ["x"]})
    path = made("same", one)
    sink, epoch = open_sink(sinks, {"path": path}, "SELECT 1::BIGINT AS id, 'x' AS s", 1)
    sink.epoch(1, 1, "SELECT 2::BIGINT AS id, 'y' AS s")
    expect("a table that was there", sorted(r["s"] for r in rows(path)), ["x", "y"])
    sink.close()
    refuse(made("type", pyarrow.table({"id": pyarrow.array([1], pyarrow.int32()), "s": ["x"]})), "INVALID_DATA", "id is integer", "long")
    refuse(made("less", one.select(["id"])), "INVALID_DATA", "s is not in the table")
    refuse(made("more", one.append_column("z", [[1]])), "INVALID_DATA", "z is in the table")
    refuse(made("parted", one, partition_by=["s"]), "INVALID_DATA", "partitioned by")
    path = made("feature", one, configuration={"delta.enableDeletionVectors": "true"})
    refuse(path, "UNSUPPORTED", "deletionVectors")
    path = made("constraint", one)
    deltalake.DeltaTable(path).alter.add_constraint({"positive": "id > 0"})
    refuse(path, "UNSUPPORTED", "checkConstraints")
    os.mkdir(folder + "/plain")
    pyarrow.parquet.write_table(one, folder + "/plain/a.parquet")
    refuse(folder + "/plain", "ALREADY_EXISTS", "no Delta table")
    # others change the columns while we run
    path = made("changed", one)
    sink, _ = open_sink(sinks, {"path": path}, "SELECT 1::BIGINT AS id, 'x' AS s", 1)
    sink.begin(1, 1)
    sink.write()
    deltalake.write_deltalake(path, one.append_column("z", [[1]]), mode="append", schema_mode="merge")
    refused(lambda: sink.commit(1, 1), "INVALID_DATA", "z is in the table")
    sink.close()


def whole_program(penstock, folder):
    """CREATE SINK of a project, run, killed and run again."""
    project = folder + "/project"
    os.makedirs(project + "/data")
    with open(project + "/penstock.yml", "w") as out:
        out.write('name: lake\nsql: ["*.sql"]\nepoch: {rows: 100}\n')
    with open(project + "/a.sql", "w") as out:
        out.write("""CREATE SOURCE events (id BIGINT, kind VARCHAR, seen_at TIMESTAMP) WITH (connector = 'file', path = 'data/*.ndjson');
CREATE STREAMING TABLE kept AS SELECT * FROM STREAM events WHERE id % 3 > 0;
CREATE SINK lake WITH (connector = 'delta', path = 'out/lake', partition_by = 'kind', compact.files = '4', checkpoint.interval = '5')
  AS SELECT id, kind, seen_at FROM STREAM kept;
CREATE SINK folder WITH (connector = 'parquet', path = 'out/folder', compact.files = '4') AS SELECT id, kind FROM STREAM kept;
CREATE SINK lines WITH (connector = 'file', path = 'out/lines.csv', rotate.epochs = '3') ENCODE CSV (delimiter = ';')
  AS SELECT id, seen_at FROM STREAM kept;
""")
    for part in range(3):
        with open(f"{project}/data/{part}.ndjson", "w") as out:
            for i in range(part * 400, part * 400 + 400):
                out.write(json.dumps({"id": i, "kind": "abc"[i % 2], "seen_at": f"2013-01-01T00:{i // 60:02d}:{i % 60:02d}"}) + "\n")
        done = subprocess.run([penstock, "run", "--project", project, "--once"], capture_output=True, text=True, timeout=120)
        expect(f"run {part}", (done.returncode, done.stderr[-500:] if done.returncode else ""), (0, ""))
        wanted = [i for i in range(part * 400 + 400) if i % 3]
        expect(f"delta after run {part}", ids(project + "/out/lake"), wanted)
        manifest = json.load(open(project + "/out/folder/_manifest.json"))
        got = sorted(i for f in manifest["files"] for i in
                     pyarrow.parquet.read_table(f"{project}/out/folder/{f['path']}").column("id").to_pylist())
        expect(f"parquet after run {part}", got, wanted)
        got = []
        for name in sorted(glob.glob(project + "/out/lines-*.csv")):
            lines = open(name).read().splitlines()
            expect("header", lines[0], "id;seen_at")
            got += [int(line.split(";")[0]) for line in lines[1:]]
        expect(f"lines after run {part}", got, wanted)


def by_spark(folder):
    python, jars = os.environ.get("PENSTOCK_SPARK"), os.environ.get("PENSTOCK_DELTA_JARS")
    if not python or not jars:
        print("Spark does not read the tables: PENSTOCK_SPARK and PENSTOCK_DELTA_JARS are not set")
        return
    tables = [t for t in ("types", "partitions", "many", "two", "zombie", "project/out/lake") if os.path.isdir(f"{folder}/{t}")]
    done = subprocess.run([python, os.path.join(ROOT, "..", "servers", "spark_delta.py"), jars, *[f"{folder}/{t}" for t in tables]],
                          capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        expect("Spark", done.stderr[-3000:], "")
        return
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            table = json.loads(line)
            path = table["path"]
            expect(f"Spark's rows of {path}", table["rows"], len(rows(path)))
            if "ids" in table:
                expect(f"Spark's ids of {path}", table["ids"], ids(path))
            print("Spark:", line[:300])


def main():
    folder = tempfile.mkdtemp(prefix="penstock-delta-", dir=os.getcwd())
    try:
        for check in (every_type, partitions, many_epochs, two_writers, zombies, leavings, tables_that_are_there):
            with Sinks() as sinks:
                try:
                    check(sinks, folder)
                except (Refused, AssertionError, RuntimeError) as error:
                    failures.append(check.__name__)
                    print(f"FAILED {check.__name__}: {error}")
        whole_program(sys.argv[1], folder)
        by_spark(folder)
    finally:
        if os.environ.get("PENSTOCK_KEEP"):
            print("kept", folder)
        else:
            shutil.rmtree(folder)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
