# SPDX-License-Identifier: Apache-2.0
"""A table of a real HBase read and written, beside HBase's own Java client and its gateways REST and Thrift2.

One HBase on this machine (master and two region servers in one process), a table of 10 columns of doubles in 4 regions. Each
reader decodes every cell to a double and sums; all sums must be equal. penstock's reader is src/hbase from C
(bench/hbase_client.c), into columns: `side` all regions at once, as a source reads, the others one region after the other, as
Java's scanner does; `program` is the program with a source, and `train` with a model behind it. Wall and CPU seconds of
penstock are those of the whole process, its start included; of the Java clients those of the last of several passes in a
virtual machine that is warm by then; scans of penstock are as many, and the last one counts. CPU of the server is told apart.
The contestants take turns. The gateways read the first rows only: they are that slow.

    bench/hbase.py PENSTOCK WORK_FOLDER [--rows N] [--rounds N] [--only NAME,...]
    NAME: side scan java scan2 java2 program train rest thrift put java-put put2 java-put2

The table stays in the work folder for the next time. Needs hbase_client (ninja tests/hbase_client; PENSTOCK_HBASE_CLIENT)
and what `tools/setup bench` fetches.
"""
import argparse
import glob
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "servers"))
import hbase
from kafka import cache_folder, free_port

REGIONS, COLUMNS, PASSES = 4, 10, 3
TITLES = {
    "side": "penstock's client, 1 thread, regions at once", "scan": "penstock's client, 1 scan",
    "java": "Java client, caching 1000, 1 scan",
    "scan2": "penstock's client, 2 threads by region", "java2": "Java client, 2 threads by region",
    "program": "penstock run: source into a table", "train": "penstock run: source, table, model",
    "rest": "REST, protobuf, 10,000 cells a call", "thrift": "Thrift2, Java, 1,000 rows a call",
    "put": "penstock's client, puts", "java-put": "Java's BufferedMutator",
    "put2": "penstock's client, puts, 2 threads", "java-put2": "Java's BufferedMutator, 2 threads"}
PROJECT = """
CREATE SOURCE readings (%(columns)s) WITH (connector = 'hbase', masters = '%(masters)s', table = 't', family = 'f', scan.mode = 'snapshot');
CREATE STREAMING TABLE kept AS SELECT %(names)s FROM STREAM readings;
"""
MODEL = """CREATE MODEL level PREDICT q0 USING LinearRegression(regParam = 0.1) AS SELECT * FROM kept;
"""


class Gateway:
    """REST or Thrift2, a process of its own on the server's configuration."""

    def __init__(self, world, class_name, *arguments):
        # two jars of old servlets, without which REST starts
        jars = [jar for jar in glob.glob(os.path.join(world.home, "libs", "*.jar"))
                if not os.path.basename(jar).startswith(("servlet-api-2.5", "guice-servlet-3.0"))]
        self.port = free_port()
        classes = ":".join([os.path.join(world.server.folder, "conf"), *jars])
        command = ["java", "-Xmx1g", *world.jvm, *(part.replace("PORT", str(self.port)) for part in arguments[0]),
                   "-cp", classes, class_name, *(part.replace("PORT", str(self.port)) for part in arguments[1])]
        self.log = open(os.path.join(world.folder, class_name.rsplit(".", 1)[1] + ".log"), "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=world.folder)

    def __enter__(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise SystemExit(f"bench: a gateway does not start: see {self.log.name}") from None
                time.sleep(0.3)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(fields[index]) for index in (11, 12)) / os.sysconf("SC_CLK_TCK")


class World:
    def __init__(self, options):
        self.options, self.rows = options, options.rows
        self.folder = os.path.join(options.work, "hbase")
        self.home = os.path.join(cache_folder(), "hbase-peers-2.6.1")
        self.client = os.environ.get("PENSTOCK_HBASE_CLIENT") or os.path.join(os.path.dirname(options.penstock), "tests",
                                                                              "hbase_client")
        if not os.path.exists(self.client):
            raise SystemExit("bench: hbase_client is not built: build with -Dtests=true, or set PENSTOCK_HBASE_CLIENT")
        if not os.path.exists(os.path.join(self.home, ".complete")):
            raise SystemExit("bench: HBase's clients are not there: tools/setup bench fetches them")
        # the tests' server is made to start fast; load wants its compiler and memory
        self.jvm = [option for option in hbase.JVM if not option.startswith(("-Xmx", "-XX:TieredStopAtLevel"))]
        hbase.JVM = ["-Xmx2g", *(option for option in self.jvm if option != "-XX:+UseSerialGC")]
        self.classes = os.path.join(self.folder, "classes")
        os.makedirs(self.classes, exist_ok=True)
        self.server = None

    def __enter__(self):
        subprocess.run(["javac", "-nowarn", "-cp", os.path.join(self.home, "libs", "*"), "-d", self.classes,
                        os.path.join(HERE, "peers", "HBaseJob.java")], check=True)
        folder, mark = os.path.join(self.folder, "server"), os.path.join(self.folder, f"loaded-{self.rows}")
        # who is busy is not dead
        patience = {"zookeeper.session.timeout": "200000", "hbase.zookeeper.property.tickTime": "10000"}
        self.server = hbase.HBase(folder, patience, home=self.home)
        try:
            try:
                if not os.path.exists(mark):
                    raise RuntimeError("the table is not there")
                self.server.start()
            except RuntimeError:  # HBase does not sync its log on a local disk, and does not always come back
                self.server.stop()
                for old in [folder, *glob.glob(os.path.join(self.folder, "loaded-*"))]:
                    shutil.rmtree(old) if os.path.isdir(old) else os.remove(old)
                os.makedirs(folder)
                self.server.start()
            os.environ["PENSTOCK_HBASE_MASTERS"] = self.server.masters
            if not os.path.exists(mark):
                print(f"loading {self.rows:,} rows", flush=True)
                self.use("create", "t", self.rows, REGIONS)
                self.use("put", "t", 0, self.rows, 2, 1, 5000)
                self.use("flush", "t")
                open(mark, "w").close()
            for _ in range(3):  # so that the first contestant does not wait for the server's compiler
                self.use("scan", "t", 2, 0, 0)
            self.put(100_000, lambda table: self.use("put", table, 0, 100_000, 1, 0, 5000))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server is not None:
            self.server.stop()

    def use(self, *arguments):
        return measure.run([self.client, *map(str, arguments)])

    def java(self, *arguments):
        classes = os.path.join(self.classes) + ":" + os.path.join(self.home, "libs", "*")
        return measure.run(["java", "-Xmx1g", *self.jvm, "-cp", classes, "HBaseJob", *map(str, arguments)])

    def put(self, count, write):
        """A run of write(table), into a table that is there for it alone."""
        table = f"w{time.monotonic_ns()}"
        self.use("create", table, count, REGIONS)
        done = write(table)
        self.use("drop", table)
        return done

    def play(self, name):
        """One run: {wall, cpu, peak_mib, rows, sum, server}."""
        masters, puts = self.server.masters, self.options.put_rows
        threads = 2 if name.endswith("2") else 1
        before = cpu_of(self.server.process.pid)
        if name in ("side", "scan", "scan2"):
            for _ in range(PASSES):  # the last one counts, as of the Java clients: what was before has then settled
                before = cpu_of(self.server.process.pid)
                done = self.use("side", "t", 0, 0) if name == "side" else self.use("scan", "t", threads, 0, 0)
        elif name in ("java", "java2"):
            done = self.java(masters, "scan", "t", threads, 1000, PASSES)
        elif name in ("put", "put2"):
            done = self.put(puts, lambda table: self.use("put", table, 0, puts, threads, 0, 5000))
        elif name in ("java-put", "java-put2"):
            done = self.put(puts, lambda table: self.java(masters, "put", table, 0, puts, threads, 0, 2 << 20, 3))
        elif name == "rest":
            with Gateway(self, "org.apache.hadoop.hbase.rest.RESTServer", [],
                         ["-p", "PORT", "--infoport", "-1", "start"]) as rest:
                address = f"http://127.0.0.1:{rest.port}"
                self.use("rest", address, "t", self.options.rest_rows, 10000)  # warms it up
                done = self.use("rest", address, "t", self.options.rest_rows, 10000)
        elif name == "thrift":
            with Gateway(self, "org.apache.hadoop.hbase.thrift2.ThriftServer", [],
                         ["-p", "PORT", "-b", "127.0.0.1", "--infoport", "-1", "start"]) as thrift:
                done = self.java(f"127.0.0.1:{thrift.port}", "thrift", "t", self.options.thrift_rows, 1000, 2)
        else:
            return self.play_program(name, before)
        rows, _, total, wall, cpu = done.output.strip().splitlines()[-1].split()
        is_java = name.startswith(("java", "thrift"))
        return {"rows": int(rows), "sum": float(total), "wall": float(wall) if is_java else done.wall,
                "cpu": float(cpu) if is_java else done.cpu, "peak_mib": done.peak_mib,
                "server": None if is_java else cpu_of(self.server.process.pid) - before}

    def play_program(self, name, before):
        folder = os.path.join(self.folder, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        columns = [f"q{i}" for i in range(COLUMNS)]
        with open(os.path.join(folder, "penstock.yml"), "w") as file:
            file.write("name: bench\n")
        with open(os.path.join(folder, "bench.sql"), "w") as file:
            file.write(PROJECT % {
                "columns": ", ".join(f"{column} DOUBLE" for column in columns), "names": ", ".join(columns),
                "masters": self.server.masters})
            if name == "train":
                file.write(MODEL)
        done = measure.run([self.options.penstock, "run", "--once", "--quiet", "--project", folder])
        query = "SELECT count(*), sum(" + " + ".join(columns) + ") FROM kept"
        told = measure.run([self.options.penstock, "query", "--project", folder, "--format", "csv", query]).output
        rows, total = told.strip().splitlines()[-1].split(",")
        return {"rows": int(rows), "sum": float(total), "wall": done.wall, "cpu": done.cpu, "peak_mib": done.peak_mib,
                "server": cpu_of(self.server.process.pid) - before}


def expected_sum(rows):
    return COLUMNS * rows * (rows - 1) / 2 + rows * sum(range(COLUMNS)) / 4


def show(world, names, runs):
    print(f"\n{world.rows:,} rows x {COLUMNS} cells, {REGIONS} regions, {time.strftime('%Y-%m-%d %H:%M')}, load"
          f" {os.getloadavg()[0]:.1f} (median of {world.options.rounds} runs in turn)")
    print(f"{'':45s} {'rows':>9s} {'rows/s':>9s} {'CPU s/M':>8s} {'peak MiB':>8s} {'server':>7s}   penstock's side, scan,"
          " scan2, put beside it: rate, CPU")
    middle = {name: {field: statistics.median(run[field] for run in runs[name]) for field in ("rows", "wall", "cpu", "peak_mib")}
              for name in names}
    for name in names:
        one, server = middle[name], runs[name][0]["server"]
        rate, cpu = one["rows"] / one["wall"], one["cpu"] / one["rows"] * 1e6
        line = (f"{TITLES[name]:45s} {one['rows']:9,.0f} {rate:9,.0f} {cpu:8.2f} {one['peak_mib']:8.0f} "
                + (f"{'':>7s}" if server is None else f"{server / runs[name][0]['rows'] * 1e6:7.2f}"))
        pairs = {"java": ("side", "scan"), "java2": ("scan2",), "java-put": ("put",), "java-put2": ("put2",),
                 "program": ("side", "scan"), "train": ("side", "scan"), "rest": ("side",), "thrift": ("side",)}
        for ours in (middle[other] for other in pairs.get(name, ()) if other in middle):
            line += f"   {ours['rows'] / ours['wall'] / rate:6.2f}x {cpu / (ours['cpu'] / ours['rows'] * 1e6):6.2f}x"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("penstock")
    parser.add_argument("work")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--put-rows", type=int, default=200_000)
    parser.add_argument("--rest-rows", type=int, default=100_000)
    parser.add_argument("--thrift-rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(TITLES))
    options = parser.parse_args()
    options.rest_rows = min(options.rest_rows, options.rows)
    options.thrift_rows = min(options.thrift_rows, options.rows)
    names = options.only.split(",")
    unknown = [name for name in names if name not in TITLES]
    if unknown:
        raise SystemExit(f"bench: {', '.join(unknown)}: the names are {' '.join(TITLES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server must not be left behind
    with World(options) as world:
        runs = {name: [] for name in names}
        for number in range(options.rounds):
            for name in names:
                if number > 0 and name in ("rest", "thrift"):
                    continue  # once: the order of magnitude is not in doubt
                run = world.play(name)
                if run["sum"] != expected_sum(run["rows"]):
                    raise SystemExit(f"bench: {name} comes to {run['sum']} over {run['rows']} rows, not {expected_sum(run['rows'])}")
                runs[name].append(run)
                print(f"  {name:10s} round {number}: {run['wall']:7.2f} s, {run['rows'] / run['wall']:10,.0f} rows/s,"
                      f" {run['cpu'] / run['rows'] * 1e6:6.2f} CPU s per million", flush=True)
        show(world, names, runs)


main()
