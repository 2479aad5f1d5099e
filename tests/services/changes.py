#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A changelog kept by its key, and two topics joined within a bound of time, from a real broker, while penstock is killed
at random moments. What must be in the tables is computed here from the records that were sent.

    tests/services/changes.py PENSTOCK [SEED]
"""
import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kafka import Kafka

penstock = os.path.abspath(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
dice = random.Random(seed)
failures = []

KILLS = 6
PROJECT = """
CREATE SOURCE accounts (id INTEGER, balance INTEGER, owner VARCHAR, PRIMARY KEY (id)) WITH (connector = 'kafka',
  topic = 'accounts', properties.bootstrap.servers = '{broker}') FORMAT UPSERT ENCODE JSON;
CREATE STREAMING TABLE current AS SELECT * FROM STREAM accounts;
CREATE STREAMING TABLE rich (CONSTRAINT named EXPECT (owner <> 'nobody') ON VIOLATION DEAD LETTER)
  AS SELECT owner, id AS account, balance * 2 AS twice FROM STREAM current WHERE balance >= 50;

CREATE SOURCE orders (id INTEGER, t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL 30 SECOND) WITH (connector = 'kafka',
  topic = 'orders', properties.bootstrap.servers = '{broker}') ENCODE JSON;
CREATE SOURCE payments (id INTEGER, t TIMESTAMP, n INTEGER, WATERMARK FOR t AS t - INTERVAL 30 SECOND) WITH (
  connector = 'kafka', topic = 'payments', properties.bootstrap.servers = '{broker}') ENCODE JSON;
CREATE STREAMING TABLE paid AS SELECT o.id, o.t, p.n FROM STREAM orders AS o LEFT JOIN STREAM payments AS p
  ON o.id = p.id AND p.t BETWEEN o.t AND o.t + INTERVAL 20 SECOND;
"""


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        missing = [row for row in wanted if row not in got][:5] if isinstance(got, list) else got
        extra = [row for row in got if row not in wanted][:5] if isinstance(got, list) else ""
        print(f"FAILED {what}: {len(got)} instead of {len(wanted)}; missing {missing}, too many {extra}", flush=True)


def rows(folder, sql):
    done = subprocess.run([penstock, "query", "--format", "csv", "--project", folder, sql], capture_output=True, text=True)
    return sorted(list(csv.reader(io.StringIO(done.stdout)))[1:]) if done.returncode == 0 else done.stderr


class World:
    """What was sent."""

    def __init__(self):
        self.last, self.broken = {}, 0
        self.orders, self.payments, self.clock = [], [], 1000

    def portion(self, broker):
        changes = []
        for _ in range(dice.randrange(50, 400)):
            key = dice.randrange(120)
            row = None
            if dice.random() < 0.8:
                row = {"id": key, "balance": dice.randrange(100), "owner": dice.choice(["ann", "bob", "nobody"])}
                self.broken += row["owner"] == "nobody" and row["balance"] >= 50
            self.last[key] = row
            changes.append((json.dumps({"id": key}), None if row is None else json.dumps(row)))
        broker.produce("accounts", changes)
        orders, payments = [], []
        for _ in range(dice.randrange(20, 200)):
            self.clock += dice.randrange(3)
            order = len(self.orders) + len(orders)
            orders.append((order, self.clock))
            if dice.random() < 0.7:
                payments.append((order, self.clock + dice.randrange(28), dice.randrange(1000)))
        send = lambda row: json.dumps({"id": row[0], "t": self.text(row[1]), **({"n": row[2]} if len(row) > 2 else {})})
        # one partition each: times go up but for what was waited for, so nothing is late
        broker.produce("orders", [(None, send(row)) for row in orders])
        broker.produce("payments", [(None, send(row)) for row in sorted(payments, key=lambda row: row[1])])
        self.orders += orders
        self.payments += payments

    @staticmethod
    def text(second):
        return f"2024-01-01 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

    def joined(self, bound=20):
        end = max(row[1] for row in self.payments) - 30
        by_id = {}
        for order, at, n in self.payments:
            by_id.setdefault(order, []).append((at, n))
        found = []
        for order, at in self.orders:
            partners = [n for when, n in by_id.get(order, []) if at <= when <= at + bound]
            found += [[str(order), self.text(at), str(n)] for n in partners]
            if not partners and at + bound < end:
                found.append([str(order), self.text(at), ""])
        return sorted(found)


def run_and_kill(folder, world, broker):
    """Until it has committed something; then while records come in."""
    world.portion(broker)
    process = subprocess.Popen([penstock, "run", "--project", folder], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    epochs = "SELECT count(*) FROM penstock.epochs"
    before, deadline = rows(folder, epochs), time.monotonic() + 15
    while rows(folder, epochs) == before and time.monotonic() < deadline:
        time.sleep(0.1)
    world.portion(broker)
    time.sleep(dice.random() * 0.4)
    process.send_signal(signal.SIGKILL)
    process.wait()


def main():
    with tempfile.TemporaryDirectory() as home:
        broker = Kafka(os.path.join(home, "broker"))
        broker.start()
        try:
            broker.create_topic("accounts", 4)
            broker.create_topic("orders", 1)
            broker.create_topic("payments", 1)
            folder = os.path.join(home, "project")
            os.makedirs(folder)
            with open(os.path.join(folder, "penstock.yml"), "w") as out:
                out.write("name: changes\nepoch: {rows: 200, interval: 20 ms}\n")
            with open(os.path.join(folder, "all.sql"), "w") as out:
                out.write(PROJECT.format(broker=broker.direct))
            world = World()
            for _ in range(KILLS):
                run_and_kill(folder, world, broker)
            done = subprocess.run([penstock, "run", "--once", "--project", folder], capture_output=True, text=True)
            if done.returncode != 0:
                failures.append("run --once")
                print("FAILED run --once:", (done.stdout + done.stderr)[-2000:], flush=True)
            alive = [row for row in world.last.values() if row is not None]
            expect("current", rows(folder, "SELECT id, balance, owner FROM current"),
                   sorted([str(row["id"]), str(row["balance"]), row["owner"]] for row in alive))
            expect("rich", rows(folder, "SELECT account, owner, twice FROM rich"),
                   sorted([str(row["id"]), row["owner"], str(2 * row["balance"])] for row in alive
                          if row["balance"] >= 50 and row["owner"] != "nobody"))
            expect("dead letters", rows(folder, "SELECT count(*) FROM penstock.dead_letters"),
                   [[str(world.broken)]])
            expect("paid", rows(folder, "SELECT id, t, n FROM paid"), world.joined())
            # the check itself: a bound that is a second off must be seen, and the kills must have fallen between epochs
            if world.joined(19) == rows(folder, "SELECT id, t, n FROM paid"):
                failures.append("a wrong join is not seen")
            lives = int(rows(folder, "SELECT count(DISTINCT attempt) FROM penstock.epochs")[0][0])
            if lives < 3:
                failures.append("too few lives")
            print(failures if failures else "ok", flush=True)
            print(f"seed {seed}: {lives} lives, {len(alive)} accounts, {len(world.orders)} orders, {len(world.payments)} payments,"
                  f" {len(world.joined())} joined, {KILLS} kills", flush=True)
        finally:
            broker.stop()
    sys.exit(1 if failures else 0)


main()
