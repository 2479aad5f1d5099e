#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real HBase for tests: master, ZooKeeper and two region servers in one process on loopback, all its files under one
folder. It can be stopped, killed and started again on the same data. tools/setup test fetches the jars.

    hbase = HBase("folder"); hbase.start(); hbase.masters; hbase.kill(); hbase.start(); hbase.stop()
    tests/servers/hbase.py run FOLDER                an HBase until SIGTERM; prints its masters
    tests/servers/hbase.py with FOLDER COMMAND...    one while the command runs, which finds it in $PENSTOCK_HBASE_MASTERS
"""
import os
import signal
import subprocess
import sys
import time

from kafka import cache_folder, free_port, port_of

START_SECONDS_MAX = 240  # 18 s on a quiet machine
JVM = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
       "-Dorg.apache.hbase.thirdparty.io.netty.tryReflectionSetAccessible=true",
       "--add-exports", "java.base/jdk.internal.misc=ALL-UNNAMED"]
for package in ("java.lang", "java.nio", "java.lang.reflect", "java.io", "jdk.internal.misc"):
    JVM += ["--add-opens", f"java.base/{package}=ALL-UNNAMED"]
LOGGING = """log4j.rootLogger=INFO,out
log4j.logger.org.apache.zookeeper=WARN
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{HH:mm:ss,SSS} %p %c{1}: %m%n
"""


class HBase:
    def __init__(self, folder, properties=None, home=None, kerberos=None):
        self.folder = os.path.abspath(folder)
        self.home = home or os.path.join(cache_folder(), "hbase-2.6.1")
        self.port, self.keeper_port = free_port(), free_port()
        self.properties = dict(properties or {})
        self.log_path = os.path.join(self.folder, "hbase.log")
        self.process = None
        self.kerberos, self.jvm = kerberos, list(JVM)
        os.makedirs(self.folder, exist_ok=True)
        if kerberos is not None:
            self._secure(kerberos)

    masters = property(lambda self: f"127.0.0.1:{self.port}")

    @staticmethod
    def is_there():
        return os.path.exists(os.path.join(cache_folder(), "hbase-2.6.1", ".complete"))

    def _secure(self, kerberos):
        """Master and region servers are hbase/localhost; ZooKeeper stays inside of the process, without Kerberos."""
        principal = f"hbase/localhost@{kerberos.realm}"
        kerberos.add("hbase/localhost")
        keytab = kerberos.keytab("hbase.keytab", "hbase/localhost")
        given = {"hbase.security.authentication": "kerberos", "hadoop.security.authentication": "kerberos",
                 "hbase.rpc.protection": "authentication,integrity,privacy"}
        for role in ("master", "regionserver"):
            given[f"hbase.{role}.kerberos.principal"], given[f"hbase.{role}.keytab.file"] = principal, keytab
        self.properties = {**given, **self.properties}
        self.jvm += ["-Djava.security.krb5.conf=" + kerberos.at("krb5.conf"),
                     "--add-exports", "java.security.jgss/sun.security.krb5=ALL-UNNAMED"]

    def _write_configuration(self):
        at = lambda name: os.path.join(self.folder, name)
        given = {
            "hbase.rootdir": "file://" + at("data"), "hbase.tmp.dir": at("tmp"),
            "hbase.cluster.distributed": "false", "hbase.unsafe.stream.capability.enforce": "false",
            "hbase.wal.provider": "filesystem", "hbase.regionservers": "2",
            # without checksum files a flush reaches the kernel, so that the log survives kill -9; the usual class keeps
            # the end of a file to itself. The loader of jars insists on the usual class.
            "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem", "hbase.use.dynamic.jars": "false",
            "hbase.zookeeper.property.dataDir": at("zookeeper"), "hbase.zookeeper.quorum": "127.0.0.1",
            "hbase.zookeeper.property.clientPort": str(self.keeper_port),
            "hbase.zookeeper.property.clientPortAddress": "127.0.0.1",
            "hbase.master.hostname": "localhost", "hbase.regionserver.hostname": "localhost",
            "hbase.master.ipc.address": "127.0.0.1", "hbase.regionserver.ipc.address": "127.0.0.1",
            # a port of its own for the master, any for the region servers: there are two of them
            "hbase.master.port": str(self.port), "hbase.localcluster.assign.random.ports": "true",
            "hbase.master.info.port": "-1", "hbase.regionserver.info.port": "-1",
            # what a test splits stays so, and what it moves is not moved back
            "hbase.balancer.period": "3600000", "hbase.master.loadbalance.bytable": "false",
            "hbase.catalogjanitor.interval": "3600000",
        }
        self.given = {**given, **self.properties}
        self._write_folder(at("conf"), self.given)

    @staticmethod
    def _write_folder(folder, given):
        os.makedirs(folder, exist_ok=True)
        for file in ("hbase-site.xml", "core-site.xml"):  # Hadoop's login reads its own file only
            with open(os.path.join(folder, file), "w") as out:
                out.write("<configuration>\n")
                for name, value in given.items():
                    out.write(f"<property><name>{name}</name><value>{value}</value></property>\n")
                out.write("</configuration>\n")
        with open(os.path.join(folder, "log4j.properties"), "w") as out:
            out.write(LOGGING)

    def start(self, wait=True):
        self._write_configuration()
        self._log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        classes = os.path.join(self.folder, "conf") + ":" + os.path.join(self.home, "libs", "*")
        with open(self.log_path, "ab") as log:
            # its own session: a Ctrl-C at the terminal of the test is not the server's
            self.process = subprocess.Popen(
                ["java", *self.jvm, "-cp", classes, "org.apache.hadoop.hbase.master.HMaster", "start"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        if wait:
            self.wait()
        return self

    def log(self):
        with open(self.log_path, errors="replace") as file:
            file.seek(self._log_start)
            return file.read()

    def wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while "Master has completed initialization" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                state = "ended" if self.process.poll() is not None else "is not ready"
                self.kill()
                raise RuntimeError(f"HBase {state}; the end of its log:\n" + self.log()[-3000:])
            time.sleep(0.2)

    def stop(self):
        """A clean stop; kill -9 after a minute."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process = None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def region_server(self, name, properties=None):
        """One more region server, as a process of its own, which can be killed alone."""
        return RegionServer(self, name, properties or {})

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class RegionServer:
    """Its death is noticed after zookeeper.session.timeout (90 s unless set), and regions go to it only when it has
    reported to the master (hbase.regionserver.msginterval, 3 s unless set)."""

    def __init__(self, hbase, name, properties):
        self.hbase, self.port = hbase, free_port()
        folder = os.path.join(hbase.folder, name)
        self.log_path = folder + ".log"
        hbase._write_folder(folder, {**hbase.given, **properties, "hbase.cluster.distributed": "true",
                                     "hbase.regionserver.port": str(self.port)})
        classes = folder + ":" + os.path.join(hbase.home, "libs", "*")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["java", *hbase.jvm, "-cp", classes, "org.apache.hadoop.hbase.regionserver.HRegionServer", "start"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=hbase.folder, start_new_session=True)

    address = property(lambda self: f"localhost:{self.port}")

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while "Serving as" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("a region server does not start; the end of its log:\n" + self.log()[-3000:])
            time.sleep(0.1)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()


def main():
    if len(sys.argv) >= 3 and sys.argv[1] == "run":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with HBase(sys.argv[2]) as hbase:
            print(hbase.masters, flush=True)
            while hbase.process.poll() is None:
                time.sleep(0.2)
    elif len(sys.argv) >= 4 and sys.argv[1] == "with":
        server = HBase(sys.argv[2])
        server.port = port_of(sys.argv[2])  # a project keeps the address of its masters
        with server as hbase:
            print(f"HBase 2.6.1 at {hbase.masters}, its files in {hbase.folder}", flush=True)
            environment = {**os.environ, "PENSTOCK_HBASE_MASTERS": hbase.masters}
            return subprocess.run(sys.argv[3:], env=environment).returncode
    else:
        return __doc__
    return 0


if __name__ == "__main__":
    sys.exit(main())
