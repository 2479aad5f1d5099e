#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Kafka source against a real broker: every kind of record and offset that a topic can have, every way a topic can
change under a project, and every refusal as one sentence.

    tests/services/kafka_source.py PENSTOCK [NAME...]      only the tests whose names contain one of these
"""
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka, free_port
from proxy import Proxy

penstock = os.path.abspath(sys.argv[1])
failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: {got!r} instead of {wanted!r}")
        print("FAILED", failures[-1], flush=True)


def expect_in(what, part, text):
    if part not in text:
        failures.append(f"{what}: no {part!r} in {text!r}")
        print("FAILED", failures[-1], flush=True)


class Project:
    """A folder with one source `s` and one table `t` over it."""

    def __init__(self, home, name, broker, options, columns="id BIGINT", includes="", more="", encode="JSON"):
        self.folder = os.path.join(home, name)
        os.makedirs(self.folder, exist_ok=True)
        self.broker, self.columns, self.includes, self.more, self.encode = broker, columns, includes, more, encode
        self.process = None
        with open(os.path.join(self.folder, "penstock.yml"), "w") as out:
            out.write(f"name: {name}\n")
        self.write(options)

    def write(self, options):
        given = {"properties.bootstrap.servers": self.broker.direct, **options}
        settings = ", ".join(f"{key} = '{value}'" for key, value in given.items())
        with open(os.path.join(self.folder, "s.sql"), "w") as out:
            out.write(f"CREATE SOURCE s ({self.columns}) {self.includes} WITH (connector = 'kafka', {settings})\n"
                      f"FORMAT PLAIN ENCODE {self.encode};\n"
                      f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;\n{self.more}")

    def call(self, *arguments, timeout=120):
        done = subprocess.run([penstock, *arguments, "--project", self.folder], capture_output=True, text=True,
                              timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def once(self, what="run --once", timeout=120):
        status, text = self.call("run", "--once", timeout=timeout)
        expect(f"{self.folder}: {what}: {text[-1500:]}", status, 0)

    def refused(self, command=("run", "--once")):
        status, text = self.call(*command)
        expect(f"{self.folder}: it should not run: {text}", status, 1)
        return text

    def rows(self, sql="SELECT id FROM t ORDER BY ALL"):
        done = subprocess.run([penstock, "query", "--format", "csv", "--project", self.folder, sql],
                              capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr
        return list(csv.reader(io.StringIO(done.stdout)))[1:]

    def ids(self):
        got = self.rows("SELECT id FROM t ORDER BY ALL")
        return [int(row[0]) for row in got] if isinstance(got, list) else got

    def start(self):
        self.out = open(os.path.join(self.folder, "out.txt"), "a")
        self.process = subprocess.Popen([penstock, "run", "--project", self.folder], stdout=self.out,
                                        stderr=subprocess.STDOUT)

    def wait_for(self, what, wanted, sql="SELECT count(*) FROM t", seconds=60):
        deadline = time.monotonic() + seconds
        got = None
        while time.monotonic() < deadline and self.process.poll() is None:
            got = self.rows(sql)
            if got == [[str(wanted)]]:
                return True
            time.sleep(0.2)
        expect(f"{self.folder}: {what}: {self.said()}", got, [[str(wanted)]])
        return False

    def said(self):
        with open(os.path.join(self.folder, "out.txt")) as file:
            return file.read()[-1500:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "it did not stop within 30 s"
        expect(f"{self.folder}: stop: {self.said()}", status, 0)

    def kill(self):
        self.process.kill()
        self.process.wait()


def numbers(count, first=0):
    return [(None, f'{{"id":{i}}}', None, None) for i in range(first, first + count)]


# --- records -------------------------------------------------------------------------------------------------

def every_kind_of_record(home, broker):
    broker.create_topic("kinds", 2)
    broker.produce("kinds", [
        (b"k", '{"id":1}', {"a": 'x"y\n', "empty": ""}, 0, 1700000000123),
        (None, '{"id":2}', None, 0, 1700000000124),
        (b"", '{"id":3}', None, 0, 1700000000200),
        (b"\xff\x00", '{"id":4}', None, 1, 1700000000125),
        (b"gone", None, None, 1, 1700000000126),
        (b"bad", '{"id":', {"why": "cut"}, 1, 1700000000127),
        (b"none", "", None, 1, 1700000000128),
    ])
    project = Project(home, "kinds", broker, {"topic": "kinds"},
                      includes="INCLUDE key INCLUDE partition INCLUDE offset INCLUDE timestamp INCLUDE headers"
                               " INCLUDE topic")
    project.once()
    expect("kinds", project.rows("SELECT id, hex(kafka_key), kafka_partition, kafka_offset, epoch_ms(kafka_timestamp),"
                                 " kafka_headers, kafka_topic FROM t ORDER BY id"), [
        ["1", "6B", "0", "0", "1700000000123", '{"a":"x\\"y\\n","empty":""}', "kinds"],
        ["2", "", "0", "1", "1700000000124", "{}", "kinds"],
        ["3", "", "0", "2", "1700000000200", "{}", "kinds"],
        ["4", "FF00", "1", "0", "1700000000125", "{}", "kinds"]])
    expect("no key and an empty one", project.rows("SELECT id FROM t WHERE kafka_key IS NULL"), [["2"]])
    expect("dead letters", project.rows("SELECT partition, position, reason, headers FROM penstock.dead_letters"
                                        " ORDER BY position"),
           [["kinds[1]", "1", "null", ""], ["kinds[1]", "2", "syntax", '{"why":"cut"}'],
            ["kinds[1]", "3", "syntax", ""]])


def empty_topic(home, broker):
    broker.create_topic("empty", 3)
    project = Project(home, "empty", broker, {"topic": "empty"})
    project.once()
    expect("nothing", project.ids(), [])
    expect("first positions", project.rows("SELECT partition, position FROM penstock.positions ORDER BY ALL"),
           [["empty[0]", "0"], ["empty[1]", "0"], ["empty[2]", "0"]])
    broker.produce("empty", numbers(10))
    project.once()
    expect("then something", project.ids(), list(range(10)))


def many_partitions(home, broker):
    broker.create_topic("many", 64)
    broker.generate("many", 64000, 64)
    project = Project(home, "many", broker, {"topic": "many"}, includes="INCLUDE partition INCLUDE offset")
    project.once()
    expect("64 partitions", project.rows("SELECT count(*), count(DISTINCT id), count(DISTINCT kafka_partition) FROM t"),
           [["64000", "64000", "64"]])


def large_records(home, broker):
    broker.create_topic("large", 1, {"max.message.bytes": 16000000})
    for i in range(6):
        broker.produce("large", [(None, '{"id":%d,"text":"%s"}' % (i, "x" * 10_000_000))])
    broker.produce("large", numbers(5, 6))
    project = Project(home, "large", broker, {"topic": "large"}, columns="id BIGINT, text VARCHAR",
                      more="CREATE MATERIALIZED VIEW v AS SELECT sum(length(text)) AS size FROM STREAM t;")
    project.once()
    expect("10 MB records", project.rows("SELECT count(*), sum(length(text)) FROM t"), [["11", "60000000"]])


def transactions(home, broker):
    broker.create_topic("txn", 1)
    broker.produce("txn", numbers(5), transaction="one")
    broker.produce("txn", numbers(5, 100), transaction="one", abort=True)
    project = Project(home, "txn", broker, {"topic": "txn"}, includes="INCLUDE offset")
    project.once()
    expect("aborted records are not there", project.ids(), list(range(5)))
    low, high = broker.marks("txn")[0]
    expect("the markers are read over", project.rows("SELECT position FROM penstock.positions"), [[str(high)]])
    broker.produce("txn", numbers(5, 200), transaction="one", abort=True)
    project.once("nothing but aborted records")
    expect("still", project.ids(), list(range(5)))
    broker.produce("txn", numbers(5, 5), transaction="one")
    project.once()
    expect("and on", project.ids(), list(range(10)))
    seen = Project(home, "txn2", broker, {"topic": "txn", "properties.isolation.level": "read_uncommitted"})
    seen.once()
    expect("read_uncommitted", len(seen.ids()), 20)


def compaction(home, broker):
    broker.create_topic("compact", 1, {"cleanup.policy": "compact", "segment.ms": 100,
                                       "min.cleanable.dirty.ratio": 0.01, "delete.retention.ms": 100, "max.compaction.lag.ms": 200})
    for round in range(5):
        broker.produce("compact", [(f"k{i}", f'{{"id":{round * 10 + i}}}') for i in range(10)])
        time.sleep(0.3)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and len(broker.consume("compact")) >= 50:
        time.sleep(0.5)
        broker.produce("compact", [("other", '{"id":-1}')])
    left = [r["value"] for r in broker.consume("compact")]
    expect("the broker compacted", len(left) < 50, True)
    project = Project(home, "compact", broker, {"topic": "compact"})
    project.once()
    expect("what is left", set(range(40, 50)) <= set(project.ids()), True)
    expect("nothing twice", len([i for i in project.ids() if i >= 0]), len({i for i in project.ids() if i >= 0}))


# --- where to begin and to end -------------------------------------------------------------------------------

def startup(home, broker):
    broker.create_topic("start", 2)
    broker.produce("start", [(None, f'{{"id":{i}}}', None, i % 2, 1700000000000 + i * 1000) for i in range(20)])
    def ids(name, **options):
        project = Project(home, "start_" + name, broker,
                          {"topic": "start", **{key.replace("_", "."): value for key, value in options.items()}})
        project.once()
        return project.ids()
    every = list(range(20))
    expect("earliest", ids("earliest"), every)
    expect("latest", ids("latest", scan_startup_mode="latest"), [])
    expect("timestamp", ids("time", scan_startup_mode="timestamp", scan_startup_timestamp="1700000010000"), every[10:])
    expect("as text", ids("text", scan_startup_mode="timestamp", scan_startup_timestamp="2023-11-14 22:13:30"),
           every[10:])
    expect("in the future", ids("future", scan_startup_mode="timestamp", scan_startup_timestamp="2035-01-01 00:00:00"),
           [])
    expect("specific", ids("specific", scan_startup_mode="specific",
                           scan_startup_specific_offsets="partition:0,offset:8;partition:1,offset:9"), [16, 18, 19])
    expect("bounded", ids("bounded", scan_bounded="specific",
                          scan_bounded_specific_offsets="partition:0,offset:2;partition:1,offset:1"), [0, 1, 2])
    expect("bounded by time", ids("btime", scan_bounded="timestamp", scan_bounded_timestamp="1700000003000"), [0, 1, 2])
    group = {"topic": "start", "properties.group.id": "readers"}
    text = Project(home, "start_none", broker, {**group, "scan.startup.mode": "group-offsets"}).refused()
    expect_in("no group", "group readers has committed no offset of start[", text)
    first = Project(home, "start_first", broker, group)
    first.once()
    expect("the group was told", broker.offsets("readers", "start"), {0: 10, 1: 10})
    broker.produce("start", numbers(4, 20))
    second = Project(home, "start_second", broker, {**group, "scan.startup.mode": "group-offsets"})
    second.once()
    expect("group-offsets", second.ids(), [20, 21, 22, 23])


def latest_is_fixed_at_once(home, broker):
    """What comes after the first start is read, though that start found nothing and was killed."""
    broker.create_topic("fixed", 1)
    broker.produce("fixed", numbers(5))
    project = Project(home, "fixed", broker, {"topic": "fixed", "scan.startup.mode": "latest"})
    project.start()
    project.wait_for("a position", 5, "SELECT max(position) FROM penstock.positions")
    project.kill()
    broker.produce("fixed", numbers(5, 5))
    project.once()
    expect("from the first start on", project.ids(), [5, 6, 7, 8, 9])


def bounded_for_ever(home, broker):
    broker.create_topic("bound", 2)
    broker.produce("bound", [(None, f'{{"id":{i}}}', None, i % 2) for i in range(10)])
    project = Project(home, "bound", broker, {"topic": "bound", "scan.bounded": "latest"})
    project.once()
    broker.produce("bound", numbers(10, 10))
    broker.add_partitions("bound", 3)
    broker.produce("bound", [(None, '{"id":99}', None, 2)])
    project.once()
    expect("bounded", project.ids(), list(range(10)))


def topics(home, broker):
    for name in ("in-a", "in-b", "out-c"):
        broker.create_topic(name, 1)
        broker.produce(name, [(None, '{"id":%d}' % ord(name[-1]))])
    listed = Project(home, "listed", broker, {"topic": "in-a, out-c"})
    listed.once()
    expect("two topics", listed.ids(), [97, 99])
    matching = Project(home, "matching", broker, {"topic.pattern": "in-.*", "discovery.interval": "1 s",
                                                  "scan.startup.mode": "latest"}, includes="INCLUDE topic")
    matching.start()
    matching.wait_for("positions", 2, "SELECT count(*) FROM penstock.positions")
    broker.create_topic("in-new", 1)
    broker.produce("in-new", [(None, '{"id":7}')])
    matching.wait_for("a new topic, from its beginning", 7, "SELECT max(id) FROM t")
    matching.stop()


# --- topics that change --------------------------------------------------------------------------------------

def new_partitions(home, broker):
    broker.create_topic("grow", 1)
    broker.produce("grow", numbers(10))
    project = Project(home, "grow", broker, {"topic": "grow", "discovery.interval": "1 s",
                                             "scan.startup.mode": "latest"})
    project.start()
    project.wait_for("a position", 1, "SELECT count(*) FROM penstock.positions")
    broker.add_partitions("grow", 3)
    broker.produce("grow", [(None, f'{{"id":{i}}}', None, i % 3) for i in range(30)])
    project.wait_for("new partitions while running", 30)
    project.stop()
    broker.add_partitions("grow", 4)
    broker.produce("grow", [(None, '{"id":100}', None, 3)])
    project.once()
    expect("and while not running", project.ids()[-1], 100)


def recreated(home, broker):
    broker.create_topic("again", 2)
    broker.produce("again", [(None, f'{{"id":{i}}}', None, i % 2) for i in range(20)])
    project = Project(home, "again", broker, {"topic": "again"})
    project.once()
    broker.delete_topic("again")
    broker.create_topic("again", 1)
    broker.produce("again", numbers(30, 100))
    text = project.refused()
    expect_in("recreated", "topic again was deleted and made again: again[0] was read up to offset 10", text)
    expect("both ids", text.count("its id was ") == 1 and ", is " in text, True)
    expect_in("what to do", "on_offset_lost", text)
    project.write({"topic": "again", "on_offset_lost": "earliest"})
    project.once()
    expect("from the beginning of the new one", project.ids(), list(range(20)) + list(range(100, 130)))
    project.write({"topic": "again"})
    project.once("its id is stored now")


def recreated_while_running(home, broker):
    broker.create_topic("anew", 1)
    broker.produce("anew", numbers(10))
    project = Project(home, "anew", broker, {"topic": "anew", "discovery.interval": "1 s"})
    project.start()
    project.wait_for("rows", 10)
    broker.delete_topic("anew")
    broker.create_topic("anew", 1)
    try:
        expect("the status", project.process.wait(40), 1)
    except subprocess.TimeoutExpired:
        project.kill()
        expect("it noticed", project.said(), "an error")
    # whoever asks in the moment between the two is told that there is none
    if "there is no topic 'anew'" not in project.said():
        expect_in("recreated while running", "topic anew was deleted", project.said())


def deleted_records(home, broker):
    broker.create_topic("short", 1)
    broker.produce("short", numbers(10))
    project = Project(home, "short", broker, {"topic": "short"})
    project.once()
    broker.produce("short", numbers(10, 10))
    broker.delete_records("short", 0, 15)
    text = project.refused()
    expect_in("deleted", "short[0] is to be read from offset 10, but the broker has 15 to 20: records were deleted",
              text)
    project.write({"topic": "short", "on_offset_lost": "earliest"})
    project.once()
    expect("earliest", project.ids(), list(range(10)) + list(range(15, 20)))
    broker.produce("short", numbers(10, 20))
    broker.delete_records("short", 0, 25)
    project.write({"topic": "short", "on_offset_lost": "latest"})
    project.once()
    expect("latest", project.ids(), list(range(10)) + list(range(15, 20)))
    broker.produce("short", numbers(1, 30))
    project.once()
    expect("and on", project.ids()[-1], 30)


def deleted_while_reading(home, broker):
    """The position is eaten while the source is stopped in its tracks."""
    broker.create_topic("eaten", 1)
    broker.produce("eaten", numbers(10))
    project = Project(home, "eaten", broker, {"topic": "eaten", "discovery.interval": "1 s"})
    project.start()
    project.wait_for("rows", 10)
    project.process.send_signal(signal.SIGSTOP)
    broker.produce("eaten", numbers(10, 10))
    broker.delete_records("eaten", 0, 20)
    broker.produce("eaten", numbers(10, 20))
    project.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 30
    while project.process.poll() is None and project.rows("SELECT count(*) FROM t") == [["10"]] and \
            time.monotonic() < deadline:
        time.sleep(0.2)
    # either the fetch under way still brought the records, or it stops and says so: never silently fewer
    if project.process.poll() is None:
        project.wait_for("all of them", 30, seconds=20)
        project.stop()
    else:
        expect_in("eaten", "eaten[0] is to be read from offset", project.said())


# --- a broker that is away -----------------------------------------------------------------------------------

def broker_away(home, broker):
    broker.create_topic("away", 2)
    project = Project(home, "away", broker, {"topic": "away", "discovery.interval": "1 s"})
    broker.produce("away", numbers(10))
    project.start()
    project.wait_for("rows", 10)
    broker.kill()
    time.sleep(12)
    expect("it still runs: " + project.said(), project.process.poll(), None)
    broker.start()
    broker.produce("away", numbers(10, 10))
    project.wait_for("it goes on by itself", 20)
    broker.restart()
    broker.produce("away", numbers(10, 20))
    project.wait_for("and again", 30)
    broker.pause()
    time.sleep(2)
    broker.resume()
    broker.produce("away", numbers(10, 30))
    project.wait_for("and after a pause", 40)
    broker.kill()
    project.stop()  # also while the broker is away
    broker.start()
    project.once()
    expect("all", project.ids(), list(range(40)))


def killed_often(home, broker):
    broker.create_topic("kill", 4)
    project = Project(home, "kill", broker, {"topic": "kill"}, includes="INCLUDE partition INCLUDE offset")
    broker.generate("kill", 60000, 4)
    for i in range(5):
        project.start()
        time.sleep(0.25 + 0.1 * i)
        project.kill()
        broker.generate("kill", 4000, 4, "--from", str(60000 + i * 4000))
    project.once()
    expect("each once", project.rows("SELECT count(*), count(DISTINCT id), count(DISTINCT (kafka_partition,"
                                     " kafka_offset)) FROM t"), [["80000", "80000", "80000"]])


def new_fields(home, broker):
    """on_new_field = 'add': while it runs, with INCLUDE columns, through a kill right behind the new columns, out into Kafka."""
    broker.create_topic("fields", 2)
    broker.create_topic("fields_out", 1)
    options = {"topic": "fields", "on_new_field": "add"}
    out = ("CREATE SINK o WITH (connector = 'kafka', topic = 'fields_out', properties.bootstrap.servers = "
           f"'{broker.direct}') ENCODE JSON AS SELECT * EXCLUDE (kafka_partition) FROM STREAM s;\n")
    project = Project(home, "fields", broker, options, includes="INCLUDE partition INCLUDE offset", more=out)
    broker.produce("fields", numbers(50))
    project.start()
    project.wait_for("declared columns only", 50)
    broker.produce("fields", [(None, f'{{"id":{i},"speed":{i}.5,"who":{{"n":{i}}}}}', None, None) for i in range(50, 100)])
    project.wait_for("two more columns", 50, "SELECT count(speed) FROM t")
    broker.produce("fields", [(None, f'{{"id":{i},"speed":1,"late":{i}}}', None, None) for i in range(100, 150)])
    deadline = time.monotonic() + 60
    while "new columns: late" not in project.said() and time.monotonic() < deadline:
        time.sleep(0.002)
    project.kill()
    project.once("behind the kill")
    expect("each once", project.rows("SELECT count(*), count(DISTINCT id), count(DISTINCT (kafka_partition, kafka_offset)),"
                                     " count(speed), count(who), count(late) FROM t"), [["150", "150", "150", "100", "50", "50"]])
    expect("in its place", project.rows("SELECT speed, who, late FROM t WHERE id IN (7, 60, 107) ORDER BY id"),
           [["", "", ""], ["60.5", '{"n":60}', ""], ["1.0", "", "107"]])
    expect("what was added", project.rows("SELECT name, type FROM penstock.source_columns ORDER BY ordinal"),
           [["speed", "DOUBLE"], ["who", "VARCHAR"], ["late", "BIGINT"]])
    written = [json.loads(record["value"]) for record in broker.consume("fields_out")]
    expect("written once", sorted(row["id"] for row in written), list(range(150)))
    expect("written with them", [sum(row.get(name) is not None for row in written) for name in ("speed", "who", "late")],
           [100, 50, 50])

    broker.create_topic("changes", 1)
    broker.produce("changes", [('{"id":1}', '{"op":"c","before":null,"after":{"id":1,"v":"a"}}')])
    changes = Project(home, "changes", broker, {"topic": "changes", "on_new_field": "add"}, "id BIGINT, PRIMARY KEY (id)")
    text = open(os.path.join(changes.folder, "s.sql")).read().replace("FORMAT PLAIN", "FORMAT DEBEZIUM")
    with open(os.path.join(changes.folder, "s.sql"), "w") as file:
        file.write(text)
    changes.once()
    broker.produce("changes", [('{"id":1}', '{"op":"u","before":{"id":1,"v":"a"},"after":{"id":1,"v":"b","w":2}}'),
                               ('{"id":2}', '{"op":"c","before":null,"after":{"id":2,"w":3}}')])
    changes.once()
    expect("a changelog", changes.rows("SELECT id, v, w FROM t ORDER BY id"), [["1", "b", "2"], ["2", "", "3"]])
    expect_in("other codecs", "needs ENCODE JSON",
              Project(home, "fields_bytes", broker, options, "raw BLOB", encode="BYTES").refused(("check",)))
    broker.produce("fields", [(None, '{"id":200,"kafka_offset":1}', None, None)])
    project.once()
    expect("a name that INCLUDE has", project.rows("SELECT reason, message LIKE '%INCLUDE has a column of that name%' FROM"
                                                   " penstock.dead_letters"), [["schema", "true"]])


def cut_connections(home, broker, proxy_port):
    broker.create_topic("cut", 4)
    broker.generate("cut", 100000, 4)
    with Proxy(broker.port, port=proxy_port) as proxy:
        project = Project(home, "cut", broker, {"topic": "cut", "properties.bootstrap.servers": proxy.address})
        proxy.cut_after(3000000)
        project.once()
        expect("it was cut", proxy.connections > 2, True)
    expect("through cut connections", project.rows("SELECT count(*), count(DISTINCT id) FROM t"),
           [["100000", "100000"]])


# --- refusals ------------------------------------------------------------------------------------------------

def refusals(home, broker):
    def text(name, options, command=("run", "--once")):
        return Project(home, "refused_" + name, broker, {"connect.timeout": "3 s", **options}).refused(command)
    broker.create_topic("orders", 1)
    got = text("address", {"topic": "orders", "properties.bootstrap.servers": f"127.0.0.1:{free_port()}"})
    expect_in("a wrong address", "source s: no broker can be used at 127.0.0.1:", got)
    expect_in("a wrong address", "the connection is refused", got)
    expect_in("a host", "cannot be resolved", text("host", {"topic": "orders",
                                                            "properties.bootstrap.servers": "nobody.invalid:9092"}))
    got = text("topic", {"topic": "oders"})
    expect_in("a missing topic", f"source s: there is no topic 'oders' at {broker.direct}", got)
    expect_in("a near name", "did you mean orders?", got)
    for name, user, word, part in (("password", "alice", "not-that-one", "refused the SASL user name or password"),
                                   ("permission", "mallory", None, "topic orders cannot be used by mallory")):
        for mechanism in ("PLAIN", "SCRAM-SHA-512"):
            properties = broker.client_properties(mechanism, user, word)
            got = text(name + mechanism[:5], {"topic": "orders", "properties.bootstrap.servers": broker.secure,
                                              **{"properties." + key: value for key, value in properties.items()}})
            expect_in(name, part, got)
            expect("no secret is shown: " + got, "not-that-one" in got or "mallory-secret" in got, False)
    properties = {"properties." + key: value for key, value in broker.client_properties("PLAIN").items()}
    expect_in("an expired certificate", "the broker's certificate has expired",
              text("expired", {"topic": "orders", **properties, "properties.bootstrap.servers": broker.expired}))
    unknown = {key: value for key, value in properties.items() if key != "properties.ssl.ca.location"}
    expect_in("an unknown authority", "not signed by an authority that is known here",
              text("unknown", {"topic": "orders", **unknown, "properties.bootstrap.servers": broker.secure}))
    expect_in("TLS to a plain listener", "may not speak TLS",
              text("tls", {"topic": "orders", **properties, "properties.bootstrap.servers": broker.direct}))
    expect_in("beyond the end", "start at offset 5", text("beyond", {
        "topic": "orders", "scan.startup.mode": "specific", "scan.startup.specific.offsets": "partition:0,offset:5"}))
    # what can be said without a broker is said by check, which must not touch one
    nowhere = {"properties.bootstrap.servers": "127.0.0.1:1"}
    for name, options, part in (
            ("both", {"topic": "a", "topic.pattern": "b"}, "both a topic and a topic.pattern"),
            ("neither", {}, "does not say which topic to read"),
            ("own", {"topic": "a", "properties.enable.auto.commit": "true"},
             "cannot be set: the store keeps the positions"),
            ("near", {"topic": "a", "properties.isolaton.level": "x"}, "did you mean properties.isolation.level?"),
            ("java", {"topic": "a", "properties.sasl.jaas.config": "password=hush"}, "sasl.password"),
            ("value", {"topic": "a", "properties.fetch.max.bytes": "many"}, "cannot be 'many'"),
            ("mode", {"topic": "a", "scan.startup.mode": "newest"}, "latest"),
            ("needs", {"topic": "a", "scan.startup.mode": "timestamp"}, "needs scan.startup.timestamp"),
            ("time", {"topic": "a", "scan.startup.mode": "timestamp", "scan.startup.timestamp": "noon"},
             "cannot be 'noon'"),
            ("offsets", {"topic": "a", "scan.bounded": "specific", "scan.bounded.specific.offsets": "0:5"},
             "partition:0,offset:42")):
        got = text("check_" + name, {**nowhere, **options}, ("check",))
        expect_in("check " + name, part, got)
        expect_in("its place", "s.sql:1:", got)
        expect("no secret is shown: " + got, "hush" in got, False)
    fine = Project(home, "refused_none", broker, {**nowhere, "topic": "orders"})
    expect("check asks no broker", fine.call("check")[0], 0)


def secure(home, broker):
    broker.create_topic("safe", 1)
    broker.produce("safe", numbers(10))
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"):
        properties = broker.client_properties(mechanism)
        project = Project(home, "safe_" + mechanism, broker,
                          {"topic": "safe", "properties.bootstrap.servers": broker.secure,
                           **{"properties." + key: value for key, value in properties.items()}})
        project.once()
        expect(mechanism, project.ids(), list(range(10)))


def main():
    tests = [every_kind_of_record, empty_topic, many_partitions, large_records, transactions, compaction, startup,
             latest_is_fixed_at_once, bounded_for_ever, topics, new_partitions, recreated, recreated_while_running,
             deleted_records, deleted_while_reading, refusals, secure, killed_often, new_fields, cut_connections, broker_away]
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="penstock-kafka-") as home:
        proxy_port = free_port()
        with Kafka(os.path.join(home, "kafka"), advertised_port=proxy_port, sasl_ssl=True) as broker:
            for test in tests:
                if wanted and not any(word in test.__name__ for word in wanted):
                    continue
                start = time.monotonic()
                test(home, broker, *([proxy_port] if test is cut_connections else []))
                print(f"{test.__name__}: {time.monotonic() - start:.1f} s", flush=True)
    sys.exit(1 if failures else 0)


main()
