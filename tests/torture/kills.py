#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exactly once against real servers. A producer fills a topic of a real Kafka broker; penstock moves it into its store, a
view and every outside sink it has, while this program kills it again and again, at random moments, kills and restarts the
broker and PostgreSQL, cuts and stalls the network, lets the disk be full, and freezes penstock, has it replaced by another
process and wakes it up again. Three programs that are not exactly once (wrong_modes.c) read the same topic and are killed
at the same moments. In the end checker.py compares every sink with the input.

Passes if penstock lost and doubled nothing anywhere, if the faults of the wrong modes were seen, and if the checker sees a
row that was taken away and one that was doubled on purpose.

    tests/torture/kills.py PENSTOCK KAFKA_TOOL WRONG_MODES [--kills N] [--records N] [--seed N] [--report FILE]
                           [--without-wrong-modes] [--sinks kafka,file,hbase]
        20 kills and 200,000 records; with PENSTOCK_TORTURE set 1,000 and 10,000,000. HBase, which takes long to start and
        much memory, is among the sinks only if it is named.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from hbase import HBase
from kafka import Kafka, free_port
from postgres import Postgres
from proxy import Proxy
from python import test_python
from subjects import Penstock, WrongMode, sinks_of_this_build

WRONG_MODES = {"receiver": "doubled", "ack-first": "lost", "write-first": "doubled"}
PARTITIONS = 4
# How a life ends, besides the kill -9 that every life ends with: what happens before it, and how often in 40 lives.
FAULTS = {"nothing": 22, "cut": 4, "stall": 2, "zombie": 4, "broker": 2, "postgres": 2, "disk": 3, "stop": 1}


class Torture:
    def __init__(self, options, base):
        self.options, self.base = options, base
        self.generator = random.Random(options.seed)
        self.done = {fault: 0 for fault in FAULTS}
        self.kills = self.killed_early = self.fenced = self.woken = 0
        self.is_zombie_life = self.has_forgotten = False
        self.forgotten = 0
        port = free_port()
        self.proxy = Proxy(port).start()
        self.broker = Kafka(os.path.join(base, "kafka"), port=port, advertised_port=self.proxy.port, tool=options.tool,
                            heap_mb=128 if options.records < 1000000 else 1024)
        self.postgres = Postgres(os.path.join(base, "postgres"))
        self.hbase = None
        self.producer = None
        self.subjects = []

    def say(self, text):
        print(f"{time.monotonic() - self.started:7.1f} s  {text}", flush=True)

    # --- set-up -----------------------------------------------------------------------------------------------

    def start(self):
        self.started = time.monotonic()
        self.postgres.start()
        self.broker.start()
        self.broker.create_topic("events", PARTITIONS)
        self.broker.create_topic("out", PARTITIONS)
        self.postgres.query("CREATE TABLE kept (id bigint, category text, load_ms numeric(12,3))")
        names = self.options.sinks.split(",") if self.options.sinks else sinks_of_this_build(self.options.penstock)
        if "hbase" in names:
            self.start_hbase()
        self.penstock = Penstock(self.options.penstock, os.path.join(self.base, "project"), names, self.broker,
                                 self.proxy.address, self.postgres, self.hbase)
        self.subjects = [self.penstock]
        if not self.options.without_wrong_modes:
            self.subjects += [WrongMode(mode, self.options.wrong_modes, os.path.join(self.base, mode), self.broker,
                                        self.proxy.address) for mode in WRONG_MODES]
        # so that it lasts as long as the lives do, which with their faults take a good second more than half the longest
        rate = max(1000, int(self.options.records / (self.options.kills * (self.options.life * 0.5 + 1.2))))
        self.say(f"sinks: store, view, {', '.join(names)}; {self.options.records} records at {rate}/s")
        self.producer = subprocess.Popen([self.options.tool, self.broker.direct, "generate", "events", str(self.options.records),
                                          str(PARTITIONS), "--key", "device", "--rate", str(rate), "-X", "log_level=0"])

    def start_hbase(self):
        self.hbase = HBase(os.path.join(self.base, "hbase")).start()
        tool = os.environ.get("PENSTOCK_HBASE_TOOL") or os.path.join(os.path.dirname(self.options.tool), "hbase_tool")
        subprocess.run([tool, "create", "kept", "10", "3", "6"], check=True,  # versions, and where regions begin
                       env={**os.environ, "PENSTOCK_HBASE_MASTERS": self.hbase.masters})

    def stop(self):
        for subject in self.subjects:
            if subject.process is not None and subject.process.poll() is None:
                subject.kill()
        if self.producer is not None and self.producer.poll() is None:
            self.producer.kill()
            self.producer.wait()
        self.broker.kill()
        self.postgres.kill()
        self.postgres.remove()
        if self.hbase is not None:
            self.hbase.kill()
        self.proxy.stop()

    # --- faults -----------------------------------------------------------------------------------------------

    def wait(self, seconds):
        time.sleep(self.generator.uniform(0, seconds))

    def fault_nothing(self):
        pass

    def fault_cut(self):
        for _ in range(3):
            if self.generator.random() < 0.5:
                self.proxy.cut()
            else:
                self.proxy.cut_after(self.generator.randrange(1, 100000))
            self.wait(0.6)

    def fault_stall(self):
        self.proxy.stall()
        self.wait(1.5)

    def fault_broker(self):
        """The broker dies and comes back; penstock may see only the first half of it."""
        self.has_forgotten = False
        self.broker.kill()
        if self.generator.random() < 0.5:
            self.wait(1)
            self.kill()
        self.broker.start()

    def fault_postgres(self):
        if self.generator.random() < 0.5:
            self.postgres.kill()
        else:
            self.postgres.stop()
        self.wait(1)
        self.postgres.start()

    def fault_stop(self):
        self.penstock.process.terminate()
        self.wait(0.3)

    def fault_disk(self):
        """No file may grow beyond a little more than the largest one now: writes fail in the middle of it."""
        self.kill()
        self.start_all(file_size_max=self.penstock.largest_file() + self.generator.randrange(1, 300000))
        self.wait(self.options.life)

    def fault_zombie(self):
        if self.penstock.process.poll() is not None or not os.path.exists(
                os.path.join(self.penstock.folder, self.penstock.store, "store.duckdb")):
            return
        before = len(self.penstock.log())
        frozen, old_store = self.penstock.take_over()
        if frozen is None:
            return
        # Until the new one has committed, the old one is still the right one: woken earlier it goes on by right, and it
        # is the copy of its store that is refused.
        if not self.penstock.has_committed(15):
            frozen.kill()
            frozen.wait()
            shutil.rmtree(old_store)
            return
        self.woken += 1
        frozen.send_signal(signal.SIGCONT)  # it does not know that it was replaced
        try:
            frozen.wait(4)
        except subprocess.TimeoutExpired:
            frozen.kill()
            frozen.wait()
        said = self.penstock.log()[before:]
        is_refused = any(words in said for words in ("is over:", "does not know", "old epoch", "was fenced"))
        self.fenced += is_refused
        if not is_refused:  # it had nothing to commit, or was frozen before it had begun
            self.say("the zombie said: " + (said.strip().replace("\n", " | ")[:300] or "nothing"))
        shutil.rmtree(old_store)

    # --- lives ------------------------------------------------------------------------------------------------

    def start_all(self, file_size_max=None):
        for subject in self.subjects:
            subject.start(file_size_max if subject is self.penstock else None)

    def kill(self):
        for subject in self.subjects:
            was_alive = subject.kill()
            if subject is self.penstock:
                self.kills += 1
                self.killed_early += not was_alive
                said = subject.log_of_this_life()
                if not was_alive and "sink to_kafka has epoch" in said and "lost epochs" in said and not self.has_forgotten:
                    # a coordinator that was killed may know an older epoch than its own log until it is started again
                    self.has_forgotten, self.forgotten = True, self.forgotten + 1
                    self.say("the coordinator has forgotten epochs; it is restarted")
                    self.broker.stop()
                    self.broker.start()
                elif not was_alive and not self.is_zombie_life and any(
                        words in said for words in ("does not know", "lost epochs", "No files found")):
                    raise RuntimeError("penstock refuses its own store: " + subject.log_of_this_life()[-1000:])

    def live(self, fault):
        self.is_zombie_life = fault == "zombie"
        if self.is_zombie_life and os.path.exists(os.path.join(self.penstock.folder, self.penstock.store, "store.duckdb")):
            self.penstock.attempt_before = self.penstock.attempt(self.penstock.store)
        self.start_all()
        self.wait(self.options.life)
        getattr(self, "fault_" + fault)()
        self.kill()
        self.done[fault] += 1
        self.proxy.resume()

    def schedule(self):
        """Every fault in its share, and each at least once, in random order."""
        total = sum(FAULTS.values())
        plan = [fault for fault, share in FAULTS.items()
                for _ in range(max(1, round(self.options.kills * share / total)))]
        self.generator.shuffle(plan)
        return plan

    def finish(self):
        # the rest comes without pause; nobody needs to wait for the rate of a producer any more
        self.producer.wait()
        if self.producer.returncode != 0:
            raise RuntimeError("the producer failed")
        for subject in self.subjects:
            self.say(f"the end of {subject.name}")
            subject.finish()

    # --- judgement --------------------------------------------------------------------------------------------

    def judge(self, sinks, is_planted=False):
        path = os.path.join(self.base, "specification.json")
        with open(path, "w") as out:
            json.dump({"input": os.path.join(self.base, "input.ndjson"), "sinks": sinks, "plant": is_planted}, out)
        done = subprocess.run([test_python(), os.path.join(HERE, "checker.py"), path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("the checker failed: " + done.stderr[-2000:])
        return json.loads(done.stdout)

    def report(self):
        with open(os.path.join(self.base, "input.ndjson"), "w") as out:
            subprocess.run([self.options.tool, self.broker.direct, "consume", "events"], stdout=out, check=True)
        sinks = {}
        for subject in self.subjects:
            sinks.update(subject.sinks())
        found = self.judge(sinks)
        planted = self.judge(sinks, is_planted=True)
        failures = []
        if found["input"]["rows"] != self.options.records:
            failures.append(f"the input has {found['input']['rows']} records instead of {self.options.records}")
        for name in sinks:
            got = found[name]
            wrong = {key: got[key] for key in ("lost", "doubled", "changed", "strange") if got[key]}
            self.say(f"{name:12} {got['rows']:>10} rows   " + (", ".join(f"{v} {k}" for k, v in wrong.items()) or "exactly once"))
            if name in WRONG_MODES:
                if not got[WRONG_MODES[name]]:
                    failures.append(f"mode {name}: nothing {WRONG_MODES[name]} was seen, so this run proves nothing")
            elif wrong:
                failures.append(f"sink {name}: {wrong}")
            seen = planted[name]
            if name == "view" and not seen["changed"] or name != "view" and not (
                    seen["lost"] > got["lost"] and seen["doubled"] > got["doubled"]):
                failures.append(f"canary: what was planted into {name} was not seen: {seen}")
        summary = {"records": self.options.records, "kills": self.kills, "lives": self.done, "seconds": round(
            time.monotonic() - self.started), "zombies_woken": self.woken, "zombies_refused": self.fenced, "already_ended": self.killed_early,
                   "coordinators_that_forgot": self.forgotten, "sinks": found,
            "failures": failures}
        if self.options.report:
            with open(self.options.report, "w") as out:
                json.dump(summary, out, indent=1)
        return failures

    def run(self):
        self.start()
        plan = self.schedule()
        for number, fault in enumerate(plan):
            self.live(fault)
            if len(plan) <= 50 or number % 50 == 0:
                self.say(f"life {number + 1} of {len(plan)}: {fault}")
        self.say(f"{self.kills} kills: {self.done}; {self.fenced} of {self.woken} woken zombies were refused by a sink; "
                 f"{self.killed_early} times penstock had ended before the kill")
        self.finish()
        return self.report()


def main():
    is_long = bool(os.environ.get("PENSTOCK_TORTURE"))
    parser = argparse.ArgumentParser()
    parser.add_argument("penstock", type=os.path.abspath)
    parser.add_argument("tool", type=os.path.abspath)
    parser.add_argument("wrong_modes", type=os.path.abspath)
    parser.add_argument("--kills", type=int, default=1000 if is_long else 20)
    parser.add_argument("--records", type=int, default=10000000 if is_long else 200000)
    parser.add_argument("--life", type=float, default=2.5, help="the longest life in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report")
    parser.add_argument("--sinks")
    parser.add_argument("--keep", action="store_true", help="keep the folder if something failed")
    parser.add_argument("--without-wrong-modes", action="store_true")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="penstock-torture-")
    torture = Torture(options, base)
    failures = ["it did not come to its end"]
    try:
        failures = torture.run()
    finally:
        torture.stop()
        if failures:
            print("FAILED, with seed", options.seed, *failures, sep="\n  ")
            for subject in torture.subjects:
                print(f"-- the end of what {subject.name} said:\n" + subject.log()[-2000:])
        if failures and options.keep:
            print("kept:", base)
        else:
            shutil.rmtree(base, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
