#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does it stay as it was on the first day? Very many small epochs in one run: memory, files and the time of a commit are
written down every tenth of the way, and must not grow with the number of commits.

    tests/torture/soak.py PENSTOCK [COMMITS]     2,000 commits, or 1,000,000 when PENSTOCK_TORTURE is set
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PENSTOCK = os.path.abspath(sys.argv[1])
COMMITS = (int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else
           1000000 if os.environ.get("PENSTOCK_TORTURE") else 2000)
ROWS = 16  # of an epoch: a record has 64 bytes, an epoch at most 1 KiB
SQL = """
CREATE SOURCE readings (id BIGINT, place INTEGER, price DECIMAL(10,2))
WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE some AS SELECT id, place, price FROM STREAM readings WHERE id % 1000 = 0;
CREATE MATERIALIZED VIEW by_place AS SELECT place, count(*) AS n, sum(price) AS total FROM STREAM readings GROUP BY place;
"""


def make_project(folder):
    os.makedirs(os.path.join(folder, "data"))
    with open(os.path.join(folder, "penstock.yml"), "w") as out:
        out.write(f"name: soak\nepoch:\n  bytes: 1k\n")
    with open(os.path.join(folder, "soak.sql"), "w") as out:
        out.write(SQL)
    with open(os.path.join(folder, "data", "all.ndjson"), "w") as out:
        for i in range(COMMITS * ROWS):
            out.write(f'{{"id":{i:>14},"place":{i * 7919 % 1000:>7},"price":{i % 100:>14}.25}}\n')


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size_mb(path):
    try:
        return os.path.getsize(path) / 1e6
    except OSError:
        return 0.0


def folder_mb(path):
    return sum(size_mb(os.path.join(base, name)) for base, _, files in os.walk(path) for name in files)


class Watch:
    """Follows the log of the run: one line a commit."""

    def __init__(self, folder, process):
        self.store, self.process = os.path.join(folder, "store"), process
        self.rows, self.durations = [], []
        self.cpu_before = 0.0
        self.peak_wal = 0.0

    def log_file(self):
        while self.process.poll() is None:
            for base, _, files in os.walk(os.path.join(self.store, "applications")):
                if "penstock.log" in files and base.endswith("000001"):
                    return os.path.join(base, "penstock.log")
            time.sleep(0.02)
        raise RuntimeError(f"penstock ended with {self.process.returncode} before it began")

    def note(self, commits):
        cpu = cpu_seconds(self.process.pid)
        ordered = sorted(self.durations)
        self.rows.append({"commits": commits, "rss_mb": memory_mb(self.process.pid),
                          "store_mb": size_mb(os.path.join(self.store, "store.duckdb")), "wal_mb": self.peak_wal,
                          "logs_mb": folder_mb(os.path.join(self.store, "applications")),
                          "commit_ms": statistics.median(ordered), "commit_p99_ms": ordered[len(ordered) * 99 // 100],
                          "cpu_ms": (cpu - self.cpu_before) * 1000 / len(ordered)})
        self.cpu_before, self.durations, self.peak_wal = cpu, [], 0.0

    @staticmethod
    def has_rolled(path, log):
        try:
            return os.stat(path).st_ino != os.fstat(log.fileno()).st_ino
        except FileNotFoundError:  # between its two names: the next one is not there yet
            return False

    def lines(self):
        """Whole lines of the log, also of the one that follows when it has rolled."""
        path, rest = self.log_file(), ""
        log = open(path)
        try:
            while True:
                # both are asked first: what was written before the end, or before the log rolled, is there then
                has_ended = self.process.poll() is not None
                has_rolled = self.has_rolled(path, log)
                piece = log.readline()
                rest += piece
                if rest.endswith("\n"):
                    yield rest
                    rest = ""
                elif not piece and has_rolled:
                    log.close()
                    log = open(path)
                elif not piece and has_ended:
                    return
                elif not piece:
                    time.sleep(0.01)
        finally:
            log.close()

    def follow(self):
        commits, part = 0, max(1, COMMITS // 10)
        for line in self.lines():
            entry = json.loads(line)
            if entry.get("message") != "epoch committed":
                continue
            commits += 1
            if entry["dead_letters"]:
                raise RuntimeError(f"the input of this test is wrong: {entry}")
            self.durations.append(entry["duration_ms"])
            if commits % 100 == 0:
                self.peak_wal = max(self.peak_wal, size_mb(os.path.join(self.store, "store.duckdb.wal")))
            # the process must still be there to be asked for its memory, so not after its last commit
            if commits % part == 0 and self.process.poll() is None:
                self.note(commits)
                print(f"{commits} commits, {self.rows[-1]}", file=sys.stderr, flush=True)
            if commits == COMMITS:
                break
        return commits


def faults(rows):
    """Compared with the second tenth, because in the first the caches fill."""
    early, late = rows[1], rows[-1]
    found = []
    if late["rss_mb"] > early["rss_mb"] * 1.3 + 16:
        found.append(f"memory grew from {early['rss_mb']:.0f} to {late['rss_mb']:.0f} MB")
    # CPU, because the clock of a machine that does other things besides says little
    if late["cpu_ms"] > early["cpu_ms"] * 1.7 + 0.5:
        found.append(f"CPU of a commit grew from {early['cpu_ms']:.2f} to {late['cpu_ms']:.2f} ms")
    if late["wal_mb"] > 64:
        found.append(f"the log of DuckDB has {late['wal_mb']:.0f} MB")
    return found


def main():
    base = tempfile.mkdtemp(prefix="penstock-soak-")
    process = None
    try:
        make_project(base)
        started = time.monotonic()
        process = subprocess.Popen([PENSTOCK, "run", "--once", "--quiet", "--project", base], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        watch = Watch(base, process)
        commits = watch.follow()
        errors = process.communicate()[1]
        if process.returncode != 0 or commits < COMMITS:
            print(f"penstock ended with {process.returncode} after {commits} of {COMMITS} commits: {errors[-2000:]}")
            return 1
        print(f"{commits} commits of {ROWS} rows in {time.monotonic() - started:.0f} s")
        names = list(watch.rows[0])
        print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
        for row in watch.rows:
            print("| " + " | ".join(f"{row[name]:.0f}" if name == "commits" else f"{row[name]:.2f}" for name in names) + " |")
        found = faults(watch.rows)
        # canary: the same numbers with memory and CPU that grow must be complained of
        grown = [dict(row, rss_mb=row["rss_mb"] * (1 + i / 5) + 5 * i, cpu_ms=row["cpu_ms"] * (1 + i / 4) + i / 5)
                 for i, row in enumerate(watch.rows)]
        if len(faults(grown)) < 2:
            found.append("the canary was not seen: this test proves nothing")
        print("\n".join(found))
        return 1 if found else 0
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
