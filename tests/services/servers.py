#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The servers that the other tests stand on do what those tests think they do: the broker keeps what was acknowledged
over kill -9, hides aborted transactions, refuses who it should refuse; PostgreSQL keeps what was committed; the proxy
cuts. Without this a test of a fault could pass because there was none.

    tests/services/servers.py PENSTOCK
"""
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka, free_port
from postgres import Postgres
from proxy import Proxy

failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: {got!r} instead of {wanted!r}")
        print("FAILED", failures[-1])


def records(broker):
    broker.create_topic("r", 2)
    broker.produce("r", [("k", "v", {"h": "ä"}, 1, 1700000000123), (None, b"\xff\x00", None, 0), ("k", None, None, 0)])
    got = sorted(broker.consume("r"), key=lambda r: (r["partition"], r["offset"]))
    expect("bytes", got[0]["value_base64"], "/wA=")
    expect("tombstone", (got[1]["key"], got[1]["value"]), ("k", None))
    expect("record", (got[2]["key"], got[2]["value"], got[2]["headers"], got[2]["timestamp"]),
           ("k", "v", {"h": "ä"}, 1700000000123))
    broker.produce("r", [("t", "yes")] * 3, transaction="a")
    broker.produce("r", [("t", "no")] * 5, transaction="a", abort=True)
    expect("committed", len(broker.consume("r")), 6)
    expect("uncommitted", len(broker.consume("r", uncommitted=True)), 11)


def generated(broker):
    broker.create_topic("g", 3)
    broker.generate("g", 1500, 3)
    broker.generate("g", 1500, 3, "--from", "1500", "--key", "device")
    expect("generated", broker.marks("g"), {0: (0, 1000), 1: (0, 1000), 2: (0, 1000)})
    printed = broker.run("generate", "-", "1500", "3", "--print").splitlines()
    found = [r["value"] for r in broker.consume("g") if r["key"] is None]
    expect("the same records again", sorted(found), sorted(printed))
    broker.delete_records("g", 0, 10)
    broker.add_partitions("g", 4)
    expect("cut", broker.marks("g"), {0: (10, 1000), 1: (0, 1000), 2: (0, 1000), 3: (0, 0)})


def refused(broker):
    def answer(address, properties):
        flags = [part for name, value in properties.items() for part in ("-X", f"{name}={value}")]
        done = subprocess.run([broker.tool, address, "wait", "3", *flags], capture_output=True, text=True)
        return done.returncode
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"):
        expect(mechanism, answer(broker.secure, broker.client_properties(mechanism)), 0)
    expect("wrong password", answer(broker.secure, broker.client_properties("PLAIN", "alice", "wrong")), 1)
    expect("expired certificate", answer(broker.expired, broker.client_properties("PLAIN")), 1)


def killed(broker):
    """Whoever is acknowledged stays, though the broker is killed while records come."""
    broker.create_topic("k", 1)
    sending = threading.Thread(target=broker.generate, args=("k", 20000, 1, "--rate", "8000"))
    sending.start()
    time.sleep(0.7)
    broker.kill()
    broker.start()
    sending.join()
    offsets = [r["value"] for r in broker.consume("k")]
    expect("after kill -9", (len(offsets), len(set(offsets))), (20000, 20000))


def proxied(broker, proxy):
    broker.create_topic("p", 1)
    proxy.cut_after(400000)
    # what the broker advertises is the proxy, so every byte of this goes through it
    done = subprocess.run([broker.tool, proxy.address, "generate", "p", "20000", "1"], capture_output=True, text=True)
    expect("through a cut connection", (done.returncode, len(broker.consume("p"))), (0, 20000))
    expect("the proxy was used and cut", proxy.passed > 400000 and proxy.connections > 2, True)
    proxy.refuse()
    refused_status = subprocess.run([broker.tool, proxy.address, "wait", "1"], capture_output=True).returncode
    expect("refused", refused_status, 1)
    proxy.resume()


def postgres(folder):
    with Postgres(folder, password="open-sesame") as server:
        server.query("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (NULL)")
        server.kill()
        server.start()
        expect("after kill -9 of PostgreSQL", server.query("SELECT a FROM t ORDER BY a"), [["1"], [""]])
        server.restart()
        expect("after a restart", server.query("SELECT count(*) FROM t"), [["2"]])
        server.password = "another"
        try:
            server.query("SELECT 1")
            expect("a wrong password", "accepted", "refused")
        except RuntimeError:
            pass


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-servers-") as folder:
        postgres(os.path.join(folder, "postgres"))
        port = free_port()
        with Proxy(port) as proxy:
            with Kafka(os.path.join(folder, "kafka"), port=port, advertised_port=proxy.port, sasl_ssl=True) as broker:
                records(broker)
                generated(broker)
                proxied(broker, proxy)
                refused(broker)
                killed(broker)
    sys.exit(1 if failures else 0)


main()
