#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""penstock's own client of HBase against a real HBase that demands Kerberos, with a real KDC: each of the three protections
of hbase.rpc.protection with puts and a scan, tickets that expire during a scan, and what a user does wrong, each with its
sentence. A proxy looks at the bytes and changes some: with authentication only, what it changes is believed (so the change
is a real one); with integrity and privacy it must be seen, and with privacy nothing can be read at all.

    tests/services/hbase_kerberos.py PENSTOCK
"""
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
from kerberos import Kerberos
from proxy import Proxy

penstock = os.path.abspath(sys.argv[1])
at_build = lambda *names: os.path.join(os.path.dirname(penstock), "tests", "servers", *names)
tool = os.environ.get("PENSTOCK_HBASE_TOOL") or at_build("hbase_tool")
clock = os.environ.get("PENSTOCK_CLOCK_LIBRARY") or at_build("libclock_ahead.so")
failures = []
ROWS = 2500
TICKET_SECONDS = 6
environment = dict(os.environ)
REFUSED = "refuses the Kerberos login: GSS initiate failed"


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print(f"FAILED {what}:\n  got    {got!r}\n  wanted {wanted!r}", flush=True)


def says(what, told, *wanted):
    expect(f"{what}: {told}", [words for words in wanted if words not in told], [])


def call(*arguments, status=0, seconds=60, **further):
    """penstock hbase ... with Kerberos -> what it prints, or its error"""
    arguments = [*arguments, "--authentication", "kerberos"]
    done = subprocess.run([penstock, "hbase", *arguments], capture_output=True, text=True, timeout=seconds,
                          env={**environment, **further})
    expect(f"exit status of {arguments}: {done.stdout}{done.stderr}", done.returncode, status)
    return done.stdout if status == 0 else done.stderr


def use(*arguments, status=0, **further):
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env={**environment, "PENSTOCK_HBASE_AUTHENTICATION": "kerberos", **further})
    expect(f"exit status of {arguments}: {done.stderr}", done.returncode, status)
    return done.stdout if status == 0 else done.stderr


def what_is_wrong(lines):
    for i, line in enumerate(lines):
        if line != f"r{i:06d} {i} {1000 + i} 2":
            return f"line {i} is {line!r}"
    return None if len(lines) == ROWS else f"{len(lines)} rows"


class Spy(Proxy):
    """Keeps what passes, and changes a value on its way to the client."""
    old = new = b""
    changed = 0

    def _pass(self, source, target):
        if not hasattr(self, "seen"):
            self.seen = b""
        is_answer = source.getpeername()[1] == self.target_port
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                self.seen += piece
                if is_answer and self.old and self.old in piece:
                    self.changed += 1
                    piece = piece.replace(self.old, self.new)
                target.sendall(piece)
        except OSError:
            pass
        for wire in (source, target):
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Garbler(Spy):
    """Flips a bit somewhere in the middle of the first large answer."""

    def _pass(self, source, target):
        is_answer = source.getpeername()[1] == self.target_port
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                if is_answer and not self.changed and len(piece) > 8000:
                    self.changed += 1
                    piece = piece[:4000] + bytes([piece[4000] ^ 1]) + piece[4001:]
                target.sendall(piece)
        except OSError:
            pass
        self._reset(target)


def through(kind, table="t"):
    found = sorted(set(use("servers", table).split()))
    proxies = [kind(int(address.rsplit(":", 1)[1])).start() for address in found]
    return proxies, {"PENSTOCK_HBASE_MAP": ",".join(f"{a}={p.address}" for a, p in zip(found, proxies))}


def protections(_):
    for protection, is_readable in (("authentication", True), ("integrity", True), ("privacy", False), ("", False)):
        name = "protected" + protection
        use("create", name, 3, "r001000", "r002000")
        proxies, how = through(Spy, name)
        how["PENSTOCK_HBASE_PROTECTION"] = protection
        use("fill", name, 0, ROWS, 100, **how)
        use("cas", name, "z", "", "1", **how)
        use("delete", name, "z", **how)
        lines = use("scan", name, 700, 0, **how).splitlines()
        expect(f"{protection}: what was written is read", what_is_wrong(lines), None)
        seen = b"".join(proxy.seen for proxy in proxies)
        expect(f"{protection}: the proxy saw it all", len(seen) > 2 * ROWS * 100, True)
        expect(f"{protection}: rows can be read on the way", b"r000777" in seen, is_readable)
        for proxy in proxies:
            proxy.old, proxy.new = b"r000777", b"r000778"
        if protection == "authentication":
            told = use("scan", name, 700, 0, **how)
            expect("canary: without integrity a change is believed", what_is_wrong(told.splitlines()) is None, False)
        elif protection == "integrity":
            told = use("scan", name, 700, 0, status=1, **how)
            says("a change", told, "Kerberos: what came is not what the server sent")
        expect(f"{protection}: there was a change", any(proxy.changed for proxy in proxies), is_readable)
        for proxy in proxies:
            proxy.stop()
        if not is_readable:
            proxies, map_ = through(Garbler, name)
            says("a flipped bit", use("scan", name, 700, 0, status=1, **{**how, **map_}),
                 "Kerberos: what came is not what the server sent")
            for proxy in proxies:
                proxy.stop()


def large_frames(_):
    """Requests and answers that are far larger than what is sealed at once."""
    for protection in ("integrity", "privacy"):
        name = "large" + protection
        use("create", name, 1)
        use("fill", name, 0, 6, 500000, PENSTOCK_HBASE_PROTECTION=protection)
        lines = use("scan", name, 1000, 30000000, PENSTOCK_HBASE_PROTECTION=protection).splitlines()
        expect(f"{protection}: large rows", [line.split()[0] for line in lines], [f"r{i:06d}" for i in range(6)])


def commands(kerberos):
    principal = f"hbase/_HOST@{kerberos.realm}"
    wanted = [{"table": "t", "families": "f, g", "regions": 3}]
    keytab = kerberos.keytab("alice.keytab", "alice")
    no_tickets = {"KRB5CCNAME": "FILE:" + kerberos.at("none.cache")}
    for what, arguments, further in (
            ("tickets of kinit", [], {}), ("a principal", ["--principal", principal], {}),
            ("two", ["--principal", f"nobody/_HOST@{kerberos.realm}", "--master-principal", principal], {}),
            ("a keytab", ["--keytab", keytab], no_tickets),
            ("of somebody", ["--keytab", keytab, "--user-principal", f"alice@{kerberos.realm}"], no_tickets),
            ("a protection", ["--protection", "integrity"], {})):
        rows = [row for row in json.loads(call("tables", "--format", "json", *arguments, **further))
                if row["table"] == "t"] if what != "two" else wanted
        expect(what, rows, wanted)
    says("the region servers' principal is another", call(
        "scan", "t", "--principal", f"nobody/_HOST@{kerberos.realm}", "--master-principal", principal, status=1),
        "does not know the server's principal nobody/localhost")
    expect("nothing of it is on the disk", os.path.exists(kerberos.at("none.cache")), False)
    rows = json.loads(call("get", "t", "r000007", "--format", "json", "--columns", "f:n"))
    expect("a row", rows, [{"row": "r000007", "column": "f:n", "timestamp": 1007, "value": "7"}])
    says("on behalf of another who may not", call("tables", "--user", "bob", status=1), "access is denied",
         "not allowed to impersonate bob")


def project(kerberos):
    """A source and a sink of a project log in by a keytab; each word of the login is theirs too."""
    folder = kerberos.at("project")
    os.makedirs(folder)
    kerberos.keytab(os.path.join("project", "alice.keytab"), "alice")
    login = (f"authentication = 'kerberos', principal = 'hbase/_HOST@{kerberos.realm}', keytab = 'alice.keytab', "
             f"user.principal = 'alice@{kerberos.realm}', protection = 'privacy'")
    with open(os.path.join(folder, "penstock.yml"), "w") as out:
        out.write("name: secure\n")
    with open(os.path.join(folder, "all.sql"), "w") as out:
        out.write(f"""CREATE SOURCE r (id VARCHAR, n VARCHAR, written TIMESTAMP)
            WITH (connector = 'hbase', masters = '{environment["PENSTOCK_HBASE_MASTERS"]}', table = 't',
                  mapping = 'id :key, n f:n, written :timestamp', scan.mode = 'snapshot', {login});
            CREATE SINK copy WITH (connector = 'hbase', masters = '{environment["PENSTOCK_HBASE_MASTERS"]}', table = 'copy',
                  family = 'f', mapping = 'id :key, written :timestamp', table.create = true, ledger.create = true, {login})
            AS SELECT * FROM STREAM r;""")

    def run(status):
        done = subprocess.run([penstock, "run", "--once"], cwd=folder, capture_output=True, text=True, timeout=120,
                              env={**environment, "KRB5CCNAME": "FILE:" + kerberos.at("none.cache")})
        expect(f"exit status of a project: {done.stdout[-1000:]}{done.stderr}", done.returncode, status)
        return done.stderr
    run(0)
    rows = json.loads(call("scan", "copy", "--limit", "100000", "--format", "json"))
    expect("rows through a project", [(row["row"], row["column"], row["timestamp"], row["value"]) for row in rows],
           [(f"r{i:06d}", "f:n", 1000 + i, str(i)) for i in range(ROWS)])
    kerberos.keytab(os.path.join("project", "bob.keytab"), "bob")
    os.replace(os.path.join(folder, "bob.keytab"), os.path.join(folder, "alice.keytab"))
    says("a project with another's keytab", run(1), "has no key of alice")


def expiring(kerberos):
    """Scans of one region that outlive their tickets, over connections that are cut: with a keytab it goes on, with a cache
    that nobody renews it says so; over a connection that nobody cuts it goes on too."""
    use("create", "one", 1)
    use("fill", "one", 0, ROWS, 100)
    keytab = kerberos.keytab("brief.keytab", "brief")
    cache = kerberos.login("brief", "brief.cache")
    started = time.monotonic()  # of the tickets
    runs = []
    by_keytab = {"PENSTOCK_HBASE_KEYTAB": keytab, "KRB5CCNAME": "FILE:" + kerberos.at("none.cache")}
    for how, is_cut in ((by_keytab, True), ({"KRB5CCNAME": cache}, True), ({"KRB5CCNAME": cache}, False)):
        proxies, map_ = through(Proxy, "one") if is_cut else ([], {})
        # 10 rows at once: when it waits after 1000 and after 2000 of them, the later ones are still in the server
        runs.append((proxies, subprocess.Popen(
            [tool, "scan", "one", "10", "0", "3500"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**environment, "PENSTOCK_HBASE_AUTHENTICATION": "kerberos", "PENSTOCK_HBASE_SECONDS": "20", **map_, **how})))
    time.sleep(max(0, started + TICKET_SECONDS + 0.7 - time.monotonic()))
    for proxies, run in runs:
        for proxy in proxies:
            proxy.cut()
    outputs = [run.communicate(timeout=60) for _, run in runs]
    expect(f"with a keytab: {outputs[0][1]}", (runs[0][1].returncode, what_is_wrong(outputs[0][0].splitlines())), (0, None))
    expect("a connection was made anew", sum(proxy.connections for proxy in runs[0][0]), 2)
    expect("without", runs[1][1].returncode, 1)
    says("without", outputs[1][1], "Kerberos: the ticket has expired")
    expect(f"connections that nobody cuts go on: {outputs[2][1]}", what_is_wrong(outputs[2][0].splitlines()), None)
    for proxies, _ in runs:
        for proxy in proxies:
            proxy.stop()
    says("a cache that has expired", call("tables", status=1, KRB5CCNAME=cache), "the ticket has expired", "run kinit")


def simple_client():
    done = subprocess.run([penstock, "hbase", "tables"], capture_output=True, text=True, timeout=30, env=environment)
    expect("exit status of a client without Kerberos", done.returncode, 1)
    says("a client without Kerberos", done.stderr, "asks for an authentication by Kerberos",
         "set authentication (hbase.security.authentication) to kerberos")
    for arguments, words in ((["--keytab", "x"], "keytab (hbase.client.keytab.file) is given"),
                             (["--authentication", "kerberus"], "did you mean 'kerberos'?"),
                             (["--authentication", "kerberos", "--principal", "hbase"], "is no principal of a service"),
                             (["--authentication", "kerberos", "--protection", "all"], "\"all\" is no protection")):
        done = subprocess.run([penstock, "hbase", "tables", *arguments], capture_output=True, text=True, timeout=30,
                              env=environment)
        expect(f"exit status of {arguments}", done.returncode, 2)
        says(f"{arguments}", done.stderr, words)


def bad_input(kerberos):
    simple_client()
    realm, none = kerberos.realm, {"KRB5CCNAME": "FILE:" + kerberos.at("none.cache")}
    keytab = kerberos.at("alice.keytab")
    dead = {"KRB5_CONFIG": kerberos.write_configuration("dead.conf", port=1)}
    other = {"KRB5_CONFIG": kerberos.at("other.conf")}
    with open(kerberos.at("other.conf"), "w") as out:
        out.write("[libdefaults]\n  default_realm = ELSEWHERE.TEST\n  dns_lookup_kdc = false\n")
    broken = {"KRB5_CONFIG": kerberos.at("broken.conf")}
    with open(kerberos.at("broken.conf"), "w") as out:
        out.write("[libdefaults\n")
    for what, arguments, further, words in (
            ("no ticket", [], none, ["there is no ticket", "run kinit"]),
            ("another's tickets", ["--user-principal", "bob"], {}, ["there is no ticket of bob"]),
            ("no such service", ["--principal", f"foo/_HOST@{realm}"], {},
             [f"the KDC does not know the server's principal foo/localhost@{realm}", "hbase.regionserver.kerberos.principal"]),
            ("another server's principal", ["--principal", f"hbase/other@{realm}"], {}, [REFUSED, "the principal is another server's"]),
            ("an unknown realm", ["--principal", "hbase/_HOST@NOWHERE.TEST"], {}, ["hbase/localhost@NOWHERE.TEST"]),
            ("nobody whom HBase knows", ["--keytab", kerberos.keytab("bob.keytab", "bob")], none,
             ["refuses the Kerberos login: ", "No rules applied to bob"]),
            ("no such keytab", ["--keytab", kerberos.at("no.keytab")], none, ["there is no such file"]),
            ("no keytab", ["--keytab", kerberos.at("krb5.conf")], none, ["no key can be read from the keytab"]),
            ("a keytab of another", ["--keytab", keytab, "--user-principal", "bob"], none, ["has no key of bob"]),
            ("a KDC that is away", ["--keytab", keytab], {**none, **dead}, ["no KDC answers", "krb5.conf"]),
            ("a realm without a KDC", ["--keytab", keytab], {**none, **other}, ["the realm is not known here"]),
            ("a broken krb5.conf", [], broken, ["krb5.conf cannot be understood"])):
        says(what, call("tables", *arguments, status=1, **further), *words)
    ahead = {"LD_PRELOAD": clock, "PENSTOCK_CLOCK_AHEAD": "1200"}
    says("a clock that is ahead, for the server", call("tables", status=1, **ahead), REFUSED, "a clock")
    fresh = {**ahead, "KRB5CCNAME": kerberos.login("alice", "fresh.cache", life="10h")}
    says("a clock that is ahead, for the KDC", call("tables", status=1, **fresh), "the clocks differ")


def answering(*pieces):
    """A server that says a piece for each that it hears."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(8)

    def serve():
        while True:
            try:
                wire, _ = server.accept()
                wire.settimeout(5)
                for piece in pieces:
                    wire.recv(65536)
                    wire.sendall(piece)
                wire.shutdown(socket.SHUT_WR)
                wire.recv(65536)
            except OSError:
                if server.fileno() < 0:
                    return
    threading.Thread(target=serve, daemon=True).start()
    return server, f"127.0.0.1:{server.getsockname()[1]}"


def bad_servers(_):
    exception = lambda name, words: b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(words)]) + words

    def refusal(name, words):
        inner = exception(name, words)
        header = b"\x08\xff\xff\xff\xff\x0f\x12" + bytes([len(inner)]) + inner
        return (len(header) + 1).to_bytes(4, "big") + bytes([len(header)]) + header
    for what, pieces, words in (
            # what HBase 2.6.1 says that has no Kerberos
            ("a server without Kerberos", [b"\x00\x00\x00\x00\xff\xff\xff\xa8"], "it asks for SIMPLE authentication"),
            ("one that knows tokens only", [refusal(b"org.apache.hadoop.hbase.ipc.BadAuthException", b"authMethod=81")],
             "it does not take this kind of authentication"),
            ("a web server", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "answers with the text \"HTTP...\""),
            ("one that closes", [b""], "closed the connection during the login"),
            ("half a token", [b"\x00\x00\x00\x00\x00\x00\x01\x00abc"], "closed the connection during the login"),
            ("a token of garbage", [b"\x00\x00\x00\x00\x00\x00\x00\x08abcdefgh"], "Kerberos: the login fails"),
            ("an empty token", [b"\x00" * 8], "Kerberos"),
            ("a token of 2 GB", [b"\x00\x00\x00\x00\x7f\xff\xff\xff"], "cannot be read"),
            ("a refusal", [b"\x00\x00\x00\x01\x00\x00\x00\x01c\x00\x00\x00\x03why"], "refuses the Kerberos login: why"),
            ("a frame of garbage", [b"\x00\x00\x00\x10" + b"\xff" * 16], "answer to the login cannot be read")):
        server, address = answering(*pieces)
        says(what, call("tables", status=1, PENSTOCK_HBASE_MASTERS=address), words)
        server.close()


def changed_keys(kerberos):
    """The last part: nothing fits any more afterwards."""
    old = kerberos.at("alice.keytab")
    kerberos.keytab("alice.new.keytab", "alice", anew=True)
    none = {"KRB5CCNAME": "FILE:" + kerberos.at("none.cache")}
    says("a keytab that is too old", call("tables", "--keytab", old, status=1, **none),
         f"does not accept the key of the keytab for alice@{kerberos.realm}")
    call("tables", "--keytab", kerberos.at("alice.new.keytab"), **none)
    kerberos.keytab("hbase.new.keytab", "hbase/localhost", anew=True)
    says("a server's keytab that is too old", call("tables", "--keytab", kerberos.at("alice.new.keytab"), status=1, **none),
         REFUSED, "the server's keytab is older")


def main():
    if not HBase.is_there() or not Kerberos.is_there():
        print("skipped: HBase or a KDC is not there; tools/setup test fetches them")
        return 77
    with tempfile.TemporaryDirectory(prefix="penstock-kerberos-") as folder, \
            Kerberos(os.path.join(folder, "kdc")) as kerberos:
        kerberos.add("alice", "bob", "hbase/other")
        kerberos.add("brief", options=f"-maxlife {TICKET_SECONDS}s")
        environment.update(kerberos.environment)
        environment["KRB5CCNAME"] = kerberos.login("alice", "alice.cache", life="10h")
        properties = {"hadoop.security.authorization": "true",  # or anybody may act as anybody
                      "hadoop.security.auth_to_local": "RULE:[1:$1@$0](alice@.*)s/@.*// RULE:[1:$1@$0](brief@.*)s/@.*// "
                                                       "RULE:[2:$1@$0](hbase@.*)s/@.*//"}
        with HBase(os.path.join(folder, "hbase"), properties, kerberos=kerberos) as hbase:
            environment["PENSTOCK_HBASE_MASTERS"] = hbase.masters
            use("create", "t", 3, "r001000", "r002000")
            use("fill", "t", 0, ROWS, 100)
            for part in (commands, protections, large_frames, project, expiring, bad_input, bad_servers, changed_keys):
                started = time.monotonic()
                part(kerberos)
                print(f"{part.__name__}: {time.monotonic() - started:.1f} s", flush=True)
            if failures:
                print(hbase.log()[-3000:])
            hbase.kill()  # its keys are not its keys any more: it would not stop by itself
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
