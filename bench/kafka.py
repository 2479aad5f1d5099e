# SPDX-License-Identifier: Apache-2.0
"""A topic on a real broker into what users ask for, exactly once, beside Kafka Streams and Spark Structured Streaming.

One broker on this machine, 4 partitions, uncompressed records of 195 bytes with 12 fields. The job everywhere: parse JSON,
keep status = 200 and temperature > 0, count and sum per category (200 of them); `table`, `postgres`, `kafka` and `delta`
write the rows that are kept, one by one. Records per second are over the whole process, its start included; CPU seconds and
memory are those of the client's process tree, the broker's CPU seconds are told apart. The contestants take turns.
`latency` is at 1,000 records a second, from the time in the record to the commit that makes its row visible.

    bench/kafka.py PENSTOCK WORK_FOLDER [--records N] [--rounds N] [--only NAME,...] [--resume]
    NAME: raw view table postgres kafka delta streams streams2 spark latency latency10

The topic stays in the work folder for the next time, and so does every measured run (kafka/results.json): --resume
measures only what is not there yet. Needs kafka_tool (built with the tests; PENSTOCK_KAFKA_TOOL) and what `tools/setup
bench` fetches; what is not there is left out with a word.
"""
import argparse
import datetime
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "servers"))
import kafka
import postgres

CACHE = kafka.cache_folder()
HEAD = """
CREATE SOURCE events (id BIGINT, device VARCHAR, category VARCHAR, ts BIGINT, status INTEGER, load_ms DOUBLE, temperature DOUBLE)
WITH (connector = 'kafka', topic = '%(topic)s', properties.bootstrap.servers = '%(broker)s',
      scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON;
"""
# the four columns that the aggregate reads, as the peers' jobs read them
NARROW = HEAD.replace("id BIGINT, device VARCHAR, category VARCHAR, ts BIGINT,", "category VARCHAR,")
ROWS = "SELECT id, device, category, ts, load_ms, temperature FROM STREAM events WHERE status = 200 AND temperature > 0;"
VIEW = """CREATE MATERIALIZED VIEW totals AS SELECT category, count(*) AS events, sum(load_ms) AS load_ms FROM STREAM events
WHERE status = 200 AND temperature > 0 GROUP BY category;"""
STATEMENTS = {
    "view": VIEW,
    "table": "CREATE STREAMING TABLE kept AS " + ROWS,
    "postgres": "CREATE SINK out WITH (connector = 'postgres', connection = '%(database)s', table = '%(name)s',"
                " create_table = true) AS " + ROWS,
    "kafka": "CREATE SINK out WITH (connector = 'kafka', topic = '%(name)s', create_topic = true, partitions = 4,"
             " properties.bootstrap.servers = '%(broker)s') AS " + ROWS,
    "delta": "CREATE SINK out WITH (connector = 'delta', path = 'out') AS " + ROWS,
}
NAMES = ["raw", *STATEMENTS, "streams", "streams2", "spark", "latency", "latency10"]
TITLES = {"raw": "librdkafka, counting bytes (raw rate)", "view": "penstock, into a view",
          "table": "penstock, rows into a table", "postgres": "penstock, rows into PostgreSQL",
          "kafka": "penstock, rows into Kafka", "delta": "penstock, rows into Delta",
          "streams": "Kafka Streams 4.3.1, 1 thread", "streams2": "Kafka Streams 4.3.1, 2 threads",
          "spark": "Spark 4.3.0, local[2]"}


# --- what processes cost ----------------------------------------------------------------------------------------------


def cpu_of(pid):
    """User and system seconds of one process, with its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return sum(int(fields[index]) for index in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def tree_of(pid):
    """The process and all below it."""
    found, queue = [], [pid]
    while queue:
        pid = queue.pop()
        found.append(pid)
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            try:
                with open(path) as children:
                    queue += [int(child) for child in children.read().split()]
            except OSError:
                pass
    return found


class Tree:
    """CPU seconds and greatest resident memory of a process and all below it, looked at five times a second: for programs
    that start others and do not wait for them (PySpark's JVM)."""

    def __init__(self, pid):
        self.pid, self.cpu, self.peak_mib, self.is_over = pid, {}, 0.0, False
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def look(self):
        total = 0
        for pid in tree_of(self.pid):
            spent = cpu_of(pid)
            if spent is not None:
                self.cpu[pid] = max(spent, self.cpu.get(pid, 0.0))
            try:
                with open(f"/proc/{pid}/statm") as memory:
                    total += int(memory.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                pass
        self.peak_mib = max(self.peak_mib, total / (1 << 20))

    def _watch(self):
        while not self.is_over:
            self.look()
            time.sleep(0.2)


def run_tree(command):
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tree = Tree(process.pid)
    output = process.stdout.read().decode(errors="replace")
    # waited for without a trace of it being removed first: its CPU time is still there to be read
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    tree.is_over = True
    tree.look()
    tree.thread.join()
    if process.wait() != 0:
        raise SystemExit(f"bench: {' '.join(command)[:200]} ended with {process.returncode}:\n{output[-3000:]}")
    return measure.Run(time.monotonic() - start, sum(tree.cpu.values()), tree.peak_mib, output)


# --- the world -----------------------------------------------------------------------------------------------------------


class World:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.join(options.work, "kafka")
        self.count = options.records
        self.penstock = options.penstock
        self.topic = f"events-{self.count}"
        os.makedirs(self.folder, exist_ok=True)
        self.results_path = os.path.join(self.folder, "results.json")
        self.results = {}
        if options.resume and os.path.exists(self.results_path):
            with open(self.results_path) as file:
                self.results = json.load(file)
        tool = os.environ.get("PENSTOCK_KAFKA_TOOL") or os.path.join(os.path.dirname(self.penstock), "tests", "servers",
                                                                     "kafka_tool")
        if not os.path.exists(tool):
            raise SystemExit("bench: kafka_tool is not built: build with -Dtests=true, or set PENSTOCK_KAFKA_TOOL")
        # the tests' broker is made to start fast; load wants its compiler
        kafka.JVM = [option for option in kafka.JVM if "TieredStopAtLevel" not in option]
        self.broker = kafka.Kafka(os.path.join(self.folder, "broker"), heap_mb=1024, tool=tool)
        self.database = None

    def __enter__(self):
        try:
            self.broker.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.broker.stop()
        if self.database:
            self.database.stop()
        for pid in tree_of(os.getpid())[1:]:  # what was being measured when this was stopped
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def fill(self):
        """The topic, if it is not there as a whole."""
        have = None
        for _ in range(60):  # a broker that has just come up may not lead its partitions yet
            try:
                have = sum(high - low for low, high in self.broker.marks(self.topic).values())
                break
            except RuntimeError as error:
                if "nknown topic" in str(error):
                    break
                time.sleep(0.5)
        if have == self.count:
            return
        if have is not None:
            self.broker.delete_topic(self.topic)
            time.sleep(2)
        self.broker.create_topic(self.topic, 4, {"segment.bytes": "268435456"})
        self.broker.generate(self.topic, self.count, 4)

    def project(self, name, statement, manifest="name: bench\n"):
        folder = os.path.join(self.folder, "project-" + name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with open(os.path.join(folder, "penstock.yml"), "w") as out:
            out.write(manifest)
        with open(os.path.join(folder, "job.sql"), "w") as out:
            out.write(statement)
        return folder

    def save(self):
        with open(self.results_path + ".part", "w") as out:
            json.dump(self.results, out, indent=1)
        os.replace(self.results_path + ".part", self.results_path)

    # --- one run of one contestant: (Run, rows that came out or None) ---

    def raw(self, _name):
        return measure.run([self.broker.tool, self.broker.bootstrap, "rate", self.topic]), None

    def ours(self, name):
        target = f"{name}_{time.monotonic_ns()}"
        if name == "postgres" and self.database is None:
            self.database = postgres.Postgres(os.path.join(self.folder, "postgres"), settings={"shared_buffers": "256MB"})
            self.database.start()
        names = {"topic": self.topic, "broker": self.broker.bootstrap, "name": target,
                 "database": self.database.uri if self.database else ""}
        folder = self.project(name, ((NARROW if name == "view" else HEAD) + STATEMENTS[name]) % names,
                              manifest=f"name: bench-{time.time_ns()}\n")  # a sink knows its project
        done = measure.run([self.penstock, "run", "--once", "--quiet", "--project", folder])
        if name == "postgres":
            rows = int(self.database.query(f"SELECT count(*) FROM {target}")[0][0])
            self.database.query(f"DROP TABLE {target}")
        elif name == "kafka":
            # read_committed, so what no transaction has committed does not count
            rows = int(self.broker.run("consume", target, "--count").strip())
            self.broker.delete_topic(target)
        elif name == "delta":
            rows = self.ask(f"SELECT count(*) FROM '{folder}/out/*.parquet'")
        else:
            rows = self.ask("SELECT sum(events)::BIGINT FROM totals" if name == "view" else "SELECT count(*) FROM kept", folder)
        shutil.rmtree(folder)
        return done, rows

    def ask(self, query, folder=None):
        if folder is None:
            import duckdb
            return duckdb.execute(query).fetchall()[0][0]
        return int(measure.run([self.penstock, "query", "--project", folder, "--format", "csv", query]).output.split()[-1])

    def streams(self, name):
        classes = os.path.join(self.folder, "classes")
        libraries = os.path.join(CACHE, "streams-4.3.1", "libs", "*")
        if not os.path.exists(os.path.join(classes, "StreamsJob.class")):
            subprocess.run(["javac", "-cp", libraries, "-d", classes, os.path.join(HERE, "peers", "StreamsJob.java")], check=True)
        state = os.path.join(self.folder, "streams")
        shutil.rmtree(state, ignore_errors=True)
        out = f"streams-{time.monotonic_ns()}"
        self.broker.create_topic(out, 4)
        done = run_tree(["java", "-Xmx2g", "-cp", f"{classes}:{libraries}", "StreamsJob", self.broker.bootstrap, self.topic, out,
                         str(self.count), "2" if name == "streams2" else "1", state])
        self.broker.delete_topic(out)
        answer = json.loads(done.output.strip().splitlines()[-1])
        print(f"  (Kafka Streams itself: {answer['seconds']:.1f} s)")
        return done, answer["added"]

    def spark(self, _name):
        work = os.path.join(self.folder, "spark")
        shutil.rmtree(work, ignore_errors=True)
        done = run_tree([sys.executable, os.path.join(HERE, "peers", "spark_job.py"), os.path.join(CACHE, "spark-kafka-4.2.0", "libs"),
                         self.broker.bootstrap, self.topic, "1000000", work])
        answer = json.loads(next(line for line in reversed(done.output.splitlines()) if line.startswith("{")))
        print(f"  (Spark's query itself: {answer['seconds']:.1f} s)")
        last = self.ask("SELECT sum(events)::BIGINT FROM (SELECT arg_max(events, batch) AS events FROM"
                        f" read_parquet('{work}/out/*/*.parquet', hive_partitioning = true) GROUP BY category)")
        return done, last

    def missing(self, name):
        if name.startswith("streams"):
            if shutil.which("javac") is None or not os.path.isdir(os.path.join(CACHE, "streams-4.3.1", "libs")):
                return "Kafka Streams and javac are not there: run tools/setup bench"
        if name == "spark" and not os.path.isdir(os.path.join(CACHE, "spark-kafka-4.2.0", "libs")):
            return "Spark's Kafka connector is not there: run tools/setup bench"
        return None

    def measured(self, name, number):
        key = f"{self.count} {name} {number}"
        if key in self.results:
            return self.results[key]
        before = cpu_of(self.broker.process.pid)
        work = self.raw if name == "raw" else self.spark if name == "spark" else \
            self.streams if name.startswith("streams") else self.ours
        done, rows = work(name)
        self.results[key] = {"wall": done.wall, "cpu": done.cpu, "peak_mib": done.peak_mib, "rows": rows,
                             "broker_cpu": cpu_of(self.broker.process.pid) - before}
        self.save()
        result = self.results[key]
        print(f"  {name:10s} round {number}: {done.wall:7.2f} s, {self.count / done.wall:11,.0f} records/s,"
              f" {done.cpu / self.count * 1e6:6.2f} CPU s per million", flush=True)
        return result

    # --- throughput ---

    def throughput(self, names):
        self.fill()
        names = [name for name in names if not self.say_missing(name)]
        results = {name: [] for name in names}
        for number in range(self.options.rounds):
            for name in names:
                results[name].append(self.measured(name, number))
        kept = {result["rows"] for runs in results.values() for result in runs if result["rows"] is not None}
        if len(kept) > 1:
            raise SystemExit(f"bench: the contestants kept different numbers of rows: {kept}")
        print(f"\n{self.count:,} records, 4 partitions, {time.strftime('%Y-%m-%d')} (median of {self.options.rounds} runs in turn;"
              f" {kept.pop() if kept else 0:,} pass the filter)")
        print(f"{'':40s} {'records/s':>11s} {'CPU s/M':>8s} {'peak MiB':>9s} {'broker':>7s}   beside the view: rate, CPU; of raw")
        middle = {name: {field: statistics.median(run[field] for run in runs) for field in ("wall", "cpu", "peak_mib", "broker_cpu")}
                  for name, runs in results.items()}
        for name, one in middle.items():
            line = (f"{TITLES[name]:40s} {self.count / one['wall']:11,.0f} {one['cpu'] / self.count * 1e6:8.2f} {one['peak_mib']:9.0f}"
                    f" {one['broker_cpu'] / self.count * 1e6:7.2f}")
            if "view" in middle:
                line += f"   {middle['view']['wall'] and one['wall'] / middle['view']['wall']:6.2f}x {one['cpu'] / middle['view']['cpu']:6.2f}x"
            if "raw" in middle:
                line += f"  {middle['raw']['wall'] / one['wall']:5.2f}"
            print(line, flush=True)

    def say_missing(self, name):
        why = self.missing(name)
        if why:
            print(f"bench: {name} is left out: {why}")
        return why is not None

    # --- latency ---

    def latency(self, name):
        topic = f"{name}-{time.monotonic_ns()}"
        self.broker.create_topic(topic, 4)
        statement = (HEAD + "CREATE STREAMING TABLE kept AS SELECT id, category, ts, load_ms FROM STREAM events;" + VIEW) % {
            "topic": topic, "broker": self.broker.bootstrap}
        manifest = "name: bench\n" + ("epoch: 10 ms\n" if name == "latency10" else "")
        folder = self.project(name, statement, manifest)
        seconds = self.options.seconds
        process = subprocess.Popen([self.penstock, "run", "--quiet", "--project", folder], stdout=subprocess.DEVNULL)
        tree = Tree(process.pid)
        time.sleep(3)
        before = cpu_of(process.pid)
        self.broker.generate(topic, seconds * 1000, 4, "--rate", "1000", "--now")
        time.sleep(3)
        spent = cpu_of(process.pid) - before
        tree.is_over = True
        process.send_signal(signal.SIGTERM)
        if process.wait(60) != 0:
            raise SystemExit(f"bench: penstock ended with {process.returncode}")
        waits, epochs = self.waits(folder)
        if len(waits) != seconds * 1000:
            raise SystemExit(f"bench: {len(waits)} rows came out of {seconds * 1000} records")
        waits = sorted(waits[5000:])  # the first five seconds warm up
        print(f"latency at 1,000 records/s, {'epoch: 10 ms' if name == 'latency10' else 'default settings'}: p50"
              f" {waits[len(waits) // 2]:.0f} ms, p99 {waits[len(waits) * 99 // 100]:.0f} ms, longest {waits[-1]:.0f} ms"
              f" ({epochs} epochs, {spent / seconds * 100:.0f} % of a processor, peak {tree.peak_mib:.0f} MiB)", flush=True)
        self.broker.delete_topic(topic)
        shutil.rmtree(folder)

    def waits(self, folder):
        """Milliseconds from the time in each record to the commit of its row. Rows are in the table in the order of their
        epochs, and the log says when each epoch was committed."""
        committed = {}
        for path in glob.glob(os.path.join(folder, "store", "**", "*"), recursive=True):
            if os.path.isfile(path) and not path.endswith((".duckdb", ".wal", ".lock")):
                with open(path, errors="replace") as lines:
                    for line in lines:
                        if '"epoch committed"' in line:
                            event = json.loads(line)
                            event["at_ms"] = datetime.datetime.fromisoformat(event["time"]).timestamp() * 1000
                            committed[event["epoch"]] = event
        ask = lambda query: measure.run([self.penstock, "query", "--project", folder, "--format", "csv", query]).output.split()[1:]
        times = [int(text) for text in ask("SELECT ts FROM kept ORDER BY rowid")]
        at, waits = 0, []
        for epoch in sorted(committed):
            event = committed[epoch]
            for ts in times[at:at + event["rows"]]:
                waits.append(event["at_ms"] - ts)
            at += event["rows"]
        return waits, len(committed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("penstock")
    parser.add_argument("work")
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=65, help="of each latency run")
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SystemExit(f"bench: {', '.join(unknown)}: the names are {' '.join(NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the broker must not be left behind
    with World(options) as world:
        load = [name for name in NAMES if name in names and not name.startswith("latency")]
        if load:
            world.throughput(load)
        for name in ("latency", "latency10"):
            if name in names:
                world.latency(name)


main()
