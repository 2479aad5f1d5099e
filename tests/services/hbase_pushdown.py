#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What HBase leaves out for a source, against a real HBase: for random conditions the rows are the same with and without
pushdown, and fewer of them cross the wire; scan.filter reads exactly what it says; a filter with a wrong bound is caught.

    tests/services/hbase_pushdown.py PENSTOCK
"""
import csv
import io
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from hbase import HBase

penstock = os.path.abspath(sys.argv[1])
tool = os.environ.get("PENSTOCK_HBASE_TOOL") or os.path.join(os.path.dirname(penstock), "tests", "servers", "hbase_tool")
long_form = bool(os.environ.get("PENSTOCK_TORTURE"))
failures = []
environment = dict(os.environ)
SEED = int(os.environ.get("PENSTOCK_SEED", "20261123"))
ROWS = 300
AT_ONCE = 15  # sources of one project: each has connections of its own
COLUMNS = "i INTEGER, l BIGINT, d DOUBLE, f FLOAT, w VARCHAR, b BOOLEAN, t TIMESTAMP, j INTEGER, never VARCHAR"
CELLS = "i f:i, l f:l, d f:d, f f:f, w f:w, b f:b, t f:t, j g:j json, never g:never"
# name: columns of the key, settings
TABLES = {
    "whole": ("k VARCHAR, ", f"mapping = '{CELLS}, k :key'"),
    "parts": ("p VARCHAR, q INTEGER, ", f"mapping = '{CELLS}', rowkey = 'p \"|\" q:4'"),
}


def expect(what, got, wanted):
    if got != wanted:
        got, wanted = (text if len(text) < 1500 else text[:1500] + "..." for text in (repr(got), repr(wanted)))
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got}\n  wanted {wanted}", flush=True)


def use(*arguments, given=None):
    done = subprocess.run([tool, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=240,
                          env=environment)
    expect(f"{arguments}: {done.stderr}", done.returncode, 0)
    return done.stdout


def spell(data):
    return "".join(f"\\x{byte:02X}" for byte in data)


# --- rows, and conditions on them ---------------------------------------------------------------------------------------

POOLS = {
    "i": (">i", [-2 ** 31, -300, -1, 0, 1, 2, 3, 256, 2 ** 31 - 1], ["-300", "-1", "0", "2", "2.5", "256", "5000000000"]),
    "l": (">q", [-2 ** 40, -1, 0, 1, 2 ** 40], ["-1", "0", "0.5", "1099511627776"]),
    "d": (">d", [-1e300, -3.5, -0.0, 0.0, 0.1, 3.5, float("nan"), float("inf"), float("-inf")],
          ["-3.5", "0", "0.1", "1", "3.5"]),
    "f": (">f", [-0.1, -0.0, 0.0, 0.1, 0.5, float("nan")], ["-0.1", "0", "0.1", "0.5", "1"]),
    "w": (None, ["a", "ab", "abc", "a~", "b", "\u00e9"], ["'a'", "'ab'", "'b'", "'\u00e9'", "''", "'zz'"]),
    "b": (">b", [0, -1], ["true", "false"]),
    "t": (">q", [-1, 0, 1, 1709208000000, 1709251200000],
          ["'1970-01-01'", "'1970-01-01 00:00:00.0005'", "'2024-02-29 12:00:00'", "DATE '2024-03-01'"]),
    "j": (None, ["1", "2", "null"], ["1", "2"]),
}
KEYS = {"k": ["'r0100'", "'r0200'", "'r02'", "'a'", "'r0299'"], "p": ["'a'", "'ab'", "'b'", "'a~'", "'c'"],
        "q": ["-1", "0", "1", "7", "2.5"]}


def encode(form, value):
    return value.encode() if form is None else struct.pack(form, value)


def put(table, lines):
    """Cells, as the tool takes them: a piece at a time."""
    use("puts", table, given="".join("".join(lines[n:n + 500]) + ".\n" for n in range(0, len(lines), 500)))


def fill(table):
    keys = [f"r{n:04d}".encode() for n in range(ROWS)] if table == "whole" else \
        [f"{p}|".encode() + struct.pack(">i", q) for p in ("a", "ab", "a~", "b", "c") for q in range(-20, 40)]
    lines = []
    for key in keys:
        for name, (form, values, _) in POOLS.items():
            if random.random() < 0.8:
                family = "g" if name == "j" else "f"
                lines.append(f"{spell(key)} {family}:{name} {spell(encode(form, random.choice(values)))} 0\n")
        if random.random() < 0.3:
            lines.append(f"{spell(key)} g:never {spell(b'x' * 20)} 0\n")
    put(table, lines)


def leaf(table):
    keys = ["k"] if table == "whole" else ["p", "q"]
    name = random.choice(keys) if random.random() < 0.35 else random.choice(list(POOLS))
    constants = KEYS[name] if name in KEYS else POOLS[name][2]
    one, other = random.choice(constants), random.choice(constants)
    kind = random.randrange(10)
    if kind == 0:
        return f"{name} IS {random.choice(['', 'NOT '])}NULL"
    if kind == 1:
        return f"{name} {random.choice(['', 'NOT '])}IN ({one}, {other})"
    if kind == 2:
        return f"{name} BETWEEN {one} AND {other}"
    if kind == 3 and name in "kpw":
        return f"{name} LIKE '{random.choice(['a%', 'r01%', 'ab%', 'a_%'])}'"
    if kind == 4 and name in "kpw":
        return f"upper({name}) >= 'A'"
    return f"{name} {random.choice(['<', '<=', '=', '<>', '>=', '>'])} {one}"


def condition(table):
    parts = []
    for _ in range(random.randint(1, 3)):
        inner = " OR ".join(leaf(table) for _ in range(random.choice([1, 1, 1, 2])))
        parts.append(f"NOT ({inner})" if random.random() < 0.15 else f"({inner})")
    return (" AND " if random.random() < 0.75 else " OR ").join(parts)


# --- projects -------------------------------------------------------------------------------------------------------------

class Project:
    def __init__(self, home, name, sql):
        self.folder = os.path.join(home, name)
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "penstock.yml"), "w") as out:
            out.write(f"name: {name}\n")
        self.write(sql)

    def write(self, sql):
        with open(os.path.join(self.folder, "s.sql"), "w") as out:
            out.write(sql)

    def call(self, *arguments):
        done = subprocess.run([penstock, *arguments, "--project", self.folder], capture_output=True, text=True, timeout=120,
                              env=environment)
        return done.returncode, done.stdout + done.stderr

    def once(self):
        status, text = self.call("run", "--once")
        expect(f"{self.folder}: {text[-1500:]}", status, 0)
        return self

    def rows(self, sql):
        done = subprocess.run([penstock, "query", "--format", "csv", "--project", self.folder, sql], capture_output=True,
                              text=True, env=environment)
        return list(csv.reader(io.StringIO(done.stdout)))[1:] if done.returncode == 0 else done.stderr

    def fingerprints(self, tables):
        """{table: (rows, a number of all of them)}"""
        parts = [f"SELECT '{table}', count(*), bit_xor(hash(x)) FROM {table} AS x" for table in tables]
        return {row[0]: tuple(row[1:]) for row in self.rows(" UNION ALL ".join(parts))}

    def given(self):
        """{source: records that came over the wire}"""
        return {row[0]: int(row[1]) for row in self.rows("SELECT source, sum(position) FROM penstock.positions GROUP BY 1")}


def source(name, table, more=""):
    keys, settings = TABLES[table]
    return (f"CREATE SOURCE {name} ({keys}{COLUMNS}) WITH (connector = 'hbase', table = '{table}', {settings}, masters = "
            f"'{environment['PENSTOCK_HBASE_MASTERS']}'{more});\n")


def table(name, read, where):
    columns = random_columns[name]
    return f"CREATE STREAMING TABLE {name} AS SELECT {columns} FROM STREAM {read} WHERE {where};\n"


random_columns = {}


def compare(home, base, conditions):
    """Returns how many records came with pushdown, and without."""
    names = [f"t{n}" for n in range(len(conditions))]
    for name in names:
        random_columns[name] = random.choice(["*", "i, d", "w", "t, j", "d, b, l"])
    plain = Project(home, f"{base}_plain", source("s", base, ", scan.pushdown = 'false'") +
                    "".join(table(name, "s", where) for name, where in zip(names, conditions))).once()
    wanted, everything = plain.fingerprints(names), plain.given()["s"]
    expect(f"all rows of {base}", everything, ROWS)
    sent = 0
    for start in range(0, len(names), AT_ONCE):
        some = list(range(start, min(start + AT_ONCE, len(names))))
        pushed = Project(home, f"{base}_{start}", "".join(
            source(f"s{n}", base, random.choice(["", ", scan.mode = 'snapshot'"])) + table(names[n], f"s{n}", conditions[n])
            for n in some)).once()
        got, given = pushed.fingerprints([names[n] for n in some]), pushed.given()
        for n in some:
            expect(f"{base}: {conditions[n]} (seed {SEED})", got[names[n]], wanted[names[n]])
            expect(f"{base}: fewer are sent than there are, and at least those that count: {conditions[n]}",
                   int(wanted[names[n]][0]) <= given.get(f"s{n}", 0) <= everything, True)
            sent += given.get(f"s{n}", 0)
    return sent, everything * len(names), wanted


def exact(home):
    """What is fetched for conditions that HBase can look at as a whole: the rows that count, and no other."""
    conditions = ["k = 'r0100'", "k >= 'r0100' AND k < 'r0120'", "k IN ('r0001', 'r0299', 'none')", "i = 3 AND d > 0",
                  "d >= 0", "t < '1970-01-01'", "w LIKE 'a%' OR b", "k < 'r0010' AND i <> 3", "i IS NULL AND l IS NOT NULL",
                  "k > 'zz'", "k = 'r0100' OR i = 256", "f <> 0"]
    names = [f"t{n}" for n in range(len(conditions))]
    random_columns.update({name: "*" for name in names})
    project = Project(home, "exact", "".join(source(f"s{n}", "whole") + table(name, f"s{n}", conditions[n])
                                             for n, name in enumerate(names))).once()
    given, counts = project.given(), project.fingerprints(names)
    for n, name in enumerate(names):
        expect(f"records for {conditions[n]}", given.get(f"s{n}", 0), int(counts[name][0]))
    filtered = Project(home, "filtered", "".join(
        source(f"s{n}", "whole", f", scan.mode = 'snapshot', scan.filter = '{text}'".replace("'" + text + "'", "'" + text.replace("'", "''") + "'")) +
        f"CREATE STREAMING TABLE t{n} AS SELECT * FROM STREAM s{n};\n" for n, text in enumerate(conditions))).once()
    expect("the same by scan.filter", filtered.fingerprints(names), counts)
    # canary: a filter whose bound is off by one is caught by the comparison
    random_columns["t0"] = "*"
    wrong = {}
    for name, bound in (("right", ">="), ("wrong", ">")):
        wrong[name] = Project(home, name, source("s0", "whole", f", scan.mode = 'snapshot', scan.filter = 'i {bound} 3'") +
                              table("t0", "s0", "i >= 3")).once().fingerprints(["t0"])
    expect("a wrong bound is seen", wrong["right"] == wrong["wrong"], False)


def later(home):
    """In later passes: what is new, whatever was left out before."""
    conditions = ["k < 'r0100' AND i = 7", "i > 5 OR w = 'new'", "k LIKE 'r00%' AND i IS NULL", "w IS NULL AND i = 7"]
    names = [f"t{n}" for n in range(len(conditions))]
    random_columns.update({name: "k, i, w" for name in names})
    both = [Project(home, f"later_{mode}", "".join(
        source(f"s{n}", "whole", f", scan.overlap = '0 s', scan.pushdown = '{mode}'") + table(name, f"s{n}", conditions[n])
        for n, name in enumerate(names))).once() for mode in ("true", "false")]
    lines = [f"r{n:04d} f:i {spell(struct.pack('>i', 7))} 0\n" for n in range(0, ROWS, 10)]
    lines += [f"r{n:04d} f:w {spell(b'new')} 0\n" for n in range(5, ROWS, 10)] + ["r0003 f:d " + spell(b"short") + " 0\n"]
    put("whole", lines)
    first = both[0].fingerprints(names)
    for project in both:
        project.once()
    expect("after a later pass", both[0].fingerprints(names), both[1].fingerprints(names))
    expect("there was news", both[0].fingerprints(names) == first, False)


def main():
    if not HBase.is_there():
        print("skipped: HBase is not there; tools/setup test fetches it")
        return 77
    random.seed(SEED)
    count = 400 if long_form else 30
    with tempfile.TemporaryDirectory(prefix="penstock-hbase-pushdown-") as folder, \
            HBase(os.path.join(folder, "hbase")) as hbase:
        environment["PENSTOCK_HBASE_MASTERS"] = hbase.masters
        use("create", "whole", 3, "r0100", "r0200")
        use("create", "parts", 3, "ab", "b|")
        for base in TABLES:
            fill(base)
            conditions = [condition(base) for _ in range(count)]
            sent, everything, wanted = compare(folder, base, conditions)
            print(f"{base}: {len(conditions)} conditions, {sent} of {everything} records sent", flush=True)
            expect(f"{base}: it is of use", sent < everything * 0.8, True)
            expect(f"{base}: conditions that mean something",
                   len({rows for rows, _ in wanted.values()}) > count // 4, True)
        exact(folder)
        later(folder)
        if failures:
            print(hbase.log()[-2000:])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
