#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs beside a running stream, against the built program: a file source grows while `penstock run` goes on.

  the stream goes on      epochs are committed while a training is under way
  a snapshot              the rows of each version are those that its recorded positions say
  kill -9                 in the middle of trainings: no half version; the next start makes up for exactly one training
  SIGTERM                 ends a training at once, which leaves nothing
  a failed training       does not end the stream

    tests/e2e/jobs.py PENSTOCK [KILLS] [SEED]
"""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

PENSTOCK = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
WAIT_SECONDS = 120
EVERY_ROWS = 1000
# Each row is many rows of the model, so that a training takes long enough to be met.
TIMES = 1500

SQL = f"""
CREATE SOURCE s (id BIGINT, x DOUBLE, z DOUBLE, y DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson')
FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL m TRANSFORM (StandardScaler(x, z)) PREDICT y USING LinearRegression(regParam = GRID(0, 0.1))
  VALIDATE CrossValidator(numFolds = 3, seed = 1)
AS SELECT x + i * 1e-9 AS x, z, y FROM t, range({TIMES}) AS r(i);
CREATE JOB retrain FOR MODEL m EVERY '@yearly' OR AFTER {EVERY_ROWS} ROWS WITH (cores = 1);
"""


def fail(text):
    sys.exit(f"jobs.py: {text}")


class Project:
    def __init__(self, folder):
        self.folder, self.child, self.rows, self.files, self.starts = folder, None, 0, 0, 0
        self.dice = random.Random(SEED)
        self.sizes = {}  # file -> bytes up to the end of each row
        os.makedirs(os.path.join(folder, "data"))
        self.write("penstock.yml", "name: jobs\nsql: [all.sql]\n")
        self.write("all.sql", SQL)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def add(self, count, label=True):
        lines, ends, size = [], [], 0
        for _ in range(count):
            x, z = self.dice.random(), self.dice.random()
            y = round(3 * x - z + self.dice.gauss(0, 0.1), 6) if label else None
            lines.append(json.dumps({"id": self.rows, "x": x, "z": z, "y": y}) + "\n")
            size += len(lines[-1])
            ends.append(size)
            self.rows += 1
        self.files += 1
        name = f"data/{self.files:04}.ndjson"
        self.sizes[name] = ends
        self.write(name, "".join(lines))

    def start(self):
        self.starts += 1
        self.log = open(os.path.join(self.folder, "run.log"), "ab")
        self.child = subprocess.Popen([PENSTOCK, "run", "--project", self.folder], stdout=self.log, stderr=self.log)
        socket = os.path.join(self.folder, "store", "penstock.sock")  # one that a killed run left is replaced
        self.wait("the socket", lambda: os.path.exists(socket) and self.begun() == self.starts)

    def begun(self):
        return self.output().count("waiting for more")

    def output(self):
        with open(os.path.join(self.folder, "run.log")) as text:
            return text.read()

    def call(self, *arguments, may_fail=False):
        done = subprocess.run([PENSTOCK, *arguments, "--project", self.folder, "--format", "json"], capture_output=True,
                              text=True)
        if done.returncode != 0 and not may_fail:
            fail(f"penstock {' '.join(arguments)}: {done.stderr}\n{self.output()}")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def query(self, sql):
        return self.call("query", sql)

    def runs(self):
        """Trainings so far; none while the table is not there yet."""
        return self.call("query", "SELECT job, reason, outcome, version, sentence FROM penstock.job_runs ORDER BY started_at",
                         may_fail=True) or []

    def wait(self, what, holds):
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            if self.child is not None and self.child.poll() is not None:
                fail(f"the run ended while {what} was waited for\n{self.output()}")
            found = holds()
            if found:
                return found
            time.sleep(0.02)
        return fail(f"{what}: not within {WAIT_SECONDS} s\n{self.output()}")

    def is_training(self):
        return self.call("jobs", "list")[0]["state"].startswith("training")

    def epochs(self):
        return self.query("SELECT count(*) AS n FROM penstock.epochs")[0]["n"]

    def end(self, how, seconds_max=None):
        begun = time.monotonic()
        self.child.send_signal(how)
        self.child.wait(WAIT_SECONDS)
        self.child = None
        if seconds_max is not None and time.monotonic() - begun > seconds_max:
            fail(f"it took {time.monotonic() - begun:.1f} s to stop")


def check_versions(project):
    """Every version is whole, belongs to one training, and has the rows of its positions."""
    versions = project.query("SELECT version, status, CAST(positions AS VARCHAR) AS positions,"
                             " CAST(metrics->'$.rows.read' AS BIGINT) AS rows FROM penstock.models ORDER BY version")
    made = sorted(run["version"] for run in project.runs() if run["outcome"] in ("published", "refused"))
    if [one["version"] for one in versions] != made:
        fail(f"versions {[one['version'] for one in versions]}, but trainings made {made}")
    for one in versions:
        expected = 0
        for name, position in json.loads(one["positions"])["s"].items():
            expected += sum(end <= position for end in project.sizes[name])
        if one["rows"] != expected * TIMES:
            fail(f"version {one['version']} was trained on {one['rows']} rows, its positions say {expected * TIMES}")
        project.call("models", "show", f"m@{one['version']}")


def beside_the_stream(project):
    trainings = len(project.runs())
    project.add(EVERY_ROWS)
    project.wait("a training", lambda: project.is_training() or len(project.runs()) > trainings)
    before = project.epochs()
    for _ in range(3):
        project.add(10)
        time.sleep(0.15)
    was_training = project.is_training()
    during = project.epochs() - before
    project.wait("that training", lambda: len(project.runs()) > trainings)
    if was_training and during == 0:
        fail("no epoch was committed while a training was under way")
    return was_training


def asked_for(project):
    before = len(project.runs())
    project.add(10)
    result = project.call("jobs", "run", "retrain")[0]
    if result["outcome"] not in ("published", "refused", "nothing new") or len(project.runs()) != before + 1:
        fail(f"jobs run: {result}, {len(project.runs()) - before} trainings")


def kill_and_make_up(project, how):
    before = len(project.runs())
    project.add(EVERY_ROWS)
    project.wait("a training", lambda: project.is_training() or len(project.runs()) > before)
    time.sleep(project.dice.uniform(0, 0.3))
    project.end(how, 10 if how == signal.SIGTERM else None)
    after = len(project.runs())
    check_versions(project)
    project.start()
    if after == before:
        made_up = project.wait("the training that was made up for", lambda: len(project.runs()) > before and project.runs())
        if "new rows" not in made_up[-1]["reason"]:
            fail(f"made up for: {made_up[-1]}")
    time.sleep(1.5)
    if len(project.runs()) != before + 1:
        fail(f"{len(project.runs()) - before} trainings were made up for one\n{project.output()}")
    return after == before


def failing(project):
    before = len(project.runs())
    project.add(EVERY_ROWS, label=False)
    runs = project.wait("the training that fails", lambda: len(project.runs()) > before and project.runs())
    if runs[-1]["outcome"] != "failed" or "NULL" not in runs[-1]["sentence"]:
        fail(f"a model without labels: {runs[-1]}")
    epochs = project.epochs()
    project.add(10)
    project.wait("an epoch after the failure", lambda: project.epochs() > epochs)
    if len(project.runs()) != before + 1:
        fail("a training that failed was tried again without a trigger")


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-jobs-") as folder:
        project = Project(folder)
        try:
            project.add(EVERY_ROWS)
            project.start()
            project.wait("the first training", lambda: len(project.runs()) == 1)
            was_beside = any(beside_the_stream(project) for _ in range(4))  # until one lasts long enough
            asked_for(project)
            hits = sum(kill_and_make_up(project, signal.SIGKILL) for _ in range(KILLS))
            hits += kill_and_make_up(project, signal.SIGTERM)
            check_versions(project)
            failing(project)
            project.end(signal.SIGTERM, 10)
            check_versions(project)
            if hits == 0 or not was_beside:
                fail("no training was met under way: nothing was shown")
            print(f"{KILLS + 1} ends, {hits} in the middle of a training: each made up for once, {len(project.runs())} trainings")
        finally:
            if project.child is not None:
                project.child.kill()
                project.child.wait()


main()
