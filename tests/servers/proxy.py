#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback that makes a network bad: it cuts connections, refuses new ones, stalls (takes and passes
nothing, but keeps the connection, as when a cable is pulled), delays and narrows. For Kafka give the broker
advertised_port=proxy.port, because its clients connect to what the broker says, not to what they were told first.

    proxy = Proxy(broker.port); proxy.start(); proxy.cut(); proxy.stall(); proxy.resume(); proxy.delay_seconds = 0.1
    proxy.refuse(); proxy.cut_after(bytes)      # cuts every connection once so many bytes more have passed
"""
import socket
import threading
import time

PIECE_SIZE = 65536


class Proxy:
    def __init__(self, target_port, port=0):
        self.target_port = target_port
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        self.delay_seconds = 0.0
        self.bytes_per_second = 0  # 0: as fast as it goes
        self.passed = 0
        self.connections = 0
        self._cut_at = None
        self._refuses = False
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._open = set()
        self._ended = False

    address = property(lambda self: f"127.0.0.1:{self.port}")

    def start(self):
        self.server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self):
        self._ended = True
        self._flowing.set()
        # wakes accept(), which a close alone does not
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        self.cut()

    def cut(self):
        """Resets every open connection; how many."""
        with self._lock:
            gone, self._open = self._open, set()
        for wire in gone:
            self._reset(wire)
        return len(gone) // 2

    def cut_after(self, size):
        self._cut_at = self.passed + size

    def stall(self):
        self._flowing.clear()

    def resume(self):
        self._refuses = False
        self._flowing.set()

    def refuse(self):
        """Cuts what is open and takes nothing new until resume()."""
        self._refuses = True
        return self.cut()

    @staticmethod
    def _reset(wire):
        try:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST, not FIN
            wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        wire.close()

    def _accept(self):
        while not self._ended:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            if self._refuses or self._ended:
                self._reset(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
                far.settimeout(None)
            except OSError:
                self._reset(near)
                continue
            self.connections += 1
            for wire in (near, far):
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:  # from here on a cut may close them at any time
                self._open |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        try:
            while True:
                piece = source.recv(PIECE_SIZE)
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                if self.bytes_per_second:
                    time.sleep(len(piece) / self.bytes_per_second)
                self._flowing.wait()
                if not piece:
                    break
                target.sendall(piece)
                self.passed += len(piece)
                if self._cut_at is not None and self.passed >= self._cut_at:
                    self._cut_at = None
                    self.cut()
        except OSError:
            pass
        with self._lock:
            self._open -= {source, target}
        for wire in (source, target):
            try:
                wire.shutdown(socket.SHUT_RDWR)  # a close alone sends nothing while the other thread waits in recv()
            except OSError:
                pass
            wire.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
