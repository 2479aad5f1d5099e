#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Avro, Protobuf and bytes from a real broker, with a schema registry that is there, away, slow to come, or says no; and
changelogs by their key. What the codecs make of each value is tested in tests/unit; here it is the way of a record.

    tests/services/codecs.py PENSTOCK [NAME...]      only the tests whose names contain one of these
"""
import base64
import csv
import io
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka
from registry import Registry

penstock = os.path.abspath(sys.argv[1])
root = os.environ.get("PENSTOCK_SOURCE_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
failures = []

TRIP = json.dumps({"type": "record", "name": "Trip", "fields": [
    {"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "legs", "type": {"type": "array", "items": "string"}}]})


def expect(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: {got!r} instead of {wanted!r}")
        print("FAILED", failures[-1], flush=True)


def expect_in(what, part, text):
    if part not in text:
        failures.append(f"{what}: no {part!r} in {text!r}")
        print("FAILED", failures[-1], flush=True)


# --- writing ---------------------------------------------------------------------------------------------------------

def varint(value):
    out = b""
    while True:
        out += bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
        value >>= 7
        if value == 0:
            return out


def avro_long(value):
    return varint((value << 1) ^ (value >> 63) & 0xFFFFFFFFFFFFFFFF if value < 0 else value << 1)


def avro_text(text):
    return avro_long(len(text.encode())) + text.encode()


def trip(number, name="x", at=1700000000123, legs=("EWR", "JFK")):
    return (avro_long(number) + (b"\0" if name is None else b"\2" + avro_text(name)) + avro_long(at) +
            (avro_long(len(legs)) + b"".join(map(avro_text, legs)) if legs else b"") + b"\0")


def framed(number, body):
    return b"\0" + struct.pack(">I", number) + body


# --- projects --------------------------------------------------------------------------------------------------------

class Project:
    """A folder with one source `s` and one table `t` over it."""

    def __init__(self, home, name, broker, columns, encode, options=None, includes="", form="PLAIN", environment=None):
        self.folder, self.process = os.path.join(home, name), None
        self.environment = {**os.environ, **(environment or {})}
        os.makedirs(self.folder, exist_ok=True)
        settings = {"connector": "kafka", "topic": name, "properties.bootstrap.servers": broker.direct, **(options or {})}
        text = ", ".join(f"{key} = '{value}'" for key, value in settings.items())
        with open(os.path.join(self.folder, "penstock.yml"), "w") as out:
            out.write(f"name: {name}\n")
        with open(os.path.join(self.folder, "s.sql"), "w") as out:
            out.write(f"CREATE SOURCE s ({columns}) {includes} WITH ({text})\nFORMAT {form} ENCODE {encode};\n"
                      f"CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;\n")

    def call(self, *arguments, timeout=120):
        done = subprocess.run([penstock, *arguments, "--project", self.folder], capture_output=True, text=True,
                              timeout=timeout, env=self.environment)
        return done.returncode, done.stdout + done.stderr

    def once(self):
        status, text = self.call("run", "--once")
        expect(f"{self.folder}: run --once: {text[-1500:]}", status, 0)

    def refused(self, *command):
        status, text = self.call(*(command or ("run", "--once")))
        expect(f"{self.folder}: it should not run: {text}", status, 1)
        return text

    def rows(self, sql="SELECT * FROM t ORDER BY ALL"):
        done = subprocess.run([penstock, "query", "--format", "csv", "--project", self.folder, sql], capture_output=True,
                              text=True, env=self.environment)
        return list(csv.reader(io.StringIO(done.stdout)))[1:] if done.returncode == 0 else done.stderr

    def letters(self):
        """[reason, a part of the sentence] of every dead letter, in the order of offsets"""
        status, text = self.call("dlq", "list", "--format", "json")
        if status != 0:
            return text
        return text

    def start(self):
        self.out = open(os.path.join(self.folder, "out.txt"), "a")
        self.process = subprocess.Popen([penstock, "run", "--project", self.folder], stdout=self.out,
                                        stderr=subprocess.STDOUT, env=self.environment)

    def wait_for(self, what, wanted, sql="SELECT count(*) FROM t", seconds=60):
        deadline = time.monotonic() + seconds
        got = None
        while time.monotonic() < deadline and self.process.poll() is None:
            got = self.rows(sql)
            if got == [[str(wanted)]]:
                return
            time.sleep(0.2)
        with open(os.path.join(self.folder, "out.txt")) as file:
            expect(f"{self.folder}: {what}: {file.read()[-1500:]}", got, [[str(wanted)]])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect(f"{self.folder}: stop", self.process.wait(30), 0)


TRIP_COLUMNS = "id BIGINT NOT NULL, name VARCHAR, at TIMESTAMP, legs JSON"


# --- tests -----------------------------------------------------------------------------------------------------------

def avro_with_a_registry(home, broker):
    broker.create_topic("avro", 1)
    with Registry(user="reader", password="hush") as registry:
        first = registry.register("avro-value", TRIP)
        second = registry.register("avro-value", json.dumps({"type": "record", "name": "Trip", "fields": [
            {"name": "extra", "type": "double"}, {"name": "number", "aliases": ["id"], "type": "int"}]}))
        records = [(None, framed(first, trip(i))) for i in range(100)]
        records += [(None, framed(second, struct.pack("<d", 0.5) + avro_long(1000)))]
        records += [(None, framed(99, trip(1))), (None, b"{}"), (None, framed(first, trip(1)[:-3])),
                    (None, framed(first, trip(1) + b"x"))]
        broker.produce("avro", records)
        options = f"AVRO (schema.registry = '{registry.address}/', schema.registry.username = 'reader', " \
                  "schema.registry.password = '${PASSWORD}')"
        project = Project(home, "avro", broker, TRIP_COLUMNS, options, environment={"PASSWORD": "hush"})
        project.once()
        expect("avro", project.rows("SELECT count(*), sum(id), min(name), max(epoch_ms(\"at\")), min(legs) FROM t"),
               [["101", "5950", "x", "1700000000123", '["EWR","JFK"]']])
        expect("asked once per id", sorted(set(registry.requests)), ["/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/99"])
        expect("asked once per id", len(registry.requests), 3)
        text = project.letters()
        for part in ("no schema of id 99", "no schema id", "the record ends after", "1 bytes stand behind"):
            expect_in("dead letters", part, text)
        # a wrong password: one sentence, not shown, nothing lost
        broker.produce("avro", [(None, framed(first, trip(2000)))])
        project.environment["PASSWORD"] = "wr0ng"
        text = project.refused()
        expect_in("wrong password", "refuses reader", text)
        expect("no secret is shown: " + text, "wr0ng" in text, False)
        project.environment["PASSWORD"] = "hush"
        project.once()
        expect("after it", project.rows("SELECT count(*) FROM t WHERE id = 2000"), [["1"]])


def registry_away(home, broker):
    broker.create_topic("away", 1)
    registry = Registry().start()
    first = registry.register("away-value", TRIP)
    registry.stop()
    broker.produce("away", [(None, framed(first, trip(i))) for i in range(10)])
    project = Project(home, "away", broker, TRIP_COLUMNS, f"AVRO (schema.registry = '{registry.address}')")
    text = project.refused("run", "--once", "--conf", "retry-timeout=1 s")
    expect_in("away at the start", "the schema registry at http://127.0.0.1", text)
    expect("nothing is a dead letter", "SCHEMA" in project.letters().upper(), False)
    # it comes while the run waits for it
    project.start()
    time.sleep(1.5)
    registry.fail(503, 2)
    registry.start()
    project.wait_for("the registry is back", 10)
    # a new schema while it is away, then back
    second = registry.register("away-value", json.dumps({"type": "record", "name": "Trip", "fields": [
        {"name": "id", "type": "long"}]}))
    registry.stop()
    broker.produce("away", [(None, framed(second, avro_long(50))), (None, framed(first, trip(51)))])
    time.sleep(9)  # longer than one attempt
    registry.start()
    project.wait_for("the registry is back again", 12)
    # a stop while it is away
    registry.stop()
    broker.produce("away", [(None, framed(77, avro_long(50)))])
    time.sleep(1)
    project.stop()


def avro_with_one_schema(home, broker):
    broker.create_topic("fixed", 1)
    broker.produce("fixed", [(None, trip(i, None, legs=())) for i in range(3)])
    project = Project(home, "fixed", broker, TRIP_COLUMNS, "AVRO (schema.file = 'trip.avsc')")
    expect_in("no file", "trip.avsc", project.refused("check"))
    with open(os.path.join(project.folder, "trip.avsc"), "w") as out:
        out.write(TRIP)
    project.once()
    expect("fixed", project.rows("SELECT id, name, legs FROM t ORDER BY id"), [[str(i), "", "[]"] for i in range(3)])
    with open(os.path.join(project.folder, "trip.avsc"), "w") as out:
        out.write('{"type": "record"}')
    expect_in("no schema", "not an Avro schema: a record without fields", project.refused("check"))


def protobuf(home, broker):
    folder = os.path.join(root, "tests", "unit", "data", "protobuf")

    def compiler(*arguments, input=b""):
        return subprocess.run(["protoc-c", "--proto_path=.", *arguments], input=input, cwd=folder, check=True,
                              stdout=subprocess.PIPE).stdout

    def descriptor(file):
        set_of_one = compiler("--descriptor_set_out=/dev/stdout", file)
        at = 2 if set_of_one[1] < 0x80 else 3
        return base64.b64encode(set_of_one[at:]).decode()

    broker.create_topic("proto", 1)
    values = [compiler("--encode=trips.v1.Trip", "trips.proto", input=f's: "n{i}" l: {i} at {{ seconds: {i} }}'.encode())
              for i in range(5)]
    broker.produce("proto", [(None, value) for value in values])
    project = Project(home, "proto", broker, "s VARCHAR, l BIGINT, at TIMESTAMP",
                      "PROTOBUF (descriptor.file = 'trips.desc', message = 'trips.v1.Trip')")
    compiler("--include_imports", "--descriptor_set_out=" + os.path.join(project.folder, "trips.desc"), "trips.proto")
    project.once()
    expect("descriptor file", project.rows("SELECT s, l, epoch(\"at\") FROM t ORDER BY l"),
           [[f"n{i}", str(i), f"{i}.0"] for i in range(5)])
    with Registry() as registry:
        registry.register("known.proto", descriptor("known.proto"), "PROTOBUF")
        number = registry.register("proto-value", descriptor("trips.proto"), "PROTOBUF",
                                   [{"name": "known.proto", "subject": "known.proto", "version": 1}])
        broker.create_topic("proto2", 1)
        broker.produce("proto2", [(None, framed(number, b"\2\2" + value)) for value in values] +
                       [(None, framed(number, b"\2\x30" + values[0]))])
        project = Project(home, "proto2", broker, "s VARCHAR, l BIGINT, at TIMESTAMP",
                          f"PROTOBUF (schema.registry = '{registry.address}')")
        project.once()
        expect("registry", project.rows("SELECT s, l, epoch(\"at\") FROM t ORDER BY l"),
               [[f"n{i}", str(i), f"{i}.0"] for i in range(5)])
        expect("with its reference", registry.requests, ["/schemas/ids/2?format=serialized",
                                                         "/subjects/known.proto/versions/1?format=serialized"])
        expect_in("dead letters", "no message of the indexes", project.letters())


def upsert(home, broker):
    broker.create_topic("upsert", 1)
    broker.produce("upsert", [("1", '{"id":1,"name":"a"}'), ("2", '{"name":"b"}'), ('{"id":3}', '{"name":"c"}'),
                              ("1", None), ("2", '{"name":"B"}'), (None, '{"id":4}'), ("5", '{"id":6}')])
    project = Project(home, "upsert", broker, "id BIGINT PRIMARY KEY, name VARCHAR", "JSON", form="UPSERT")
    project.once()
    expect("upsert", project.rows("SELECT id, name FROM t ORDER BY id"), [["2", "B"], ["3", "c"]])
    broker.produce("upsert", [("3", None), ("1", '{"name":"again"}')])
    project.once()
    expect("upsert", project.rows("SELECT id, name FROM t ORDER BY id"), [["1", "again"], ["2", "B"]])
    text = project.letters()
    for part in ("has no key", "disagree"):
        expect_in("dead letters", part, text)
    # keys and values by registry
    with Registry() as registry:
        key = registry.register("upsert2-key", '"long"')
        value = registry.register("upsert2-value", json.dumps({"type": "record", "name": "V", "fields": [
            {"name": "name", "type": "string"}]}))
        broker.create_topic("upsert2", 1)
        broker.produce("upsert2", [(framed(key, avro_long(i)), framed(value, avro_text(f"n{i}"))) for i in range(4)] +
                       [(framed(key, avro_long(2)), None)])
        project = Project(home, "upsert2", broker, "id BIGINT PRIMARY KEY, name VARCHAR",
                          f"AVRO (schema.registry = '{registry.address}')", form="UPSERT")
        project.once()
        expect("upsert by registry", project.rows("SELECT id, name FROM t ORDER BY id"),
               [["0", "n0"], ["1", "n1"], ["3", "n3"]])


def debezium(home, broker):
    def event(operation, before=None, after=None):
        return json.dumps({"schema": {}, "payload": {"before": before, "after": after, "op": operation, "source": {}}})

    broker.create_topic("debezium", 1)
    broker.produce("debezium", [
        ('{"id":1}', event("r", None, {"id": 1, "name": "a"})), ('{"id":2}', event("c", None, {"id": 2, "name": "b"})),
        ('{"id":1}', event("u", {"id": 1, "name": "a"}, {"id": 1, "name": "A"})),
        ('{"id":2}', event("d", {"id": 2, "name": "b"})), ('{"id":2}', None),
        ('{"id":1}', event("u", {"id": 1, "name": "A"}, {"id": 7, "name": "moved"})), (None, event("t"))])
    project = Project(home, "debezium", broker, "id BIGINT, name VARCHAR, PRIMARY KEY (id)", "JSON", form="DEBEZIUM")
    project.once()
    kept = Project(home, "kept", broker, "id BIGINT, PRIMARY KEY (id)", "JSON", {"topic": "debezium", "on_new_field": "keep"},
                   form="DEBEZIUM")
    kept.once()
    expect("fields without a column", kept.rows("SELECT id, penstock_rest FROM t"), [["7", '{"name":"moved"}']])
    expect("debezium", project.rows("SELECT id, name FROM t ORDER BY id"), [["7", "moved"]])
    expect_in("dead letters", "truncated", project.letters())


def bytes_as_they_are(home, broker):
    broker.create_topic("bytes", 1)
    broker.produce("bytes", [(None, b"\x00\xff"), (None, "text"), (None, "")])
    project = Project(home, "bytes", broker, "value BLOB", "BYTES", includes="INCLUDE offset AS o")
    project.once()
    expect("bytes", project.rows("SELECT o, hex(value) FROM t ORDER BY o"), [["0", "00FF"], ["1", "74657874"], ["2", ""]])
    project = Project(home, "bytes_two", broker, "a BLOB, b BLOB", "BYTES", {"topic": "bytes"})
    expect_in("two columns", "fills one column, 2 are declared", project.refused("check"))


def refusals(home, broker):
    for encode, part in (("AVRO", "does not say where the schema is"),
                         ("AVRO (schema = '{')", "it is not JSON"),
                         ("AVRO (schema.registry = 'http://a', schema = '{}')", "takes one of"),
                         ("AVRO (schema.registry = 'http://me:hush@host')", "user or password in it"),
                         ("AVRO (schema.registry = 'host:8081')", "is no address"),
                         ("PROTOBUF (descriptor.file = 'x')", "which message"),
                         ("PROTOBUF (descriptor.file = 'gone', message = 'a.B')", "gone")):
        project = Project(home, "refused", broker, "id BIGINT", encode)
        text = project.refused("check")
        expect_in(encode, part, text)
        expect_in("its place", "s.sql:", text)
        expect("no secret is shown: " + text, "hush" in text, False)


def main():
    tests = [avro_with_a_registry, registry_away, avro_with_one_schema, protobuf, upsert, debezium, bytes_as_they_are,
             refusals]
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="penstock-codecs-") as home, Kafka(os.path.join(home, "kafka")) as broker:
        for test in tests:
            if wanted and not any(word in test.__name__ for word in wanted):
                continue
            start = time.monotonic()
            test(home, broker)
            print(f"{test.__name__}: {time.monotonic() - start:.1f} s", flush=True)
    sys.exit(1 if failures else 0)


main()
