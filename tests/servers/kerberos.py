#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kerberos KDC for tests (MIT's, of Debian's krb5-kdc): one realm on loopback, all its files under one folder.

    with Kerberos("folder") as kerberos:
        kerberos.add("hbase/localhost", "alice")           # principals with random keys
        kerberos.keytab("alice.keytab", "alice")           # -> path
        kerberos.login("alice", "alice.cache", life="1m")  # kinit by keytab -> value for KRB5CCNAME
        kerberos.environment                               # KRB5_CONFIG, for programs that speak to it
"""
import os
import socket
import subprocess
import time

from kafka import free_port

START_SECONDS_MAX = 30
PLACES = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/mit/sbin", "/usr/lib/mit/bin"]


def program(name):
    return next((os.path.join(place, name) for place in PLACES if os.path.exists(os.path.join(place, name))), None)


class Kerberos:
    def __init__(self, folder, realm="PENSTOCK.TEST"):
        self.folder, self.realm = os.path.abspath(folder), realm
        self.port = free_port()
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.at = lambda name: os.path.join(self.folder, name)
        # a cache of its own, which is not there: the user's tickets are none of a test's business
        self.environment = {"KRB5_CONFIG": self.at("krb5.conf"), "KRB5CCNAME": "FILE:" + self.at("none.cache")}
        self._own = {**os.environ, **self.environment, "KRB5_KDC_PROFILE": self.at("kdc.conf")}

    @staticmethod
    def is_there():
        return all(program(name) for name in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"))

    def write_configuration(self, name="krb5.conf", port=None, further=""):
        """A client's view of the realm; further ones, with another port or other settings, for what goes wrong."""
        with open(self.at(name), "w") as out:
            out.write(f"""[libdefaults]
  default_realm = {self.realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  rdns = false
  udp_preference_limit = 1
{further}
[realms]
  {self.realm} = {{
    kdc = 127.0.0.1:{port or self.port}
  }}
[domain_realm]
  localhost = {self.realm}
""")
        return self.at(name)

    def _run(self, name, *arguments):
        done = subprocess.run([program(name), *arguments], capture_output=True, text=True, env=self._own, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{name} {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        self.write_configuration()
        with open(self.at("kdc.conf"), "w") as out:
            out.write(f"""[kdcdefaults]
  kdc_listen = 127.0.0.1:{self.port}
  kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
  {self.realm} = {{
    database_name = {self.at("principal")}
    key_stash_file = {self.at("stash")}
    acl_file = {self.at("kadm5.acl")}
    max_life = 24h
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
""")
        self._run("kdb5_util", "create", "-s", "-r", self.realm, "-P", "of-a-test-only")
        with open(self.at("kdc.log"), "ab") as log:
            self.process = subprocess.Popen([program("krb5kdc"), "-n", "-r", self.realm], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self._own, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError("the KDC does not start: " + open(self.at("kdc.log"), errors="replace").read())
                time.sleep(0.05)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def add(self, *principals, options=""):
        for principal in principals:
            self._run("kadmin.local", "-r", self.realm, "-q", f"addprinc -randkey {options} {principal}@{self.realm}")

    def keytab(self, name, *principals, anew=False):
        """Into a file; `anew` gives them other keys first, so that older keytabs no longer fit."""
        for principal in principals:
            how = "" if anew else "-norandkey "
            self._run("kadmin.local", "-r", self.realm, "-q", f"ktadd -k {self.at(name)} {how}{principal}@{self.realm}")
        return self.at(name)

    def login(self, principal, cache, life="1h"):
        keytab = self.keytab(principal.replace("/", "_") + ".keytab", principal)
        self._run("kinit", "-l", life, "-c", "FILE:" + self.at(cache), "-k", "-t", keytab, f"{principal}@{self.realm}")
        return "FILE:" + self.at(cache)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
