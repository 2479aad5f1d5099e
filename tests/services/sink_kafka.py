#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink against a real broker: the sink suite, what a record looks like, errors as sentences, and a broker that
stops, dies, is cut off or too slow at every step of an epoch.

    tests/services/sink_kafka.py PENSTOCK
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka, free_port
from proxy import Proxy
from sinks import Refused, Sinks, refused, suite

ROWS = "SELECT i AS id FROM range({}, {}) t(i)"


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def settings(broker, name, **more):
    """Names of properties are written with two underscores: properties__linger__ms."""
    return {"connector": "kafka", "name": name, "topic": name, "properties.bootstrap.servers": broker.bootstrap,
            **{key.replace("__", "."): value for key, value in more.items()}}


def ids(broker, topic):
    return sorted(json.loads(record["value"])["id"] for record in broker.consume(topic))


# --- what is written ----------------------------------------------------------------------------------------------


def records(broker):
    broker.create_topic("records", 1)
    select = """SELECT 7 AS id, 'é"' AS name, NULL::INTEGER AS nothing, TIMESTAMP '2024-02-29 12:34:56.123456' AS at,
        1.50::DECIMAL(9,2) AS price, 'nan'::DOUBLE AS bad, '-inf'::FLOAT AS low, [1, NULL] AS list, {'a': 'b'} AS nested,
        'trace-1' AS trace, 'ab'::BLOB AS raw, NULL::VARCHAR AS absent"""
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "records", key="id, name", headers="trace, raw, absent", timestamp="at"),
                         " ".join(select.split("\n")))
        out.open()
        out.recover(1)
        out.epoch(1, 1)
    record, = broker.consume("records")
    equal("key", json.loads(record["key"]), {"id": 7, "name": 'é"'})
    value = json.loads(record["value"])
    equal("value", value, {"id": 7, "name": 'é"', "nothing": None, "at": "2024-02-29 12:34:56.123456", "price": 1.5,
                           "bad": "NaN", "low": "-Infinity", "list": [1, None], "nested": {"a": "b"}})
    equal("headers", {name: text or None for name, text in record["headers"].items()},
          {"trace": "trace-1", "raw": "ab", "absent": None})
    equal("time", record["timestamp"], 1709210096123)


def raw_bytes(broker):
    broker.create_topic("bytes", 1)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "bytes", key="k", encode="bytes"), "SELECT 'k' AS k, 'v'::BLOB AS v")
        out.open()
        out.recover(1)
        out.epoch(1, 1, r"SELECT * FROM (VALUES ('a', '\x00\xFF'::BLOB), ('a', NULL), (NULL, ''::BLOB)) v(k, v)")
    seen = [(r.get("key"), r.get("value"), r.get("value_base64")) for r in broker.consume("bytes")]
    equal("bytes", seen, [("a", None, "AP8="), ("a", None, None), (None, "", None)])


def partitions(broker):
    """The same key goes where Kafka's Java clients put it (murmur2): these were computed with their code."""
    broker.create_topic("partitions", 5)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "partitions", key="k"), "SELECT 'a' AS k, 1 AS id")
        out.open()
        out.recover(1)
        out.epoch(1, 1, "SELECT 'key-' || i AS k, i AS id FROM range(40) t(i)")
    got = {r["key"]: r["partition"] for r in broker.consume("partitions")}
    equal("partitions", got, {key: murmur2(key.encode()) % 5 for key in got})
    equal("all of them", len(got), 40)


def murmur2(data):
    """As in org.apache.kafka.common.utils.Utils, made positive as Utils.toPositive does."""
    mask, m = 0xffffffff, 0x5bd1e995
    h = 0x9747b28c ^ len(data)
    for i in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[len(data) // 4 * 4:]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * m) & mask
    h = ((h ^ h >> 13) * m) & mask
    return (h ^ h >> 15) & 0x7fffffff


# --- what is refused ----------------------------------------------------------------------------------------------


def mistakes(broker):
    """Before anything is touched."""
    for wrong, words in (({"key": "idd"}, ["key names 'idd'", "did you mean id?"]),
                         ({"timestamp": "id"}, ["BIGINT", "not TIMESTAMP"]),
                         ({"encode": "bytes"}, ["ENCODE BYTES wants one column", "BIGINT"]),
                         ({"headers": "id"}, ["none is left for the value"]),
                         ({"properties__transactional__id": "x"}, ["properties.transactional.id cannot be set"]),
                         ({"properties__enable__idempotence": "false"}, ["properties.enable.idempotence cannot be set"]),
                         ({"properties__message__max__byte": "5"}, ["test.sql:1:1: sink t", "'message.max.byte'", "message.max.bytes"]),
                         ({"encode": "avro"}, ["cannot write ENCODE avro"])):
        with Sinks() as sinks:
            out = sinks.sink(settings(broker, "t", **wrong), ROWS.format(0, 1))
            refused(out.open, "INVALID_PROJECT", *words)


def topics(broker):
    broker.create_topic("invoices", 1)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "invoice"), ROWS.format(0, 2))
        out.open()
        refused(lambda: out.recover(1), "NOT_FOUND", "invoice", "did you mean", "invoices")
        out.close()
        out.set("create_topic", "true")
        out.set("partitions", "3")
        out.open()
        out.recover(1)
        out.epoch(1, 1)
        equal("a new topic", len(broker.marks("invoice")), 3)
        away = sinks.sink(settings(broker, "invoices"), ROWS.format(0, 1))
        port = free_port()
        away.set("properties.bootstrap.servers", f"127.0.0.1:{port}")
        away.open()
        error = refused(lambda: away.recover(1), "UNAVAILABLE", f"127.0.0.1:{port}", "refused")
        equal("a broker that is away", error.remedy, "RETRY")
        assert error.ms < 12000, error.ms
        slow = sinks.sink(settings(broker, "invoices", properties__transaction__timeout__ms="2000000"), ROWS.format(0, 1))
        slow.open()
        refused(lambda: slow.recover(1), "INVALID_PROJECT", "transaction.timeout.ms is 2000000",
                "transaction.max.timeout.ms is 900000")
    equal("both", ids(broker, "invoice"), [0, 1])


def sizes(broker):
    """A record that the topic does not take is an error with what to do; nothing of its epoch is there."""
    broker.create_topic("small", 1, {"max.message.bytes": "20000"})
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "small"), "SELECT 1 AS id, 'x' AS body")
        out.open()
        out.recover(1)
        for size, words in ((100000, "max.message.bytes of the topic"), (3000000, "properties.message.max.bytes")):
            def step():
                out.begin(1, 1)
                out.write(f"SELECT 1 AS id, 'x' AS body UNION ALL SELECT 2, repeat('x', {size})")
                out.commit(1, 1)
            error = refused(step, "INVALID_DATA", words)
            equal("not to be retried", error.remedy, "GIVE_UP")
            out.discard()
            equal("after it", out.recover(1), 0)
        out.epoch(1, 1, "SELECT 3 AS id, 'x' AS body")
    equal("only what was committed", ids(broker, "small"), [3])


def stores(broker):
    broker.create_topic("shared", 1)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "shared"), ROWS.format(0, 2))
        out.open()
        out.recover(3)
        out.epoch(1, 3)
        out.close()
        out.set("store", "store-2")
        out.open()
        refused(lambda: out.recover(1), "INVALID_DATA", "another store", "store-1", "store-2", "on_other_store")
        out.close()
        out.set("on_other_store", "replace")
        out.open()
        equal("replaced", out.recover(1), 0)
        out.epoch(1, 1)
        out.close()
        out.open()
        equal("its own now", out.recover(2), 1)
    equal("records stay", ids(broker, "shared"), [0, 0, 1, 1])


def permissions(folder):
    with Kafka(os.path.join(folder, "secure"), sasl_ssl=True) as broker:
        broker.create_topic("t", 1)
        with Sinks() as sinks:
            def sink(**properties):
                out = sinks.sink(settings(broker, "t"), ROWS.format(0, 1))
                out.set("properties.bootstrap.servers", broker.secure)
                for name, value in broker.client_properties(**properties).items():
                    out.set("properties." + name, value)
                out.open()
                return out
            good = sink()
            good.recover(1)
            good.epoch(1, 1)
            error = refused(lambda: sink(user="mallory").recover(2), "IO", "permission")
            equal("no permission", error.remedy, "GIVE_UP")
            error = refused(lambda: sink(password="sesame-9").recover(2), "IO", "refused the SASL user name or password")
            assert "sesame" not in str(error), error
            equal("a wrong password", error.remedy, "GIVE_UP")


# --- brokers that go away -----------------------------------------------------------------------------------------


def drive(out, epoch, attempt, disturb, rows):
    """One epoch as the runner drives it: what may be retried is discarded and recovered. The attempt that it took."""
    steps = [lambda: out.begin(epoch, attempt), lambda: out.write(rows), lambda: out.commit(epoch, attempt)]
    while True:
        try:
            for number, step in enumerate(steps):
                disturb(number)
                step()
            return attempt
        except Refused as error:
            equal(f"the remedy of {error}", error.remedy, "RETRY")
            out.discard()
            attempt += 1
            if out.recover(attempt) == epoch:
                return attempt


def see(broker, topic, wanted):
    """Waits until just these records are to be seen by who reads committed ones."""
    broker.wait()
    deadline = time.monotonic() + 60
    got = ids(broker, topic)
    while got != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        got = ids(broker, topic)
    if got != wanted:
        raise AssertionError(f"{len(got)} records instead of {len(wanted)}; missing {sorted(set(wanted) - set(got))[:5]}, "
                             f"there are {len(got) - len(set(got))} twice")


def restarts(broker):
    """The broker stops, or dies, before every step. It dies only when the markers of the epoch before are there: a
    partition without replicas that is killed in between can stay without its marker for ever (KAFKA-20716)."""
    broker.create_topic("restarted", 2)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "restarted", retry="50 s"), ROWS.format(0, 1))
        out.open()
        out.recover(1)
        attempt, epoch, left = 1, 0, []
        for at, end in ((0, broker.kill), (1, broker.stop), (2, broker.kill)):
            epoch += 1
            left = [at]

            def disturb(number):
                if left == [number]:
                    left.clear()
                    end()
                    broker.start(wait=False)  # the sink waits for it
            attempt = drive(out, epoch, attempt, disturb, ROWS.format(epoch * 10000, epoch * 10000 + 3000))
            see(broker, "restarted", [i for e in range(1, epoch + 1) for i in range(e * 10000, e * 10000 + 3000)])


def cuts(folder):
    """Connections that break in the middle of epochs and commits."""
    proxy = Proxy(0)
    broker = Kafka(os.path.join(folder, "behind"), advertised_port=proxy.port)
    proxy.target_port = broker.port
    proxy.start()
    try:
        with broker, Sinks() as sinks:
            for delivery in ("exactly_once", "at_least_once"):
                broker.create_topic(delivery, 2)
                out = sinks.sink(settings(broker, delivery, delivery=delivery), ROWS.format(0, 1))
                out.set("properties.bootstrap.servers", proxy.address)
                out.open()
                out.recover(1)
                attempt = 1
                for epoch in range(1, 5):
                    def disturb(number):
                        if number > 0:
                            proxy.cut_after(epoch * 37 * (1 if number == 2 else 300))
                    attempt = drive(out, epoch, attempt, disturb, ROWS.format(epoch * 1000, epoch * 1000 + 1000))
                got = ids(broker, delivery)
                equal("every record", sorted(set(got)) == list(range(1000, 5000)), True)
                if delivery == "exactly_once":
                    equal("every record once", len(got), 4000)
    finally:
        proxy.stop()


def zombies(broker):
    broker.create_topic("fenced", 1)
    with Sinks() as old, Sinks() as new:
        first = old.sink(settings(broker, "fenced"), ROWS.format(0, 3))
        first.open()
        first.recover(1)
        first.begin(1, 1)
        first.write()
        second = new.sink(settings(broker, "fenced"), ROWS.format(0, 3))
        second.open()
        equal("taken over", second.recover(2), 0)
        second.epoch(1, 2)
        refused(lambda: first.commit(1, 1), "FENCED", "attempt 2")
        first.discard()
        refused(lambda: first.recover(1), "FENCED", "attempt 2")
        second.epoch(2, 2, ROWS.format(3, 4))  # the zombie's recover() did not fence it
    equal("one writer", ids(broker, "fenced"), [0, 1, 2, 3])


def slow_epochs(broker):
    """A transaction that takes longer than transaction.timeout.ms is fenced by the broker, though nobody took over."""
    broker.create_topic("slow", 1)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "slow", properties__transaction__timeout__ms="1000"), ROWS.format(0, 2))
        out.open()
        out.recover(1)
        out.begin(1, 1)
        out.write()
        time.sleep(4)
        error = refused(lambda: out.commit(1, 1), "UNAVAILABLE")
        equal("a timeout is no takeover", error.remedy, "RETRY")
        out.discard()
        equal("nothing was committed", out.recover(1), 0)
        out.epoch(1, 1)
        out.begin(2, 1)
        out.write(ROWS.format(2, 4))
        time.sleep(4)

        def step():
            out.write(ROWS.format(4, 6))
            out.commit(2, 1)
        equal("nor is it one while records are written", refused(step, "UNAVAILABLE").remedy, "RETRY")
        out.discard()
        equal("still", out.recover(2), 1)
        out.epoch(2, 2, ROWS.format(2, 4))
    equal("once", ids(broker, "slow"), [0, 1, 2, 3])


def killed(broker):
    """kill -9 in the middle of a transaction: the next start has the epoch's end within two seconds."""
    broker.create_topic("killed", 1)
    for attempt in range(1, 4):
        with Sinks() as sinks:
            out = sinks.sink(settings(broker, "killed"), ROWS.format(0, 2))
            out.open()
            started = time.monotonic()
            epoch = out.recover(attempt)
            took = time.monotonic() - started
            assert took < 5, took
            print(f"  recovered in {took * 1000:.0f} ms", flush=True)
            out.epoch(epoch + 1, attempt, ROWS.format(epoch, epoch + 1))
            out.begin(epoch + 2, attempt)
            out.write(ROWS.format(epoch + 1, epoch + 2))
            if attempt == 2:
                sinks.send(f"commit 0 {epoch + 2} {attempt}")
                time.sleep(0.01)
            sinks.kill()
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "killed"), ROWS.format(0, 2))
        out.open()
        epoch = out.recover(9)
    equal("each epoch once", ids(broker, "killed"), list(range(epoch)))


def speed(broker):
    """Commits of small epochs are quick; large ones are not slowed down by the queue."""
    broker.create_topic("speed", 2)
    with Sinks() as sinks:
        out = sinks.sink(settings(broker, "speed", key="id"), ROWS.format(0, 1))
        out.open()
        out.recover(1)
        times = []
        for epoch in range(1, 21):
            started = time.monotonic()
            out.epoch(epoch, 1)
            times.append(time.monotonic() - started)
        started = time.monotonic()
        out.epoch(21, 1, ROWS.format(0, 200000))
        took = time.monotonic() - started
        print(f"  small epochs: median {sorted(times)[10] * 1000:.1f} ms; 200,000 records: {took:.2f} s", flush=True)
        assert sorted(times)[10] < 1.0, times  # a loaded machine; 10 ms on a quiet one


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        with Kafka(os.path.join(folder, "kafka")) as broker:
            suite("kafka", broker.bootstrap)
            for test in (records, raw_bytes, partitions, mistakes, topics, sizes, stores, zombies, slow_epochs, killed, speed,
                         restarts):
                started = time.monotonic()
                test(broker)
                print(f"{test.__name__}: {time.monotonic() - started:.1f} s", flush=True)
        for test in (cuts, permissions):
            started = time.monotonic()
            test(folder)
            print(f"{test.__name__}: {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
