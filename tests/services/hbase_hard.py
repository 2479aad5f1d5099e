#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is hard on a client of HBase, against a real one: rows of 100 MB, a region server that cannot follow (its memory full, its
queue of calls full), one that stands still, and one of two that is killed with kill -9 during scans and puts. Nothing may be
lost or come twice; what cannot be done is a sentence.

One region server is in the process of the master, another one is a process of its own: weak, and to be killed.

    tests/services/hbase_hard.py PENSTOCK
"""
import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from hbase import HBase
from proxy import Proxy

penstock = os.path.abspath(sys.argv[1])
tool = os.environ.get("PENSTOCK_HBASE_TOOL") or os.path.join(os.path.dirname(penstock), "tests", "servers", "hbase_tool")
failures = []
ROWS = 12000
CELL_SIZE, CELL_COUNT = 9_000_000, 12
environment = dict(os.environ)
# a region server with one thread for calls, a queue of two, little memory for what is written, and a death that is noticed
# after eight seconds (after less it would be taken for dead on a machine that is busy)
WEAK = {"hbase.regionserver.handler.count": "1", "hbase.ipc.server.max.callqueue.length": "2",
        "hbase.hregion.memstore.flush.size": "1000000", "hbase.hregion.memstore.block.multiplier": "1",
        "zookeeper.session.timeout": "8000"}


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got!r}\n  wanted {wanted!r}", flush=True)


def start(*arguments, **further):
    return subprocess.Popen([tool, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**environment, **further})


def end(run, status=0):
    """What it printed, and what it said of itself. An error is told with both."""
    out, told = run.communicate(timeout=240)
    expect(f"exit status of {run.args[1:]}: {told}", run.returncode, status)
    return out, told


def use(*arguments, status=0, **further):
    out, told = end(start(*arguments, **further), status)
    return out if status == 0 else told


def call(*arguments, status=0):
    done = subprocess.run([penstock, "hbase", *arguments], capture_output=True, text=True, timeout=100, env=environment)
    expect(f"exit status of {arguments}: {done.stderr}", done.returncode, status)
    return done.stdout if status == 0 else done.stderr


def tally(told):
    return {key: int(value) for key, value in (part.split("=") for part in told.split() if part.count("=") == 1)}


def what_is_wrong(lines):
    for i, line in enumerate(lines):
        wanted = f"r{i:06d} {i} {1000 + i} 2"
        if line != wanted:
            return f"line {i} is {line!r}, not {wanted!r}"
    return None if len(lines) == ROWS else f"{len(lines)} rows"


def whole(table):
    return what_is_wrong(use("scan", table, 1000, 0, 0).splitlines())


def move_to(address, table, row):
    """The region of the row, to that server."""
    for _ in range(100):
        if use("move", table, row).strip() == address:
            return
    expect(f"a region of {table} on {address}", False, True)


def large_rows():
    use("create", "large", 1)
    for row, count, size in (("a", 2, 10), ("big", CELL_COUNT, CELL_SIZE), ("c", 2, 10)):
        use("wide", "large", row, count, size)
    all_rows = ["a 2 20", f"big {CELL_COUNT} {CELL_COUNT * CELL_SIZE}", "c 2 20"]
    expect("a row of 108 MB", use("sizes", "large").splitlines(), all_rows)
    out, told = end(start("sizes", "large", PENSTOCK_HBASE_FRAME_MAX=str(64 << 20)), 1)
    expect("what is in front of it", out.splitlines(), all_rows[:1])
    expect("it is refused with its name and size: " + told,
           "table large: row \"big\" makes an answer of 108" in told and "limit is 67108864" in told, True)
    told = call("get", "large", "big", "--frame-max", "64m", status=1)
    expect("a get of it: " + told, "row \"big\" makes an answer of 108" in told and "raise frame.max" in told, True)
    shown = call("get", "large", "big", "--frame-max", "64m", "--columns", "f:c000", "--format", "csv")
    expect("a column of it", len(shown) > CELL_SIZE, True)
    told = call("scan", "large", "--frame-max", "64m", status=1)
    expect("a scan of it: " + told, "row \"big\" makes an answer of 108" in told, True)
    told = use("wide", "large", "d", 1, 11_000_000, status=1)
    expect("a cell that the server does not take: " + told, "row \"d\"" in told and "10485760" in told, True)
    # an answer is too large, and each of its rows is not: fewer of them are asked for
    lines = use("sizes", "t", PENSTOCK_HBASE_FRAME_MAX="65536").splitlines()
    expect("small answers", len(lines), 1000)
    use("drop", "large")


def standing_still():
    """A server that takes and says nothing for longer than a call may last."""
    found = sorted(set(use("servers", "t").split()))
    proxies = [Proxy(int(address.rsplit(":", 1)[1])).start() for address in found]
    map_ = ",".join(f"{address}={proxy.address}" for address, proxy in zip(found, proxies))
    run = start("scan", "t", 200, 20000, 20, PENSTOCK_HBASE_MAP=map_, PENSTOCK_HBASE_SECONDS="4")
    fcntl.fcntl(run.stdout, fcntl.F_SETPIPE_SZ, 4096)
    lines = []
    for line in run.stdout:
        lines.append(line.rstrip("\n"))
        if len(lines) == 3000:
            for proxy in proxies:
                proxy.stall()
                threading.Timer(3, proxy.resume).start()
    expect("a server that stood still", what_is_wrong(lines), None)
    expect("calls failed by it", tally(end(run)[1])["retries"] > 0, True)
    for proxy in proxies:
        proxy.stop()


def busy_region(weak):
    """A region that takes no more writes until its memory is in a file."""
    use("create", "busy", 1)
    move_to(weak.address, "busy", "r")
    told = end(start("fill", "busy", 0, 4000, 2000))[1]  # few files: at 16 of them HBase waits for a compaction
    expect("the region was too busy", "RegionTooBusyException" in weak.log() and tally(told)["retries"] > 0, True)
    expect("what was written is there", len(use("scan", "busy", 1000, 0, 0).splitlines()), 4000)


def full_queue(weak):
    """Scans that come together find the queue of calls full."""
    use("create", "crowd", 1)
    use("fill", "crowd", 0, 4000, 100)
    move_to(weak.address, "crowd", "r")
    told = end(start("crowd", "crowd", 8, 1000, 4000))[1]
    expect("the queue was full: " + told, tally(told)["retries"] > 0, True)


def killed(weak):
    """kill -9 of one region server: its regions come back on the other one, with all that was acknowledged."""
    for table in ("kill", "kills"):
        use("create", table, 1, "r004000", "r008000")
    use("fill", "kill", 0, ROWS, 100)
    for table in ("kill", "kills"):
        move_to(weak.address, table, "r004000")
    scan = start("scan", "kill", 200, 20000, 20)
    fcntl.fcntl(scan.stdout, fcntl.F_SETPIPE_SZ, 4096)
    lines = []
    while len(lines) < 5000:
        lines.append(scan.stdout.readline().rstrip("\n"))
    # its rows are in the weak server's memory and log only; the last thousands are written while it is dead
    use("fill", "kills", 0, 6000, 100)
    weak.kill()
    puts = start("fill", "kills", 6000, ROWS, 100)
    lines += scan.stdout.read().splitlines()
    expect("a scan over its death", what_is_wrong(lines), None)
    expect("the scan met it", tally(end(scan)[1])["reopened"] > 0, True)
    expect("the puts met it", tally(end(puts)[1])["retries"] > 0, True)
    expect("what was written is there", whole("kills"), None)
    use("delete", "kills", "r004567")
    expect("a row that is lost is found out", whole("kills") is None, False)


def other_ports(hbase, weak):
    told = call("tables", "--masters", f"127.0.0.1:{hbase.keeper_port}", status=1)
    expect("ZooKeeper's port: " + told, "closed the connection without an answer" in told and "2181 is ZooKeeper" in told, True)
    expect("a region server knows the masters", "busy" in call("tables", "--masters", f"127.0.0.1:{weak.port}"), True)


def main():
    if not HBase.is_there():
        print("skipped: HBase is not there; tools/setup test fetches it")
        return 77
    properties = {"hbase.regionservers": "1", "hbase.client.scanner.timeout.period": "3000",
                  "hbase.regionserver.msginterval": "500", "hbase.server.thread.wakefrequency": "1000"}
    weak = None
    with tempfile.TemporaryDirectory(prefix="penstock-hbase-") as folder, HBase(folder, properties) as hbase:
        environment["PENSTOCK_HBASE_MASTERS"] = hbase.masters
        try:
            weak = hbase.region_server("weak", WEAK)
            use("create", "t", 1, "r004000", "r008000")
            use("fill", "t", 0, ROWS, 100)
            for part in (large_rows, standing_still, lambda: weak.wait(), lambda: busy_region(weak), lambda: full_queue(weak),
                         lambda: other_ports(hbase, weak), lambda: killed(weak)):
                started = time.monotonic()
                part()
                name = part.__code__.co_names[0] if part.__name__ == "<lambda>" else part.__name__
                print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)
            if failures:
                print(hbase.log()[-3000:])
        finally:
            if weak is not None:
                weak.kill()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
