#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""penstock's own client of HBase against a real HBase of two region servers: the commands, and scans during which regions
are split, merged and moved, connections are cut, and (PENSTOCK_TORTURE) the server is killed and comes back. Each scan must give every
row once, in order, with what was written; a scan that is made wrong on purpose must be caught.

    tests/services/hbase.py PENSTOCK [NAME...]      only the tests whose names contain one of these
"""
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from hbase import HBase
from kafka import free_port
from proxy import Proxy

penstock = os.path.abspath(sys.argv[1])
tool = os.environ.get("PENSTOCK_HBASE_TOOL") or os.path.join(os.path.dirname(penstock), "tests", "servers", "hbase_tool")
failures = []
ROWS = 20000
LEASE_SECONDS = 3
environment = dict(os.environ)


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got!r}\n  wanted {wanted!r}", flush=True)


def use(*arguments, status=0, **further):
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=240,
                          env={**environment, **further})
    if done.returncode != status:
        expect(f"exit status of {arguments}: {done.stderr}", done.returncode, status)
    return done.stdout if status == 0 else done.stderr


def call(*arguments, status=0, masters=None, seconds=100):
    given = environment if masters is None else {**environment, "PENSTOCK_HBASE_MASTERS": masters}
    done = subprocess.run([penstock, "hbase", *arguments], capture_output=True, text=True, timeout=seconds, env=given)
    expect(f"exit status of {arguments}: {done.stdout}{done.stderr}", done.returncode, status)
    return done.stdout if status == 0 else done.stderr


def what_is_wrong(lines):
    """None if it is all rows once, in order, as they were written."""
    for i, line in enumerate(lines):
        wanted = f"r{i:06d} {i} {1000 + i} 2"
        if line != wanted:
            return f"line {i} is {line!r}, not {wanted!r}"
    return None if len(lines) == ROWS else f"{len(lines)} rows"


def tally_of(run):
    told = run.stderr.read()
    expect(f"the program's exit status: {told}", run.wait(), 0)
    return {key: int(value) for key, value in (part.split("=") for part in told.split() if part.count("=") == 1)}


def scan(*events, table="t", caching=200, size=20000, further=None):
    """Reads the table row by row; see read()."""
    return read(["scan", table, str(caching), str(size), "20"], events, further)


def read(command, events=(), further=None):
    """The lines of a command that reads rows. Each event is (after how many rows, what to do then): the rows behind it are still in
    the server, because the pipe holds few and the program waits after each thousand. Returns (lines, tally)."""
    run = subprocess.Popen([tool, *command], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, env={**environment, **(further or {})})
    fcntl.fcntl(run.stdout, fcntl.F_SETPIPE_SZ, 4096)
    lines, events = [], list(events)
    for line in run.stdout:
        lines.append(line.rstrip("\n"))
        if events and len(lines) == events[0][0]:
            events.pop(0)[1]()
    return lines, tally_of(run)


def commands():
    rows = json.loads(call("tables", "--format", "json"))
    expect("tables", rows, [{"table": "t", "families": "f, g", "regions": 4}])
    rows = json.loads(call("describe", "t", "--format", "json"))
    keys = [r["value"] for r in rows if r["attribute"] == "start key"]
    expect("regions", keys, ["", "r005000", "r010000", "r015000"])
    versions = [r["value"] for r in rows if r["kind"] == "family" and r["name"] == "f" and r["attribute"] == "VERSIONS"]
    expect("an attribute", versions, ["3"])
    rows = json.loads(call("scan", "t", "--format", "json", "--start-row", "r004998", "--stop-row", "r005002",
                           "--columns", "f:n"))
    expect("a range over two regions", rows,
           [{"row": f"r{i:06d}", "column": "f:n", "timestamp": 1000 + i, "value": str(i)} for i in range(4998, 5002)])
    rows = json.loads(call("scan", "t", "--format", "json", "--limit", "3", "--columns", "f:n"))
    expect("a limit", [r["row"] for r in rows], ["r000000", "r000001", "r000002"])
    rows = json.loads(call("scan", "t", "--format", "json", "--time-range", "11000,11002", "--columns", "f:n"))
    expect("a time range", [r["row"] for r in rows], ["r010000", "r010001"])
    rows = json.loads(call("get", "t", "r000007", "--format", "json", "--columns", "f:n"))
    expect("a row", rows, [{"row": "r000007", "column": "f:n", "timestamp": 1007, "value": "7"}])
    for timestamp, value in ((5, "old"), (6, "new"), (6, "newer")):
        use("put", "t", "s\\x00\\xFFs", "g:q", value, timestamp)
    rows = json.loads(call("get", "t", "s\\x00\\xffs", "--versions", "3", "--format", "json"))
    expect("versions, and a binary key", [(r["row"], r["timestamp"], r["value"]) for r in rows],
           [("s\\x00\\xFFs", 6, "newer"), ("s\\x00\\xFFs", 5, "old")])
    expect("csv", call("scan", "t", "--format", "csv", "--start-row", "s", "--columns", "g:q").splitlines()[1:],
           ["s\\x00\\xFFs,g:q,6,newer"])
    rows = json.loads(call("scan", "hbase:meta", "--limit", "1", "--format", "json"))
    expect("HBase's own table", rows[0]["row"] != "", True)


def conditions():
    expect("a condition that holds", use("cas", "t", "z", "", "1"), "true\n")
    expect("the same again", use("cas", "t", "z", "", "1"), "false\n")
    expect("the next", use("cas", "t", "z", "1", "2"), "true\n")
    rows = json.loads(call("get", "t", "z", "--format", "json"))
    expect("both cells moved, once", [(r["column"], r["value"]) for r in rows], [("f:offset", "2"), ("g:data", "2")])
    use("delete", "t", "z", "g", "data")
    rows = json.loads(call("get", "t", "z", "--format", "json"))
    expect("a column deleted", [r["column"] for r in rows], ["f:offset"])
    use("delete", "t", "z")
    call("get", "t", "z", status=1)
    use("delete", "t", "s\\x00\\xFFs")


def moving_regions():
    """Regions change under the scan: the one that is being read, and those behind it."""
    lines, tally = scan((2000, lambda: use("split", "t", "r003500")), (5500, lambda: use("split", "t", "r008000")),
                        (6500, lambda: use("move", "t", "r007000")),
                        (11000, lambda: use("merge", "t", "r011000", "r016000")),
                        (17000, lambda: use("move", "t", "r018000")))
    expect("splits, merges and moves", what_is_wrong(lines), None)
    expect("scanners were lost by them", (tally["reopened"] >= 4, tally)[0], True)


def many_rows():
    """Rows by their keys, in the order asked, those that are not there among them, while regions change."""
    lines, tally = read(["gets", "t", str(ROWS), "7919", "20"],
                        ((3000, lambda: use("move", "t", "r002000")), (9000, lambda: use("split", "t", "r018500")),
                         (15000, lambda: use("move", "t", "r019000"))))
    numbers = [i * 7919 % (2 * ROWS) for i in range(2 * ROWS)]
    wanted = [f"r{n:06d} {n} {1000 + n} 2" if n < ROWS else f"r{n:06d} -" for n in numbers]
    expect("as many rows as keys", len(lines), len(wanted))
    expect("the rows of the keys", next((pair for pair in zip(lines, wanted) if pair[0] != pair[1]), None), None)
    expect("calls failed by the moves", tally["retries"] > 0, True)
    expect("many rows a call", tally["calls"] < 1000, True)
    expect("rows of no table", "no table nowhere" in use("gets", "nowhere", "1", "1", "0", status=1), True)


def lost_lease():
    """Who reads so slowly that the server gives the scanner up gets all rows nevertheless."""
    lines, tally = scan((1000, lambda: time.sleep(2 * LEASE_SECONDS + 1)))
    expect("a lease that ended", what_is_wrong(lines), None)
    expect("a scanner was lost by it", tally["reopened"] >= 1, True)


class Forger(Proxy):
    """Makes a scan that goes on behind a row go on at that row: include_start_row of the request becomes true."""
    forged = 0

    def _pass(self, source, target):
        if target.getpeername()[1] != self.target_port:
            return super()._pass(source, target)
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                if b"\xa8\x01\x00" in piece:
                    self.forged += 1
                target.sendall(piece.replace(b"\xa8\x01\x00", b"\xa8\x01\x01"))
        except OSError:
            pass
        self._reset(target)


def through(kind, table="t"):
    """A proxy in front of each region server, and what makes the client use them."""
    found = sorted(set(use("servers", table).split()))
    proxies = [kind(int(address.rsplit(":", 1)[1])).start() for address in found]
    return proxies, {"PENSTOCK_HBASE_MAP": ",".join(f"{a}={p.address}" for a, p in zip(found, proxies))}


def cut_connections():
    proxies, map_ = through(Proxy)
    cut = lambda: [proxy.cut() for proxy in proxies]
    later = lambda: [proxy.cut_after(30000) for proxy in proxies]
    lines, tally = scan(*((1500 * i, cut if i % 2 else later) for i in range(1, 13)), further=map_)
    expect("cut connections", what_is_wrong(lines), None)
    expect("scanners were lost by cuts", tally["reopened"] >= 4, True)
    for proxy in proxies:
        proxy.stop()


def long_answers():
    """The next answer is asked for while one is still on its way: cut at every place of it."""
    proxies, map_ = through(Proxy)
    lost = 0
    for size in (20000, 66000, 90000, 150000, 210000, 300000):
        later = lambda: [proxy.cut_after(size) for proxy in proxies]
        lines, tally = scan(*((1000 * i + 500, later) for i in range(1, 19, 2)), caching=1000, size=0, further=map_)
        expect(f"cut after {size} bytes", what_is_wrong(lines), None)
        lost += tally["reopened"]
    expect("scanners were lost by cuts of long answers", lost >= 6, True)
    for proxy in proxies:
        proxy.stop()


def canary():
    proxies, map_ = through(Forger)
    cut = lambda: [proxy.cut() for proxy in proxies]
    lines, tally = scan((5500, cut), (12000, cut), further=map_)
    expect("the requests were forged", sum(proxy.forged for proxy in proxies) > 0, True)
    expect("a scan that goes on at a row instead of behind it is caught", what_is_wrong(lines) is None, False)
    for proxy in proxies:
        proxy.stop()


class Listener(Proxy):
    """Notes, of each request that names the family f, whether it names the column f:pad."""

    def __init__(self, target_port):
        super().__init__(target_port)
        self.asked = []

    def _pass(self, source, target):
        if target.getpeername()[1] != self.target_port:
            return super()._pass(source, target)
        try:
            while piece := source.recv(65536):
                if b"\x0a\x01f" in piece:  # Column.family
                    self.asked.append("column" if b"\x12\x03pad" in piece else "family")
                target.sendall(piece)
        except OSError:
            pass
        self._reset(target)


def families():
    """Columns that are all there is are read as their family; when others come, they are asked for by name."""
    put = lambda lines: expect("puts", subprocess.run([tool, "puts", "v"], input=lines + ".\n", capture_output=True, text=True,
                                                      env=environment).stdout, "ok\n")
    use("create", "v", 3, "r004000")
    use("fill", "v", 0, 8000, 20)
    read_all = lambda caching, *columns, **further: scan_columns("v", caching, columns or ("n", "pad"), **further)
    wanted = [f"r{i:06d} {i} {1000 + i} 2" for i in range(8000)]
    for caching in (5, 100, 100000):
        lines, tally, asked = read_all(caching)
        expect(f"nothing else is there, caching {caching}", lines, wanted)
        expect("and families were asked for", asked, ["family"] * 2)
    lines, tally, asked = read_all(100, "pad")
    expect("half is enough to go by columns", asked, ["column", "column", "family"])
    expect("of the first rows, too, the other half is not given", {line.split()[-1] for line in lines}, {"1"})
    # rows of nothing else, other cells in every row from here on, and one that is larger than what is taken
    put("".join(f"s{i} f:other x 5\n" for i in range(100)))
    put("".join(f"r{i:06d} f:{name} {'x' * 50} 9999\n" for i in range(2000, 3500) for name in ("a", "o", "z")))
    use("wide", "v", "r001000", 1, 90000)
    for caching in (5, 100, 100000):
        lines, tally, asked = read_all(caching)
        expect(f"others are there, caching {caching}", lines, wanted)
        expect("first by the family, then by columns", set(asked), {"family", "column"})
    lines, tally, asked = read_all(100, further={"PENSTOCK_HBASE_FRAME_MAX": "65536"})
    expect("a cell that is too large and not wanted", lines, wanted)
    lines, tally, asked = read_all(100000, "other")
    expect("rows without the columns", [line.split()[0] for line in lines], sorted(f"s{i}" for i in range(100)))
    use("drop", "v")


def scan_columns(table, caching, columns, further=None):
    """(lines, tally, what was asked for)"""
    proxies, map_ = through(Listener, table)
    lines, tally = read(["scan", table, str(caching), "0", "0", "", "", *columns], further={**map_, **(further or {})})
    asked = sorted(kind for proxy in proxies for kind in proxy.asked)
    for proxy in proxies:
        proxy.stop()
    return lines, tally, asked


def writing():
    """Rows that are written while regions move and connections are cut: each of them is there, once."""
    use("create", "u", 1, "r005000", "r010000", "r015000")
    proxies, map_ = through(Proxy)
    run = subprocess.Popen([tool, "fill", "u", "0", str(ROWS), "1000"], stderr=subprocess.PIPE, text=True,
                           env={**environment, **map_})
    for i in range(6):
        time.sleep(0.1)
        for proxy in proxies:
            proxy.cut_after(200000 * i)
        if i in (1, 4):
            use("move", "u", "r007000")
            use("split", "u", "r012000" if i == 1 else "r017000")
    expect("calls failed by them", tally_of(run)["retries"] > 0, True)
    expect("what was written is there", what_is_wrong(scan(table="u")[0]), None)
    for proxy in proxies:
        proxy.stop()
    use("drop", "u")


def killed(hbase):
    """All of it is killed during a scan and comes back. In the long form only, for it takes half a minute; hbase_hard.py kills
    one region server of two."""
    def kill():
        hbase.kill()
        hbase.start(wait=False)
    lines, tally = scan((4000, kill))
    expect("a server that was killed and came back", what_is_wrong(lines), None)
    hbase.wait()


def answering(bytes_, closes=True):
    """A server that answers every connection with these bytes."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(8)

    def serve():
        kept = []
        while True:
            try:
                wire, _ = server.accept()
            except OSError:
                return
            wire.settimeout(5)
            try:
                wire.recv(65536)
                wire.sendall(bytes_)
                if closes:
                    wire.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            kept.append(wire)
    threading.Thread(target=serve, daemon=True).start()
    return server, f"127.0.0.1:{server.getsockname()[1]}"


def bad_input():
    expect("a misspelt table", "did you mean t?" in call("scan", "tt", status=1), True)
    expect("no such namespace", "no table nowhere:t" in call("describe", "nowhere:t", status=1), True)
    expect("a misspelt family", "no column family \"h\"" in call("scan", "t", "--columns", "h:q", status=2), True)
    expect("no row", "no row \"nobody\"" in call("get", "t", "nobody", status=1), True)
    expect("a time range", "two timestamps" in call("scan", "t", "--time-range", "5", status=2), True)
    expect("no name of a table", "no name of a table" in call("scan", "a:b:c", status=2), True)
    expect("a port that is none", "no address" in call("tables", "--masters", "localhost:x", status=2), True)
    started = time.monotonic()
    told = call("tables", status=1, masters=f"127.0.0.1:{free_port()}")
    expect("nobody there", "Connection refused" in told and "hint" in told, True)
    expect("and said at once", time.monotonic() - started < 5, True)
    class_name = b"org.apache.hadoop.hbase.security.AccessDeniedException"
    words = b"Authentication is required"
    exception = b"\x0a" + bytes([len(class_name)]) + class_name + b"\x12" + bytes([len(words)]) + words
    header = b"\x08\xff\xff\xff\xff\x0f\x12" + bytes([len(exception)]) + exception
    refusal = bytes([len(header)]) + header
    for name, bytes_, words in (
            ("a web server", b"HTTP/1.1 400 Bad Request\r\n\r\n", "answers with the text \"HTTP...\""),
            ("one that closes", b"", "closed the connection without an answer"),
            ("garbage", b"\x00\x00\x00\x10" + b"\xff" * 16, "cannot be read"),
            ("half a frame", b"\x00\x00\x10\x00" + b"\x05", "in the middle of a frame"),
            ("a frame of 2 GB", b"\x7f\xff\xff\xff" + b"\x00" * 9, "2147483647 bytes, the limit is"),
            ("a negative length", b"\xff\xff\xff\xff", "4294967295 bytes, the limit is"),
            ("another call's answer", b"\x00\x00\x00\x04\x02\x08\x63\x00", "a call that was not made"),
            ("authentication", len(refusal).to_bytes(4, "big") + refusal, "asks for an authentication")):
        server, address = answering(bytes_)
        told = call("tables", status=1, masters=address)
        expect(name + ": " + told, words in told, True)
        server.close()
    server, address = answering(b"", closes=False)
    told = call("tables", "--timeout", "1 s", status=1, masters=address)
    expect("one that says nothing: " + told, "does not answer in time" in told, True)
    server.close()
    use("create", "off", "1")
    use("disable", "off")
    expect("a disabled table", "is disabled" in call("scan", "off", status=2), True)


def main():
    if not HBase.is_there():
        print("skipped: HBase is not there; tools/setup test fetches it")
        return 77
    # leases that end soon, and are looked at every second
    properties = {"hbase.client.scanner.timeout.period": str(LEASE_SECONDS * 1000),
                  "hbase.server.thread.wakefrequency": "1000"}
    with tempfile.TemporaryDirectory(prefix="penstock-hbase-") as folder, HBase(folder, properties) as hbase:
        environment["PENSTOCK_HBASE_MASTERS"] = hbase.masters
        use("create", "t", 3, "r005000", "r010000", "r015000")
        use("fill", "t", 0, ROWS, 100)
        expect("a quiet scan", what_is_wrong(scan(caching=1000, size=0)[0]), None)
        names = sys.argv[2:]
        parts = [commands, conditions, bad_input, moving_regions, many_rows, lost_lease, cut_connections, long_answers,
                 families, canary, writing]
        if os.environ.get("PENSTOCK_TORTURE"):
            parts.append(lambda: killed(hbase))
        for part in parts:
            if names and not any(wanted in getattr(part, "__name__", "") for wanted in names):
                continue
            started = time.monotonic()
            part()
            print(f"{getattr(part, '__name__', part)}: {time.monotonic() - started:.1f} s", flush=True)
        if failures:
            print(hbase.log()[-3000:])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
