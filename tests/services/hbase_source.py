#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HBase source against a real HBase of two region servers: tables read whole while their regions are split, merged and
moved; new cells as they come, each once, with a writer at the same time; rows by their keys; kill -9 of runs with outside
sinks, after which HBase no longer has what was read; bad cells, bad statements, and a server that is away.

    tests/services/hbase_source.py PENSTOCK [NAME...]      only the tests whose names contain one of these
"""
import collections
import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from hbase import HBase
from kafka import free_port

penstock = os.path.abspath(sys.argv[1])
tool = os.environ.get("PENSTOCK_HBASE_TOOL") or os.path.join(os.path.dirname(penstock), "tests", "servers", "hbase_tool")
long_form = bool(os.environ.get("PENSTOCK_TORTURE"))
failures = []
ROWS = 20000
environment = dict(os.environ)
# `penstock hbase scan` shows bytes; these are text
CELLS = "mapping = 'k :key, v f:v text, w f:w text, seen f:v@timestamp, newest :timestamp'"
COLUMNS = "k VARCHAR, v VARCHAR, w VARCHAR, seen TIMESTAMP, newest TIMESTAMP"


def expect(what, got, wanted):
    if got != wanted:
        got, wanted = (text if len(text) < 1500 else text[:1500] + "..." for text in (repr(got), repr(wanted)))
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got}\n  wanted {wanted}", flush=True)


def expect_in(what, part, text):
    if part not in text:
        failures.append(what)
        print(f"FAILED {what}: no {part!r} in {text[:2000]!r}", flush=True)


def use(*arguments):
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=240, env=environment)
    expect(f"{arguments}: {done.stderr}", done.returncode, 0)
    return done.stdout


class Writer:
    """Puts cells, many at once, and knows when they are written."""

    def __init__(self, table):
        self.process = subprocess.Popen([tool, "puts", table], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def put(self, *cells):
        """(row, column, value, timestamp in ms or 0: the server's clock)"""
        self.process.stdin.write("".join(f"{r} {c} {v} {t}\n" for r, c, v, t in cells) + ".\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise RuntimeError(f"HBase does not take the cells: {self.process.wait()}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def put(table, *cells):
    writer = Writer(table)
    writer.put(*cells)
    writer.close()


def cells_of(table, versions=1000, columns="f:v"):
    """What HBase has, asked in another way: {(row, column, timestamp): value}"""
    done = subprocess.run([penstock, "hbase", "scan", table, "--format", "json", "--columns", columns, "--versions",
                           str(versions), "--limit", "1000000"], capture_output=True, text=True, env=environment, timeout=100)
    expect(f"a scan of {table}: {done.stderr}", done.returncode, 0)
    return {(c["row"], c["column"], c["timestamp"]): c["value"] for c in json.loads(done.stdout)}


class Project:
    """A folder with one source `s` and one table `t` over it."""

    def __init__(self, home, name, table, columns=COLUMNS, settings=CELLS, tail="", more="", epoch=None,
                 select="SELECT * FROM STREAM s"):
        self.folder = os.path.join(home, name)
        os.makedirs(self.folder, exist_ok=True)
        self.process = None
        with open(os.path.join(self.folder, "penstock.yml"), "w") as out:
            out.write(f"name: {name}\n" + (f"epoch: {epoch}\n" if epoch else ""))
        self.write(table, columns, settings, tail, more, select)

    def write(self, table, columns=COLUMNS, settings=CELLS, tail="", more="", select="SELECT * FROM STREAM s"):
        masters = environment["PENSTOCK_HBASE_MASTERS"]
        with open(os.path.join(self.folder, "s.sql"), "w") as out:
            out.write(f"CREATE SOURCE s ({columns}) WITH (connector = 'hbase', masters = '{masters}', table = '{table}'"
                      f"{', ' + settings if settings else ''}) {tail};\n"
                      f"CREATE STREAMING TABLE t AS {select};\n{more}")

    def call(self, *arguments, timeout=120):
        done = subprocess.run([penstock, *arguments, "--project", self.folder], capture_output=True, text=True,
                              timeout=timeout, env=environment)
        return done.returncode, done.stdout + done.stderr

    def once(self, what="run --once"):
        status, text = self.call("run", "--once")
        expect(f"{self.folder}: {what}: {text[-1500:]}", status, 0)
        return text

    def refused(self, *command, status=1):
        got, text = self.call(*(command or ("run", "--once")))
        expect(f"{self.folder}: it should not run: {text}", got, status)
        return text

    def rows(self, sql):
        done = subprocess.run([penstock, "query", "--format", "csv", "--project", self.folder, sql], capture_output=True,
                              text=True, env=environment)
        return list(csv.reader(io.StringIO(done.stdout)))[1:] if done.returncode == 0 else done.stderr

    def value(self, sql):
        rows = self.rows(sql)
        return rows[0][0] if isinstance(rows, list) and rows else rows

    def given(self, table="t"):
        """(row, timestamp) of each record, and how often"""
        return collections.Counter(map(tuple, self.rows(f"SELECT k, epoch_ms(seen) FROM {table}")))

    def start(self, *arguments):
        self.out = open(os.path.join(self.folder, "out.txt"), "a")
        self.process = subprocess.Popen([penstock, "run", *arguments, "--project", self.folder], stdout=self.out,
                                        stderr=subprocess.STDOUT, env=environment)

    def said(self):
        with open(os.path.join(self.folder, "out.txt")) as file:
            return file.read()

    def wait_for(self, what, wanted, sql="SELECT count(*) FROM t", seconds=40):
        deadline, got = time.monotonic() + seconds, None
        while time.monotonic() < deadline and self.process.poll() is None:
            got = self.value(sql)
            if got == str(wanted):
                return
            time.sleep(0.1)
        expect(f"{self.folder}: {what}: {self.said()[-1500:]}", got, str(wanted))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "it did not stop within 30 s"
        expect(f"{self.folder}: stop: {self.said()[-1500:]}", status, 0)


def what_is_wrong(given, cells):
    """None if each cell was given once. `given`: a Counter of (row, timestamp as text)."""
    wanted = {(row, str(timestamp)) for row, _, timestamp in cells}
    twice = [key for key, count in given.items() if count > 1]
    lost, invented = wanted - set(given), set(given) - wanted
    if twice or lost or invented:
        return f"{len(twice)} given twice {sorted(twice)[:3]}, {len(lost)} lost {sorted(lost)[:3]}, " \
               f"{len(invented)} never written {sorted(invented)[:3]}"
    return None


def now_ms():
    return int(time.time() * 1000)


def suite(home):
    """What every source must do."""
    program = os.environ.get("PENSTOCK_SOURCE_HBASE") or os.path.join(os.path.dirname(penstock), "tests", "conformance",
                                                                      "source_hbase")
    done = subprocess.run([program], capture_output=True, text=True, timeout=200, env=environment)
    expect("the suite of all sources: " + done.stdout + done.stderr, done.returncode, 0)


# --- whole tables -------------------------------------------------------------------------------------------------

NUMBERS = {"columns": "k VARCHAR, n BIGINT, pad VARCHAR", "settings": "mapping = 'k :key, n f:n text, pad f:pad'"}
WHOLE = [[str(ROWS), str(ROWS), str(ROWS * (ROWS - 1) // 2)]]
ALL = "SELECT count(*), count(DISTINCT k), sum(n) FROM t"


def whole(home):
    """One region, and more regions than scans that are open at once; what is read does not depend on when it comes."""
    use("create", "many", 1, *(f"r{i:06d}" for i in range(1500, ROWS, 1500)))
    use("fill", "many", 0, ROWS, 20)
    one = Project(home, "one", "t", **NUMBERS)
    one.once()
    expect("a table", one.rows(ALL), WHOLE)
    runs = []
    for name in ("many1", "many2"):
        project = Project(home, name, "many", **{**NUMBERS, "settings": NUMBERS["settings"] + ", caching = '90'"},
                          epoch="{rows: 1234}")
        project.once()
        expect(name, project.rows(ALL), WHOLE)
        runs.append((project.rows("SELECT epoch, records FROM penstock.epochs ORDER BY 1"),
                     project.value("SELECT md5(string_agg(k, ',' ORDER BY rowid)) FROM t"),
                     project.rows("SELECT partition, ordinal, position FROM penstock.positions ORDER BY 2")))
    expect("the same epochs, in the same order", runs[0], runs[1])
    expect("one partition a region", len(runs[0][2]), 14)
    expect("full epochs", {row[1] for row in runs[0][0][:-1]} , {"1234"})
    expect_in("nothing new", "nothing new", one.once())
    range_ = Project(home, "range", "many", **{**NUMBERS, "settings": NUMBERS["settings"] +
                     ", scan.startrow = 'r001000', scan.stoprow = 'r004000\\x00', scan.timerange = ',1970-01-01 00:00:04'"})
    range_.once()
    expect("a range of keys and times", range_.rows("SELECT min(k), max(k), count(*) FROM t"),
           [["r001000", "r002999", "2000"]])
    keys = [row[0] for row in range_.rows("SELECT partition FROM penstock.positions ORDER BY ordinal")]
    expect("its partitions", keys, ["many[r001000]", "many[r001500]", "many[r003000]"])
    range_.write("many", **{**NUMBERS, "settings": NUMBERS["settings"] + ", scan.startrow = 'r000500'"})
    expect_in("other keys", "scan.startrow and scan.stoprow have changed", range_.refused())
    for mode in ("snapshot", "incremental"):
        only = Project(home, "keys_" + mode, "many", columns="k VARCHAR",
                       settings=f"mapping = 'k :key', scan.mode = '{mode}'")
        only.once()
        expect("keys alone, " + mode, only.rows("SELECT count(*), count(DISTINCT k) FROM t"), [[str(ROWS)] * 2])
    use("drop", "many")


def moving(home):
    """Regions change under a run that is in the middle of them."""
    project = Project(home, "moving", "t", **{**NUMBERS, "settings": NUMBERS["settings"] + ", caching = '10'"},
                      epoch="{rows: 100}")
    project.start("--once")
    project.wait_for("it has begun", "true", "SELECT count(*) > 500 FROM t")
    for command in (("split", "t", "r003500"), ("move", "t", "r007000"), ("merge", "t", "r011000", "r016000"),
                    ("move", "t", "r001000"), ("split", "t", "r007500")):
        # it stands still meanwhile: on a fast machine it would be over before the regions have changed
        project.process.send_signal(signal.SIGSTOP)
        use(*command)
        expect("the run was not over", project.process.poll(), None)
        project.process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    expect("the run: " + project.said()[-1000:], project.process.wait(100), 0)
    expect("splits, merges and moves", project.rows(ALL), WHOLE)
    expect("they change no partition", project.value("SELECT count(*) FROM penstock.positions"), "4")


# --- new cells -----------------------------------------------------------------------------------------------------

def passes(home):
    """From run to run: what is new, and no cell twice."""
    base = now_ms() - 60000
    put("p", ("a", "f:v", "1", base), ("b", "f:v", "1", base), ("b", "f:w", "x", base + 1), ("none", "g:v", "1", base))
    overlap = CELLS + ", scan.overlap = '1 min'"
    project = Project(home, "passes", "p", settings=overlap)
    project.once()
    select = "SELECT k, v, w, epoch_ms(seen) FROM t ORDER BY rowid"
    rows = [["a", "1", "", str(base)], ["b", "1", "x", str(base)]]
    expect("the first pass", project.rows(select), rows)
    put("p", ("a", "f:v", "2", 0), ("b", "f:w", "y", 0), ("c", "f:v", "late", now_ms() - 30000),
        ("d", "f:v", "too_late", now_ms() - 300000))
    project.once()
    got = [row[:3] for row in project.rows(select)[2:]]
    expect("new cells, and those alone", got, [["a", "2", ""], ["b", "", "y"], ["c", "late", ""]])
    expect_in("nothing new", "nothing new", project.once())
    put("p", ("c", "f:v", "later", now_ms() - 20000), ("c", "f:w", "w", now_ms() - 10000))
    project.once()
    expect("in the overlap", [row[:3] for row in project.rows(select)[5:]], [["c", "later", "w"]])
    expect("the newest time of a record", project.value(
        "SELECT epoch_ms(newest) - epoch_ms(seen) > 9000 FROM t WHERE w = 'w'"), "true")
    status, text = project.call("offsets", "reset", "s", "--to", "earliest", "--yes")
    expect("offsets reset: " + text, status, 0)
    project.once()
    expect("all of it again, as it is now", sorted(row[:3] for row in project.rows(select)[6:]),
           [["a", "2", ""], ["b", "1", "y"], ["c", "later", "w"], ["d", "too_late", ""]])
    expect_in("a place that HBase does not have", "time of their own",
              project.refused("offsets", "reset", "s", "--to", "timestamp:2026-01-01T00:00:00Z", "--yes", status=1))
    shot = Project(home, "snapshot", "p", settings=CELLS + ", scan.mode = 'snapshot'")
    shot.once()
    put("p", ("e", "f:v", "new", 0))
    expect_in("a snapshot has no news", "nothing new", shot.once())
    expect("a snapshot", shot.value("SELECT count(*) FROM t"), "4")
    shot.write("p")
    expect_in("it stays one", "was begun with scan.mode = 'snapshot'", shot.refused())
    grown = Project(home, "grown", "p", settings=CELLS + ", scan.overlap = '1 s'")
    grown.once()
    grown.write("p", settings=overlap)
    grown.once()
    expect("an overlap that grows gives nothing twice", grown.value("SELECT count(*) FROM t"), "5")


def versions(home):
    put("q", ("r", "f:v", "c", 3000), ("r", "f:w", "c", 3000))
    put("q", ("r", "f:v", "a", 1000))
    put("q", ("r", "f:v", "b", 2000), ("r2", "f:v", "a", 1000))
    for count, wanted in (("all", [["r", "a", "", "1000"], ["r", "b", "", "2000"], ["r", "c", "c", "3000"],
                                   ["r2", "a", "", "1000"]]),
                          ("2", [["r", "b", "", "2000"], ["r", "c", "c", "3000"], ["r2", "a", "", "1000"]])):
        project = Project(home, "versions_" + count, "q", settings=CELLS + f", scan.versions = '{count}'",
                          columns=COLUMNS, tail="INCLUDE key INCLUDE timestamp AS written INCLUDE offset")
        project.once()
        expect("versions " + count, project.rows("SELECT k, v, w, epoch_ms(newest) FROM t ORDER BY rowid"), wanted)
        expect("what is included", project.value("SELECT bool_and(decode(hbase_key) = k AND written = newest AND hbase_offset = rowid) FROM t"),
               "true")


def streams(home):
    """Two running streams, one with too short an overlap, and a writer whose cells are late now and then."""
    wide = Project(home, "wide", "w", settings=CELLS + ", scan.versions = 'all', scan.overlap = '5 s', "
                   "scan.interval = '50 ms'", epoch="{interval: 50 ms}")
    narrow = Project(home, "narrow", "w", settings=CELLS + ", scan.versions = 'all', scan.overlap = '0 s', "
                     "scan.interval = '50 ms'", epoch="{interval: 50 ms}")
    put("w", *((f"r{i:02d}", "f:v", f"first{i}", 0) for i in range(50)))
    for project in (wide, narrow):
        project.start()
        project.wait_for("what was there", 50)
    writer, number, until, lates = Writer("w"), 0, time.monotonic() + (30 if long_form else 4), set()
    while time.monotonic() < until:
        late = random.random() < 0.3
        rows = random.sample(range(60), 20)
        times = {row: now_ms() - random.randrange(3000) if late else 0 for row in rows}
        lates |= {(f"r{row:02d}", str(times[row])) for row in rows}
        writer.put(*((f"r{row:02d}", "f:v", f"v{number + i}", times[row]) for i, row in enumerate(rows)))
        number += len(rows)
        time.sleep(0.01)
    writer.close()
    cells = cells_of("w")
    wide.wait_for("every cell", len(cells))
    wide.stop()
    narrow.stop()
    given = wide.given()
    expect("each cell once", what_is_wrong(given, cells), None)
    expect("while it was written", int(wide.value("SELECT count(*) FROM penstock.epochs WHERE records > 0")) > 20, True)
    # a cell that was put over a late one, with its timestamp, is the same cell
    values = {(row, str(t)): value for (row, _, t), value in cells.items()}
    expect("values", [(k, t, v, values[k, t]) for k, v, t in wide.rows("SELECT k, v, epoch_ms(seen) FROM t")
                      if values.get((k, t)) != v and (k, t) not in lates], [])
    # canaries: what is lost or doubled would have been seen
    expect("without an overlap late cells are lost", ", 0 lost" not in (what_is_wrong(narrow.given(), cells) or ", 0 lost"), True)
    some = next(iter(given))
    expect("a doubled cell is seen", what_is_wrong(given + collections.Counter([some]), cells) is None, False)
    expect("a lost cell is seen", what_is_wrong(given - collections.Counter([some]), cells) is None, False)
    wide.once()
    expect("nothing more later", wide.given() == given, True)


def upsert(home):
    rows = [(f"r{i:03d}", "f:v", f"v{i}", 0) for i in range(200)] + [(f"r{i:03d}", "f:w", f"w{i}", 0) for i in range(200)]
    put("k", *rows)
    project = Project(home, "upsert", "k", columns="k VARCHAR, v VARCHAR, w VARCHAR, PRIMARY KEY (k)",
                      settings="family = 'f', mapping = 'v f:v text, w f:w text'", tail="FORMAT UPSERT")
    project.once()
    put("k", *((f"r{i:03d}", "f:v", f"new{i}", 0) for i in range(0, 220, 3)))
    use("delete", "k", "r001")
    use("delete", "k", "r003", "f", "w")
    project.once()
    newest = cells_of("k", 1, "f:v,f:w")
    wanted = sorted([row, *(next((v for (r, c, _), v in newest.items() if r == row and c == column), "")
                            for column in ("f:v", "f:w"))] for row in {r for r, _, _ in newest})
    wanted = sorted(wanted + [["r001", "v1", "w1"]])  # what is deleted is not seen
    expect("rows by their keys", set(map(tuple, project.rows("SELECT k, v, w FROM t"))) ^ set(map(tuple, wanted)), set())
    expect("one of each", project.rows("SELECT count(*), count(DISTINCT k) FROM t"), [[str(len(wanted))] * 2])
    expect("whole rows only where there was news", project.value("SELECT records FROM penstock.epochs WHERE epoch = 2"), "74")
    for settings, tail, words in ((", scan.versions = 'all'", "FORMAT UPSERT", "scan.versions gives older ones"),
                                  ("", "FORMAT DEBEZIUM", "not FORMAT DEBEZIUM")):
        project.write("k", "k VARCHAR, v VARCHAR, w VARCHAR, PRIMARY KEY (k)", "family = 'f'" + settings, tail)
        expect_in(words, words, project.refused("check"))
    project.write("k", "k VARCHAR, v VARCHAR, PRIMARY KEY (v)", "mapping = 'k :key, v f:v text'", "FORMAT UPSERT")
    expect_in("another key", "column v of the primary key is not of the row key", project.refused("check"))


# --- sinks, and what was lost meanwhile -------------------------------------------------------------------------------

SINKS = """CREATE SINK parquet WITH (connector = 'parquet', path = 'out/parquet') AS SELECT k, v, seen FROM STREAM t;
CREATE SINK lines WITH (connector = 'file', path = 'out/lines.ndjson') ENCODE JSON AS SELECT k, v, seen FROM STREAM t;
"""


def committed(project):
    """The last epoch of the Parquet sink."""
    try:
        with open(os.path.join(project.folder, "out", "parquet", "_manifest.json")) as file:
            return json.load(file)["epoch"]
    except FileNotFoundError:
        return 0


def sunk(project):
    """The rows that both sinks have, sorted."""
    with open(os.path.join(project.folder, "out", "parquet", "_manifest.json")) as file:
        files = [os.path.join(project.folder, "out", "parquet", f["path"]) for f in json.load(file)["files"]]
    listed = ", ".join(f"'{name}'" for name in files)
    order = "ORDER BY 1, 3, 2"
    parquet = project.rows(f"SELECT k, v, epoch_ms(seen) FROM read_parquet([{listed}], hive_partitioning = false) {order}")
    lines = project.rows("SELECT k, v, epoch_ms(seen::TIMESTAMP) FROM read_json("
                         f"'{project.folder}/out/lines.ndjson', columns = {{k: 'VARCHAR', v: 'VARCHAR', seen: 'VARCHAR'}}) "
                         + order)
    return parquet, lines, project.rows(f"SELECT k, v, epoch_ms(seen) FROM t {order}")


def killed(home):
    """kill -9 when a sink has just committed; then HBase forgets what was read: overwritten with the same timestamp."""
    project = Project(home, "killed", "x", settings=CELLS + ", scan.versions = 'all', caching = '100'", more=SINKS,
                      epoch="{rows: 400}")
    put("x", *((f"r{i:05d}", "f:v", "old", 1000 + i) for i in range(4000)))
    ahead = 0
    for round_ in range(20 if long_form else 5):
        before = committed(project)
        project.start("--once")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and project.process.poll() is None and committed(project) <= before + round_ % 2:
            pass
        time.sleep(0 if round_ % 2 == 0 else random.random() * 0.03)
        project.process.kill()
        project.process.wait()
        ahead += committed(project) > int(project.value("SELECT coalesce(max(epoch), 0) FROM penstock.epochs"))
        put("x", *((f"r{i:05d}", "f:v", f"over{round_}", 1000 + i) for i in range(4000)))
    put("x", *((f"r{i:05d}", "f:v", "last", 0) for i in range(0, 4000, 100)))
    project.once()
    parquet, lines, table = sunk(project)
    expect("a sink was ahead of the store after a kill", ahead > 0, True)
    expect("both sinks have the same", parquet == lines, True)
    expect("the store has it, too", parquet == table, True)
    cells = cells_of("x")
    expect("each cell once", what_is_wrong(collections.Counter((k, t) for k, _, t in parquet), cells), None)
    expect("a doubled row is seen", what_is_wrong(collections.Counter((k, t) for k, _, t in parquet + parquet[:1]),
                                                  cells) is None, False)
    expect("records of several ages", len({v for _, v, _ in parquet}) > 1, True)


# --- what goes wrong --------------------------------------------------------------------------------------------------

def bad_cells(home):
    put("b", *((f"r{i}", "f:v", str(i), 1000 + i) for i in range(10)), ("bad\\x01", "f:v", "x1", 2000))
    columns, wrong = "k BLOB, v BIGINT, seen TIMESTAMP", "mapping = 'k :key, v f:v text, seen f:v@timestamp'"
    project = Project(home, "bad", "b", columns=columns, settings=wrong)
    project.once()
    expect("the others", project.value("SELECT count(*) FROM t"), "10")
    letter = project.rows("SELECT reason, column_name, hex(record_key), position, epoch_ms(record_time), message"
                          " FROM penstock.dead_letters")
    expect("a dead letter", [row[:5] for row in letter], [["type", "v", "62616401", "0", "2000"]])
    expect_in("its row, column and what was expected", "f:v", letter[0][5])
    expect_in("shown cell by cell", "row 'bad\\x01' f:v@2000 = x1\n", project.refused("dlq", "show", "1", status=0))
    text = project.refused("dlq", "replay", status=0)
    expect("as bad as before", project.value("SELECT count(*) FROM penstock.dead_letters WHERE replayed_epoch IS NULL"),
           "1")
    project.write("b", columns, "mapping = 'k :key, v f:v short, seen f:v@timestamp'")
    text = project.refused("dlq", "replay", status=0)
    expect("replayed with another encoding: " + text, project.rows("SELECT k, v FROM t WHERE v > 10"),
           [["bad\\x01", str(ord("x") * 256 + ord("1"))]])


def bad_statements(home):
    project = Project(home, "wrong", "nobody")
    expect_in("no such table", "nobody", project.refused())
    expect("check touches nothing", project.call("check")[0], 0)
    project.write("t", settings="family = 'h'")
    expect_in("no such family", 'has no column family "h"', project.refused())
    for settings, words in ((CELLS + ", scan.startrow = 'b', scan.stoprow = 'a'", "there is no row between"),
                            (CELLS + ", scan.timerange = '5'", "scan.timerange = '5' cannot be understood"),
                            (CELLS + ", scan.timerange = '7,7'", "cannot be understood"),
                            (CELLS + ", scan.versions = 'few'", "scan.versions = 'few'"),
                            (CELLS + ", scan.mod = 'snapshot'", "scan.mode"),
                            (CELLS + ", masters = 'x:y:z'", "masters"),
                            ("mapping = 'k :kee'", "k")):
        project.write("t", settings=settings)
        expect_in(words, words, project.refused("check"))
    project.write("t", tail="INCLUDE partition AS p")
    expect_in("no such INCLUDE", "a key, an offset and a timestamp", project.refused("check"))
    project.write("t", tail="FORMAT PLAIN ENCODE JSON")
    expect_in("no ENCODE", "cannot read ENCODE json", project.refused("check"))
    kept, environment["PENSTOCK_HBASE_MASTERS"] = environment["PENSTOCK_HBASE_MASTERS"], f"127.0.0.1:{free_port()}"
    started = time.monotonic()
    project.write("t")
    expect_in("nobody there", "refused", project.refused())
    expect("and said at once", time.monotonic() - started < 10, True)
    environment["PENSTOCK_HBASE_MASTERS"] = kept
    done = Project(home, "filled", "t", **NUMBERS, more="")
    done.once()
    done.write("t", **NUMBERS, more="CREATE STREAMING TABLE t2 AS SELECT k FROM STREAM s;")
    expect_in("a table that comes later", "may have lost or overwritten it", done.refused("backfill", "t2", "--yes"))


def away(home, hbase):
    """The server stands still: the run waits for it, says so, and goes on."""
    put("y", ("a", "f:v", "1", 0))
    project = Project(home, "away", "y", settings=CELLS + ", scan.interval = '50 ms', call.timeout = '500 ms', "
                      "retry.timeout = '500 ms'", epoch="{interval: 50 ms}")
    project.start()
    project.wait_for("what was there", 1)
    hbase.process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while "HBase" not in project.said() and time.monotonic() < deadline:
        time.sleep(0.1)
    hbase.process.send_signal(signal.SIGCONT)
    expect_in("it is said", "HBase", project.said())
    put("y", ("a", "f:v", "2", 0))
    project.wait_for("what came after it", 2)
    project.stop()


def main():
    if not HBase.is_there():
        print("skipped: HBase is not there; tools/setup test fetches it")
        return 77
    names = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="penstock-hbase-source-") as folder, \
            HBase(os.path.join(folder, "hbase")) as hbase:
        environment["PENSTOCK_HBASE_MASTERS"] = hbase.masters
        use("create", "t", 1, "r005000", "r010000", "r015000")
        use("fill", "t", 0, ROWS, 20)
        for table in "pqwkxby":
            use("create", table, 1000, *(["r02", "r100"] if table in "wkx" else []))
        parts = [suite, whole, moving, passes, versions, streams, upsert, killed, bad_cells, bad_statements,
                 lambda home: away(home, hbase)]
        for part in parts:
            name = part.__name__ if part.__name__ != "<lambda>" else "away"
            if names and not any(wanted in name for wanted in names):
                continue
            started = time.monotonic()
            part(folder)
            print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)
        if failures:
            print(hbase.log()[-2000:])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
