#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for tests: a cluster of its own on loopback, all its files under one folder. It can be stopped, killed
and started again on the same port and data. Trusts everybody on loopback as user `tester`, database `postgres`; with
password="..." it asks for that one (SCRAM). PostgreSQL refuses to run as root: then it runs as the user `postgres` or
`nobody`, with the data in a folder under the system's folder for temporary files, if that user cannot reach this one.

    with Postgres("folder") as server: rows = server.query("SELECT 1")
"""
import csv
import glob
import io
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS_MAX = 60


def program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda p: float(p.split("/")[4]))
    path = found[-1] if found else shutil.which(name)
    if not path:
        raise RuntimeError("PostgreSQL is not there: run tools/setup test")
    return os.path.realpath(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(pid):
    """State and parent of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def is_alive(pid):
    status = status_of(pid)
    return status is not None and status[0] != "Z"


def descendants(root):
    parents = {}
    for name in os.listdir("/proc"):
        status = status_of(name) if name.isdigit() else None
        if status is not None:
            parents[int(name)] = status[1]
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


class Postgres:
    def __init__(self, folder, port=None, password=None, settings=None):
        self.folder = os.path.abspath(folder)
        self.port = port or free_port()
        self.password = password
        self.settings = dict(settings or {})
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.home = self.folder
        self.user = None
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            if not self._reaches(self.folder):
                self.home = tempfile.mkdtemp(prefix="penstock-postgres-")
                os.chmod(self.home, 0o755)
        self.data = os.path.join(self.home, "pgdata")

    dsn = property(lambda self: f"host=127.0.0.1 port={self.port} user=tester dbname=postgres"
                   + (f" password={self.password}" if self.password else ""))
    uri = property(lambda self: "postgresql://tester" + (f":{self.password}" if self.password else "")
                   + f"@127.0.0.1:{self.port}/postgres")
    log_path = property(lambda self: os.path.join(self.folder, "postgres.log"))

    def _as_user(self, command):
        if self.user is None:
            return command
        who = pwd.getpwnam(self.user)
        return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", "--", *command]

    def _reaches(self, folder):
        return subprocess.run(self._as_user(["test", "-x", folder]), stderr=subprocess.DEVNULL).returncode == 0

    def _make(self):
        os.makedirs(self.data, mode=0o700)
        if self.user:
            who = pwd.getpwnam(self.user)
            os.chown(self.data, who.pw_uid, who.pw_gid)
        command = [program("initdb"), "-D", self.data, "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync",
                   "-A", "scram-sha-256" if self.password else "trust"]
        with tempfile.NamedTemporaryFile("w", dir=self.home) as file:
            if self.password:
                file.write(self.password + "\n")
                file.flush()
                os.chmod(file.name, 0o644)
                command.append("--pwfile=" + file.name)
            done = subprocess.run(self._as_user(command), capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise RuntimeError("initdb failed: " + done.stderr[-2000:])

    def start(self, wait=True):
        if not os.path.exists(self.data):
            self._make()
        given = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "16MB",
                 "max_connections": 30, "autovacuum": "off", **self.settings}
        options = [f"--{name}={value}" for name, value in given.items()]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self._as_user([program("postgres"), "-D", self.data, *options]),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            start_new_session=True)
        if wait:
            self.wait()
        return self

    def wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.query("SELECT 1")
                return
            except RuntimeError as problem:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"PostgreSQL does not start: {problem}; {self.log()[-2000:]}") from None
            time.sleep(0.05)

    def stop(self):
        """A fast clean stop: open transactions are rolled back."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.process.wait()
            self.process = None

    def kill(self):
        """kill -9 of the server and of every process of it. They are gone when this returns: each has a session of its
        own, and while one of them lives the next server finds its shared memory in use."""
        if self.process is not None:
            victims = descendants(self.process.pid)
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # the session that start() made
            except ProcessLookupError:
                pass
            for pid in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
            self.process = None
            deadline = time.monotonic() + 10
            while any(is_alive(pid) for pid in victims) and time.monotonic() < deadline:
                time.sleep(0.005)

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        """Its files, where they are not in the folder of the test."""
        self.kill()
        if self.home != self.folder:
            shutil.rmtree(self.home, ignore_errors=True)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def query(self, sql):
        """The rows of every statement, every value as text, NULL as an empty text."""
        done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-f", "-", self.dsn], input=sql,
                              capture_output=True, text=True, env={**os.environ, "PGCONNECT_TIMEOUT": "5"})
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return [row or [""] for row in csv.reader(io.StringIO(done.stdout))]  # one empty value is an empty line

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self.remove()
