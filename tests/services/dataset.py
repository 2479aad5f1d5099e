#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What CREATE DATASET writes, read by others: the Delta table by delta-rs (deltalake) after every making, the Parquet file
by Arrow, both beside the numbers that numpy computes from the rows. And what is there stays whole when the table has another
writer, other columns, or belongs to somebody else.

    tests/services/dataset.py PENSTOCK
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

CACHE = os.environ.get("PENSTOCK_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                                                         "penstock")
PYTHON = os.path.join(CACHE, "test-1", "bin", "python")
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(CACHE, "test-1")):
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.execv(PYTHON, [PYTHON, *sys.argv])

import deltalake
import numpy
import pyarrow
import pyarrow.parquet

PENSTOCK = os.path.abspath(sys.argv[1])
failures = []
SQL = """CREATE TABLE rows AS SELECT * FROM 'rows.parquet';
CREATE DATASET ready
  TRANSFORM (OutlierFilter(speed, loading, method = 'iqr', k = 3), StandardScaler(speed, visib, withMean = {mean}))
WITH (parquet = 'out/ready.parquet', delta = 'out/ready', report = 'out/quality.html'{more})
AS SELECT {columns} FROM rows;
"""


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}: {got!r} instead of {wanted!r}")


def penstock(folder, *arguments, fails=False):
    done = subprocess.run([PENSTOCK, *arguments, "--project", folder], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"penstock {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr if fails else done.stdout


def write_project(folder, columns="*", mean="false", more=""):
    with open(os.path.join(folder, "p.sql"), "w") as out:
        out.write(SQL.format(columns=columns, mean=mean, more=more))


def make_rows(folder, count):
    generator = numpy.random.default_rng(5)
    speed = generator.normal(100, 15, count)
    speed[:7] = [9999, -400, 700, 5000, -1, 1e6, 300]
    loading = generator.integers(5, 60, count)
    loading[10:13] = [-500, 900, 4000]
    visib = generator.normal(8, 2, count)
    table = pyarrow.table({"speed": speed, "loading": loading, "visib": pyarrow.array(visib, mask=generator.random(count) < 0.1),
                           "origin": [("EWR", "JFK", "LGA", None)[i % 4] for i in range(count)],
                           "tags": [[i, None] if i % 3 else None for i in range(count)],
                           "at": pyarrow.array([i * 1_000_000 for i in range(count)], pyarrow.timestamp("us"))})
    pyarrow.parquet.write_table(table, os.path.join(folder, "rows.parquet"))
    return table


def wanted_of(table, mean):
    """The same in numpy: bounds by interpolated quartiles, deviation with n - 1."""
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in ("speed", "loading", "visib")}
    kept = numpy.ones(len(table), bool)
    for name in ("speed", "loading"):
        low, high = numpy.quantile(columns[name], [0.25, 0.75])
        kept &= (columns[name] >= low - 3 * (high - low)) & (columns[name] <= high + 3 * (high - low))
    scaled = {}
    for name in ("speed", "visib"):
        values = columns[name][kept]
        middle = numpy.nanmean(values) if mean else 0
        scaled[name] = (values - middle) / numpy.nanstd(values, ddof=1)
    return kept, scaled


def compare(what, got, table, mean):
    kept, scaled = wanted_of(table, mean)
    expect(what + ": rows", len(got), int(kept.sum()))
    for name, values in scaled.items():
        column = got.column(name).to_numpy(zero_copy_only=False)
        expect(what + ": NULLs of " + name, list(numpy.isnan(column)), list(numpy.isnan(values)))
        if not numpy.allclose(column, values, rtol=1e-12, atol=1e-12, equal_nan=True):
            expect(what + ": " + name, float(numpy.nanmax(numpy.abs(column - values))), 0.0)
    for name in set(got.column_names) & {"loading", "origin", "tags"}:
        expect(what + ": " + name, got.column(name).to_pylist(), table.column(name).filter(pyarrow.array(kept)).to_pylist())


def read(folder, version=None):
    return deltalake.DeltaTable(os.path.join(folder, "out", "ready"), version=version).to_pyarrow_table()


def makings(folder):
    table = make_rows(folder, 5000)
    write_project(folder)
    penstock(folder, "run", "--once")
    compare("first", read(folder), table, False)
    compare("first, Parquet", pyarrow.parquet.read_table(os.path.join(folder, "out", "ready.parquet")), table, False)
    first = read(folder)
    # a canary: one value that is off is seen
    off = first.set_column(0, "speed", pyarrow.array(first.column("speed").to_numpy() + 1e-9))
    before = len(failures)
    compare("the canary (expected to fail)", off, table, False)
    if len(failures) == before:
        raise SystemExit("a value that is off by a billionth was not noticed")
    del failures[before:]
    # other numbers, the same columns: one version more, whose rows replace the others
    write_project(folder, mean="true")
    penstock(folder, "run", "--once")
    compare("second", read(folder), table, True)
    expect("version 0 is still to be read", read(folder, 0).equals(first), True)
    # other columns
    write_project(folder, columns="origin, speed, loading, visib", mean="true")
    penstock(folder, "run", "--once")
    third = read(folder)
    expect("other columns", third.column_names, ["origin", "speed", "loading", "visib"])
    compare("third", third, table, True)
    expect("columns of version 1", "tags" in read(folder, 1).column_names, True)
    history = deltalake.DeltaTable(os.path.join(folder, "out", "ready")).history()
    expect("operations", [one["operation"] for one in reversed(history)], ["CREATE TABLE AS SELECT", "WRITE", "WRITE"])
    penstock(folder, "run", "--once")
    expect("nothing new, no version", deltalake.DeltaTable(os.path.join(folder, "out", "ready")).version(), 2)
    return third


def many_versions(folder):
    """Checkpoints, and a reader that begins with one."""
    for i in range(12):
        os.remove(os.path.join(folder, "out", "ready.parquet"))
        penstock(folder, "run", "--once")
    table = deltalake.DeltaTable(os.path.join(folder, "out", "ready"))
    expect("versions", table.version(), 14)
    expect("checkpoints", len(glob.glob(os.path.join(folder, "out", "ready", "_delta_log", "*.checkpoint.parquet"))) > 0, True)
    expect("one file", len(table.file_uris()), 1)


def others(folder, third):
    """Another writer appends: the next making replaces that, too. A table or folder of somebody else is refused."""
    path = os.path.join(folder, "out", "ready")
    deltalake.write_deltalake(path, third.slice(0, 5), mode="append")
    expect("an append by others", len(read(folder)), len(third) + 5)
    os.remove(os.path.join(folder, "out", "quality.html"))
    penstock(folder, "run", "--once")
    expect("the dataset again", read(folder).equals(third), True)
    shutil.rmtree(path)
    deltalake.write_deltalake(path, pyarrow.table({"mine": [1, 2]}))
    os.remove(os.path.join(folder, "out", "ready.parquet"))
    error = penstock(folder, "run", "--once", fails=True)
    expect("a table of somebody else", "Delta table that this dataset did not make" in error, True)
    expect("it is as it was", read(folder).to_pylist(), [{"mine": 1}, {"mine": 2}])
    write_project(folder, columns="origin, speed, loading, visib", mean="true", more=", on_existing = 'replace'")
    penstock(folder, "run", "--once")
    expect("replaced", read(folder).equals(third), True)
    expect("their rows are version 0", read(folder, 0).to_pylist(), [{"mine": 1}, {"mine": 2}])


def main():
    folder = tempfile.mkdtemp(prefix="penstock-dataset-")
    try:
        with open(os.path.join(folder, "penstock.yml"), "w") as out:
            out.write("name: dataset\n")
        third = makings(folder)
        many_versions(folder)
        others(folder, third)
        with open(os.path.join(folder, "out", "quality.json")) as file:
            quality = json.load(file)
        expect("rows of the report", quality["rows"]["kept"], len(third))
    finally:
        shutil.rmtree(folder)
    print(f"dataset: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
