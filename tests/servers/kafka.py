#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker for tests: one node on loopback, KRaft, all its files under one folder. It can be stopped, killed
and started again on the same ports and the same data. tools/setup test fetches the jars, a formatted empty data folder
and an archive of loaded classes, so that a start takes a few seconds.

Listeners: `bootstrap` for the program under test (its port may be advertised as another one, that of a proxy), `direct`
for the test itself, with sasl_ssl=True also `secure` (SASL_SSL: PLAIN, SCRAM, OAUTHBEARER) and `expired` (the same with a
certificate that is not valid any more). Users: alice / alice-secret may do everything, mallory / mallory-secret nothing.

    broker = Kafka("folder"); broker.start(); broker.create_topic("events", 4)
    broker.produce("events", [(b"key", b"value", {"name": "value"}, partition or None, timestamp_ms or None)])
    broker.kill(); broker.start(); broker.stop()
    tests/servers/kafka.py archive KAFKA_FOLDER      used by tools/setup
    tests/servers/kafka.py run FOLDER                a broker until SIGTERM; prints its addresses as JSON
    tests/servers/kafka.py with FOLDER COMMAND...    a broker while the command runs, which finds its address in $BROKER
"""
import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

USERS = {"alice": "alice-secret", "mallory": "mallory-secret"}
JVM = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
START_SECONDS_MAX = 90  # an unclean start after kill -9 on a busy machine takes up to half a minute

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "DIRECT",
    "num.partitions": "4",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "2",
    # with its default of 128 MiB a small heap dies at the start
    "log.cleaner.dedupe.buffer.size": "16777216",
    # records of tests have old timestamps, and age is counted by them
    "log.retention.ms": "-1",
    # what tests wait for happens within seconds: compaction, retention, the end of abandoned transactions
    "log.cleaner.backoff.ms": "200",
    "log.retention.check.interval.ms": "1000",
    "log.initial.task.delay.ms": "500",
    "log.segment.delete.delay.ms": "100",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "message.max.bytes": "20971520",
    # after kill -9 the new broker waits until the old one's session is over
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}
SECURE = {
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS;User:alice",
    "allow.everyone.if.no.acl.found": "false",
}
LOGGING = """Configuration:
  status: error
  Appenders:
    Console: {name: out, PatternLayout: {Pattern: "%d{HH:mm:ss.SSS} %p %c{1}: %m%n"}}
  Loggers:
    Root: {level: warn, AppenderRef: {ref: out}}
"""


def cache_folder():
    return os.environ.get("PENSTOCK_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "penstock")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("openssl " + arguments[0] + ": " + done.stderr.strip())


class Kafka:
    """heap_mb: 128 is enough for tests of 100,000s of records; take 1024 for load. advertised_port: what clients of
    `bootstrap` are told to connect to, for a proxy. properties: further broker settings."""

    def __init__(self, folder, port=None, sasl_ssl=False, properties=None, heap_mb=128, advertised_port=None, home=None,
                 tool=None):
        self.folder = os.path.abspath(folder)
        self.home = home or os.path.join(cache_folder(), "kafka-4.4.0")
        self.tool = tool or os.environ.get("PENSTOCK_KAFKA_TOOL")
        self.heap_mb = heap_mb
        self.sasl_ssl = sasl_ssl
        self.port = port or free_port()
        self.advertised_port = advertised_port or self.port
        self.direct_port, self.controller_port = free_port(), free_port()
        self.secure_port, self.expired_port = free_port(), free_port()
        self.properties = dict(properties or {})
        self.process = None
        self.extra_jvm = []
        os.makedirs(self.folder, exist_ok=True)

    bootstrap = property(lambda self: f"127.0.0.1:{self.port}")
    direct = property(lambda self: f"127.0.0.1:{self.direct_port}")
    secure = property(lambda self: f"127.0.0.1:{self.secure_port}")
    expired = property(lambda self: f"127.0.0.1:{self.expired_port}")
    log_path = property(lambda self: os.path.join(self.folder, "broker.log"))
    authority = property(lambda self: os.path.join(self.folder, "authority.pem"))

    # --- settings ---------------------------------------------------------------------------------------------

    def _class_path(self):
        libs = os.path.join(self.home, "libs")
        if not os.path.isdir(libs):
            raise RuntimeError("Kafka is not there: run tools/setup test")
        return ":".join(os.path.join(libs, name) for name in sorted(os.listdir(libs)) if name.endswith(".jar"))

    def _java(self, *arguments):
        archive = os.path.join(self.home, "classes.jsa")
        shared = ["-XX:SharedArchiveFile=" + archive] if os.path.exists(archive) else []
        logging = os.path.join(self.folder, "log4j2.yaml")
        with open(logging, "w") as out:
            out.write(LOGGING)
        return ["java", *JVM, *shared, *self.extra_jvm, f"-Xmx{self.heap_mb}m", "-Dlog4j2.configurationFile=" + logging,
                "-cp", self._class_path(), *arguments]

    def _certificates(self):
        """An authority, and two servers of it: one valid for ten days, one whose time is over."""
        at = lambda name: os.path.join(self.folder, name)
        if os.path.exists(at("expired.pem")):
            return
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=penstock tests",
                "-keyout", at("authority.key"), "-out", at("authority.pem"))
        with open(at("names"), "w") as out:
            out.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        for name, days in (("server", "10"), ("expired", "-1")):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", at(name + ".key"),
                    "-out", at(name + ".csr"))
            openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at("authority.pem"), "-CAkey", at("authority.key"),
                    "-CAcreateserial", "-days", days, "-extfile", at("names"), "-out", at(name + ".crt"))
            with open(at(name + ".pem"), "w") as out:
                for part in (name + ".key", name + ".crt"):
                    out.write(open(at(part)).read())

    def _secure_properties(self):
        self._certificates()
        given = dict(SECURE)
        plain = " ".join(f'user_{name}="{word}"' for name, word in USERS.items())
        package = "org.apache.kafka.common.security"
        for listener, keys in (("secure", "server.pem"), ("expired", "expired.pem")):
            head = f"listener.name.{listener}."
            given[head + "plain.sasl.jaas.config"] = f"{package}.plain.PlainLoginModule required {plain};"
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                given[head + mechanism + ".sasl.jaas.config"] = f"{package}.scram.ScramLoginModule required;"
            given[head + "oauthbearer.sasl.jaas.config"] = (
                f'{package}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice";')
            given[head + "ssl.keystore.type"] = "PEM"
            given[head + "ssl.keystore.location"] = os.path.join(self.folder, keys)
        return given

    def client_properties(self, mechanism="PLAIN", user="alice", password=None):
        """What a librdkafka client needs for `secure` and `expired`."""
        given = {"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "ssl.ca.location": self.authority}
        if mechanism == "OAUTHBEARER":
            given["enable.sasl.oauthbearer.unsecure.jwt"] = "true"
            given["sasl.oauthbearer.config"] = "principal=" + user
        else:
            given["sasl.username"] = user
            given["sasl.password"] = USERS.get(user, "") if password is None else password
        return given

    def _write_properties(self):
        given = dict(PROPERTIES)
        names = {"CLIENT": (self.port, self.advertised_port, "PLAINTEXT"),
                 "DIRECT": (self.direct_port, self.direct_port, "PLAINTEXT")}
        if self.sasl_ssl:
            names["SECURE"] = (self.secure_port, self.secure_port, "SASL_SSL")
            names["EXPIRED"] = (self.expired_port, self.expired_port, "SASL_SSL")
            given.update(self._secure_properties())
        at = lambda name, port: f"{name}://127.0.0.1:{port}"
        given["controller.quorum.voters"] = f"1@127.0.0.1:{self.controller_port}"
        given["listeners"] = ",".join([at(n, v[0]) for n, v in names.items()] + [at("CONTROLLER", self.controller_port)])
        given["advertised.listeners"] = ",".join(at(n, v[1]) for n, v in names.items())
        given["listener.security.protocol.map"] = ",".join(
            [f"{n}:{v[2]}" for n, v in names.items()] + ["CONTROLLER:PLAINTEXT"])
        given["log.dirs"] = os.path.join(self.folder, "data")
        given.update(self.properties)
        with open(os.path.join(self.folder, "server.properties"), "w") as out:
            for name, value in given.items():
                out.write(f"{name}={value}\n")

    # --- life -------------------------------------------------------------------------------------------------

    def format(self):
        """Makes an empty data folder with the users' SCRAM passwords; normally a copy of the one that setup made."""
        self._write_properties()
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "a")
        scram = []
        for name, word in USERS.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                scram += ["--add-scram", f"{mechanism}=[name={name},password={word}]"]
        done = subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c",
                                         os.path.join(self.folder, "server.properties"), *scram),
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("formatting the broker's folder failed: " + done.stdout[-2000:] + done.stderr[-2000:])

    def start(self, wait=True):
        data = os.path.join(self.folder, "data")
        if not os.path.exists(data):
            template = os.path.join(self.home, "template")
            if os.path.isdir(template):
                shutil.copytree(template, data)
            else:
                self.format()
        self._write_properties()
        with open(self.log_path, "ab") as log:
            # its own session: a Ctrl-C at the terminal of the test is not the broker's
            self.process = subprocess.Popen(
                self._java("kafka.Kafka", os.path.join(self.folder, "server.properties")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        if wait:
            self.wait()
        return self

    def _answers(self):
        """Does the broker answer an ApiVersions request? It does so once it takes requests."""
        try:
            with socket.create_connection(("127.0.0.1", self.direct_port), timeout=2) as wire:
                request = struct.pack(">hhih", 18, 0, 1, -1)
                wire.sendall(struct.pack(">i", len(request)) + request)
                return len(wire.recv(4)) == 4
        except OSError:
            return False

    def wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                state = "ended" if self.process.poll() is not None else "does not answer"
                self.kill()
                raise RuntimeError(f"the Kafka broker {state}; the end of its log:\n" + self.log()[-3000:])
            time.sleep(0.05)
        if self.tool:
            self.run("wait", str(START_SECONDS_MAX))

    def stop(self):
        """A clean stop; kill -9 after half a minute."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process = None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- topics and records, by kafka_tool ----------------------------------------------------------------------

    def run(self, *arguments, input=None, check=True):
        """Runs kafka_tool against the direct listener; its output as text."""
        if not self.tool:
            raise RuntimeError("this needs kafka_tool: set PENSTOCK_KAFKA_TOOL to the built program")
        done = subprocess.run([self.tool, self.direct, *arguments], input=input, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"kafka_tool {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def create_topic(self, name, partitions=1, config=None):
        self.run("create", name, str(partitions), *(f"{key}={value}" for key, value in (config or {}).items()))

    def delete_topic(self, name):
        self.run("delete", name)

    def add_partitions(self, name, count):
        self.run("partitions", name, str(count))

    def produce(self, topic, records, transaction=None, abort=False):
        """records: (key, value, headers, partition, timestamp_ms); all but the value may be None or left out; a value of
        None is a tombstone. With `transaction`, a transactional id, all of them are one transaction."""
        lines = []
        for record in records:
            key, value, headers, partition, timestamp = (tuple(record) + (None,) * 5)[:5]
            line = {}
            for name, part in (("key", key), ("value", value)):
                if isinstance(part, bytes):
                    line[name + "_base64"] = base64.b64encode(part).decode()
                else:
                    line[name] = part
            if headers:
                line["headers"] = headers
            if partition is not None:
                line["partition"] = partition
            if timestamp is not None:
                line["timestamp"] = timestamp
            lines.append(json.dumps(line))
        flags = ["--transaction", transaction] + (["--abort"] if abort else []) if transaction else []
        self.run("produce", topic, *flags, input="".join(line + "\n" for line in lines))

    def generate(self, topic, count, partitions, *flags):
        """The test record, `count` of them from id 0 on: see kafka_tool.c."""
        self.run("generate", topic, str(count), str(partitions), *flags)

    def consume(self, topic, uncommitted=False):
        """Everything in the topic: a list of {partition, offset, timestamp, key, value, headers}; bytes that are not
        UTF-8 come as key_base64, value_base64."""
        flags = ["--uncommitted"] if uncommitted else []
        return [json.loads(line) for line in self.run("consume", topic, *flags).splitlines()]

    def offsets(self, group, topic):
        """{partition: offset} that a consumer group has committed."""
        return {int(p): o for p, o in json.loads(self.run("offsets", group, topic)).items()}

    def marks(self, topic):
        """{partition: (low, high)}"""
        return {int(p): tuple(o) for p, o in json.loads(self.run("marks", topic)).items()}

    def delete_records(self, topic, partition, before_offset):
        self.run("delete-records", topic, str(partition), str(before_offset))

    def configure(self, topic, **config):
        self.run("configure", topic, *(f"{key.replace('_', '.')}={value}" for key, value in config.items()))


def archive(home):
    """Makes the formatted template folder and the archive of loaded classes; run once by tools/setup."""
    work = os.path.join(home, "work")
    shutil.rmtree(work, ignore_errors=True)
    broker = Kafka(work, home=home)
    broker.format()
    template = os.path.join(home, "template")
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(os.path.join(work, "data"), template)
    broker.extra_jvm = ["-XX:ArchiveClassesAtExit=" + os.path.join(home, "classes.jsa")]
    broker.start()
    broker.stop()
    shutil.rmtree(work)


def serve(folder):
    broker = Kafka(folder, sasl_ssl="--sasl-ssl" in sys.argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with broker:
        print(json.dumps({"bootstrap": broker.bootstrap, "direct": broker.direct, "pid": broker.process.pid}), flush=True)
        while broker.process.poll() is None:
            time.sleep(0.2)


def port_of(folder):
    """The port of the last time, if it is free: so that a project keeps the address of its broker."""
    path = os.path.join(folder, "port")
    os.makedirs(folder, exist_ok=True)
    try:
        with open(path) as file, socket.socket() as probe:
            port = int(file.read())
            probe.bind(("127.0.0.1", port))
            return port
    except (OSError, ValueError):
        with open(path, "w") as out:
            port = free_port()
            out.write(str(port))
        return port


def run_with(folder, command):
    broker = Kafka(folder, port=port_of(folder), heap_mb=512)
    print(f"Kafka 4.4.0 on {broker.bootstrap}, its files in {broker.folder}", flush=True)
    with broker:
        return subprocess.run(command, env={**os.environ, "BROKER": broker.bootstrap}).returncode


if __name__ == "__main__":
    if len(sys.argv) >= 3 and sys.argv[1] == "archive":
        archive(sys.argv[2])
    elif len(sys.argv) >= 3 and sys.argv[1] == "run":
        serve(sys.argv[2])
    elif len(sys.argv) >= 4 and sys.argv[1] == "with":
        sys.exit(run_with(sys.argv[2], sys.argv[3:]))
    else:
        sys.exit(__doc__)
