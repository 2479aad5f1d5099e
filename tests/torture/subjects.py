# SPDX-License-Identifier: Apache-2.0
"""What is tortured: penstock with every outside sink it has, and the three wrong modes. A subject can be started, killed,
brought to the end of its input, and told what its sinks hold, as files for checker.py."""
import csv
import os
import resource
import shutil
import signal
import subprocess
import time

SOURCE = """
CREATE SOURCE events (id BIGINT, device VARCHAR, category VARCHAR, status INTEGER, load_ms DECIMAL(12,3), temperature DOUBLE)
WITH (connector = 'kafka', topic = 'events', properties.bootstrap.servers = '${{BROKER}}', scan.startup.mode = 'earliest')
FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE kept AS SELECT id, category, load_ms FROM STREAM events;
CREATE MATERIALIZED VIEW by_category AS SELECT category, count(*) AS n, sum(load_ms) AS total FROM STREAM kept GROUP BY category;
"""
SINKS = {
    "kafka": "connector = 'kafka', topic = 'out', properties.bootstrap.servers = '${BROKER}'",
    "postgres": "connector = 'postgres', connection = '${DATABASE}', table = 'kept'",
    "delta": "connector = 'delta', path = 'out/delta'",
    "parquet": "connector = 'parquet', path = 'out/parquet'",
    "file": "connector = 'file', path = 'out/rows.ndjson'",
    # its server takes half a minute to start and a GB: only when it is asked for
    "hbase": "connector = 'hbase', masters = '${HBASE}', table = 'kept', ledger.create = true, mapping = 'id :key text,"
             " id :timestamp, category f:category text, load_ms f:load_ms text'",
}
FINISH_SECONDS_MAX = 1800


class Subject:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.process = None
        self.log_path = os.path.join(folder, "output.log")
        os.makedirs(folder, exist_ok=True)

    def command(self):
        raise NotImplementedError

    def start(self, file_size_max=None):
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_max, file_size_max))
        with open(self.log_path, "ab") as log:
            # SIGXFSZ stays ignored, as Python has it: a write beyond the limit fails instead of ending the process
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            restore_signals=file_size_max is None,
                                            preexec_fn=limit if file_size_max else None)
        return self.process

    def kill(self):
        """kill -9. True if it was still there to be killed."""
        was_alive = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        return was_alive

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def log_of_this_life(self):
        with open(self.log_path, "rb") as file:
            file.seek(self.log_start)
            return file.read().decode(errors="replace")


class WrongMode(Subject):
    """Until what it committed at the broker is the end of the topic; in between its interval has passed."""

    def __init__(self, mode, program, folder, broker, address):
        super().__init__(mode, folder)
        self.program, self.broker, self.address = program, broker, address
        self.output = os.path.join(folder, "ids")

    def command(self):
        return [self.program, self.address, "events", self.name, self.output]

    def finish(self):
        self.start()
        ends = {partition: high for partition, (_, high) in self.broker.marks("events").items()}
        deadline = time.monotonic() + FINISH_SECONDS_MAX
        while self.broker.offsets(self.name, "events") != ends:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not come to the end: {self.log()[-1000:]}")
            time.sleep(0.3)
        time.sleep(0.5)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def sinks(self):
        return {self.name: {"kind": "ids", "path": self.output}}


def sinks_of_this_build(program):
    done = subprocess.run([program, "connectors", "--format", "csv"], capture_output=True, text=True, check=True)
    return [sink for sink in SINKS if f"\nsink,{sink}," in done.stdout and sink != "hbase"]


class Penstock(Subject):
    def __init__(self, program, folder, sinks, broker, address, postgres, hbase=None):
        super().__init__("penstock", folder)
        self.program, self.sink_names, self.broker, self.postgres, self.hbase = program, sinks, broker, postgres, hbase
        self.store = "store"
        self.takeovers = 0
        self.attempt_before = None  # of the life before, noted when this one is to be replaced
        self.settings = ["--set", "BROKER=" + address, "--set", "DATABASE=" + postgres.uri]
        if hbase is not None:
            self.settings += ["--set", "HBASE=" + hbase.masters]
        with open(os.path.join(folder, "penstock.yml"), "w") as out:
            out.write("name: torture\nsql: ['*.sql']\n")
        with open(os.path.join(folder, "torture.sql"), "w") as out:
            out.write(SOURCE.replace("{{", "{").replace("}}", "}"))
            for sink in sinks:
                out.write(f"CREATE SINK to_{sink} WITH ({SINKS[sink]}) AS SELECT id, category, load_ms FROM STREAM kept;\n")

    def run(self, *arguments):
        return [self.program, *arguments, "--project", self.folder, "--conf", "store=" + self.store, *self.settings]

    def command(self):
        return self.run("run", "--quiet")

    def largest_file(self):
        largest = 0
        for base, _, files in os.walk(self.folder):
            for name in files:
                try:
                    largest = max(largest, os.path.getsize(os.path.join(base, name)))
                except OSError:
                    pass  # removed meanwhile
        return largest

    def has_committed(self, seconds):
        """Waits until the process that runs now has committed an epoch."""
        marks = lambda: sum(text.count('"epoch committed"') for text in self._own_logs())
        before, deadline = marks(), time.monotonic() + seconds
        while marks() == before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _own_logs(self):
        for base, _, files in os.walk(os.path.join(self.folder, self.store, "applications")):
            if "penstock.log" in files:
                with open(os.path.join(base, "penstock.log"), errors="replace") as file:
                    yield file.read()

    def attempt(self, store):
        """The number of the run that claimed the store last; nobody may hold it now."""
        done = subprocess.run([self.program, "query", "--project", self.folder, "--conf", "store=" + store, *self.settings,
                               "--format", "csv", "SELECT value FROM penstock.meta WHERE key = 'attempt'"],
                              capture_output=True, text=True)
        return int(done.stdout.split()[-1]) if done.returncode == 0 else None

    def take_over(self):
        """The process is frozen; its store as it is now is taken over by another process, as when a machine that hangs is
        replaced by one that has its disk. The frozen one keeps its own files. Returns the frozen process, or None if it had
        not claimed its store yet: woken later it would be the newer one of both."""
        frozen = self.process
        frozen.send_signal(signal.SIGSTOP)
        self.takeovers += 1
        before, after = self.store, f"store-{self.takeovers}"
        shutil.copytree(os.path.join(self.folder, before), os.path.join(self.folder, after),
                        ignore=shutil.ignore_patterns("penstock.sock", "applications"))
        if self.attempt(after) in (None, self.attempt_before):
            shutil.rmtree(os.path.join(self.folder, after))
            return None, None
        self.store = after
        self.start()
        return frozen, os.path.join(self.folder, before)

    def finish(self):
        done = subprocess.run(self.run("run", "--once"), capture_output=True, text=True, timeout=FINISH_SECONDS_MAX)
        if done.returncode != 0:
            raise RuntimeError(f"penstock run --once ended with {done.returncode}: {done.stderr[-3000:]}")

    def _query(self, sql, path):
        with open(path, "w") as out:
            done = subprocess.run(self.run("query", "--format", "csv", sql), stdout=out, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"penstock query: {done.stderr}")

    def sinks(self):
        at = lambda name: os.path.join(self.folder, "dump-" + name)
        out = lambda name: os.path.join(self.folder, "out", name)
        self._query("SELECT id, category, load_ms FROM kept", at("store.csv"))
        self._query("SELECT category, n, total FROM by_category", at("view.csv"))
        found = {"store": {"kind": "csv", "path": at("store.csv")}, "view": {"kind": "groups", "path": at("view.csv")}}
        if "kafka" in self.sink_names:
            with open(at("kafka.ndjson"), "w") as file:
                file.write(self.broker.run("consume", "out"))
            found["kafka"] = {"kind": "kafka", "path": at("kafka.ndjson")}
        if "postgres" in self.sink_names:
            with open(at("postgres.csv"), "w") as file:
                subprocess.run(["psql", "-X", "-q", "--csv", "-c", "SELECT id, category, load_ms FROM kept",
                                self.postgres.dsn], stdout=file, check=True)
            found["postgres"] = {"kind": "csv", "path": at("postgres.csv")}
        if "delta" in self.sink_names:
            found["delta"] = {"kind": "delta", "path": out("delta")}
        if "parquet" in self.sink_names:
            found["parquet"] = {"kind": "parquet", "files": self.parquet_files(out("parquet"))}
        if "file" in self.sink_names:
            found["file"] = {"kind": "ndjson", "path": out("rows.ndjson")}
        if "hbase" in self.sink_names:
            self.dump_hbase(at("hbase.csv"))
            found["hbase"] = {"kind": "csv", "path": at("hbase.csv")}
        return found

    def dump_hbase(self, path):
        """Every row as often as one of its cells has versions; one with another timestamp than its record's is changed."""
        scan = subprocess.Popen([self.program, "hbase", "scan", "kept", "--masters", self.hbase.masters, "--versions", "10",
                                 "--limit", "1000000000", "--format", "csv"], stdout=subprocess.PIPE, text=True)
        with open(path, "w") as file:
            out = csv.writer(file)
            out.writerow(["id", "category", "load_ms"])
            now, cells = None, {}

            def end_row():
                for _ in range(max(map(len, cells.values()), default=0)):
                    values = {column: all_of[0][1] for column, all_of in cells.items()}
                    is_right = all(timestamp == now for all_of in cells.values() for timestamp, _ in all_of)
                    out.writerow([now, values.get("f:category") if is_right else "another timestamp", values.get("f:load_ms")])
            lines = csv.reader(scan.stdout)
            next(lines)
            for row, column, timestamp, value in lines:
                if row != now:
                    end_row()
                    now, cells = row, {}
                cells.setdefault(column, []).append((timestamp, value))
            end_row()
        if scan.wait() != 0:
            raise RuntimeError("penstock hbase scan failed")

    @staticmethod
    def parquet_files(folder):
        """What a reader that knows nothing of manifests finds: every file by its name."""
        return [os.path.join(base, name) for base, _, files in os.walk(folder) for name in sorted(files)
                if name.endswith(".parquet") and not name.startswith((".", "_"))]
