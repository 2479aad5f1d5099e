#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small schema registry for tests: what Confluent's REST interface has that reading and writing records takes. Schemas
are kept in memory, so a registry that is started again on the same port knows what it is given again.

    POST /subjects/SUBJECT/versions        {"schema": ..., "schemaType": ..., "references": [...]} -> {"id": 1}
    GET  /schemas/ids/ID[?format=serialized]
    GET  /subjects/SUBJECT/versions/VERSION[?format=serialized]      VERSION: a number, or latest

A Protobuf schema is posted as the base64 of its FileDescriptorProto, which the real ones take as well; without
format=serialized they give .proto text, and this one gives a text that says so. With user and password every request
needs basic authentication. fail(500, 3) answers the next three requests so. `requests` are the paths asked for so far.

    with Registry() as registry: id = registry.register("t-value", schema, "AVRO")
    tests/servers/registry.py [PORT]       a registry until it is stopped; prints its address
"""
import base64
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

NO_SUBJECT, NO_VERSION, NO_SCHEMA = 40401, 40402, 40403


class Registry:
    def __init__(self, port=0, user=None, password=None):
        self.user, self.password = user, password
        self.schemas = []  # id - 1 -> {"schema", "schemaType", "references"}
        self.subjects = {}  # name -> ids, by version - 1
        self.requests, self.failures = [], []
        self.lock = threading.Lock()
        self.port, self.server, self.thread = port, None, None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(registry.get)

            def do_POST(self):
                self.answer(registry.post)

            def log_message(self, *_):
                pass

            def answer(self, method):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = registry.checked(self.path, self.headers.get("Authorization"), method, body)
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
            self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def fail(self, status, count=1):
        self.failures += [status] * count

    def register(self, subject, schema, kind="AVRO", references=()):
        with self.lock:
            entry = {"schema": schema, "schemaType": kind, "references": list(references)}
            if entry not in self.schemas:
                self.schemas.append(entry)
            number = self.schemas.index(entry) + 1
            versions = self.subjects.setdefault(subject, [])
            if number not in versions:
                versions.append(number)
            return number

    def checked(self, path, authorization, method, body):
        self.requests.append(path)
        if self.failures:
            status = self.failures.pop(0)
            return status, {"error_code": status, "message": "failing as told"}
        wanted = f"{self.user}:{self.password}".encode()
        if self.user is not None and authorization != "Basic " + base64.b64encode(wanted).decode():
            return 401, {"error_code": 401, "message": "Unauthorized"}
        parsed = urlparse(path)
        parts = [unquote(part) for part in parsed.path.strip("/").split("/")]
        return method(parts, parse_qs(parsed.query), body)

    def post(self, parts, _, body):
        if len(parts) != 3 or parts[0] != "subjects" or parts[2] != "versions":
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        document = json.loads(body)
        number = self.register(parts[1], document["schema"], document.get("schemaType", "AVRO"),
                               document.get("references", ()))
        return 200, {"id": number}

    def get(self, parts, query, _):
        serialized = query.get("format") == ["serialized"]
        if parts[:2] == ["schemas", "ids"] and len(parts) == 3:
            number = int(parts[2])
            if not 1 <= number <= len(self.schemas):
                return 404, {"error_code": NO_SCHEMA, "message": f"Schema {number} not found"}
            return 200, self.show(number, serialized)
        if parts[0] == "subjects" and len(parts) == 4 and parts[2] == "versions":
            versions = self.subjects.get(parts[1])
            if versions is None:
                return 404, {"error_code": NO_SUBJECT, "message": f"Subject '{parts[1]}' not found."}
            version = len(versions) if parts[3] == "latest" else int(parts[3])
            if not 1 <= version <= len(versions):
                return 404, {"error_code": NO_VERSION, "message": f"Version {version} not found."}
            number = versions[version - 1]
            return 200, {"subject": parts[1], "version": version, "id": number, **self.show(number, serialized)}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def show(self, number, serialized):
        entry = dict(self.schemas[number - 1])
        if entry["schemaType"] == "AVRO":
            del entry["schemaType"]  # as the real one: it is the default
        elif entry["schemaType"] == "PROTOBUF" and not serialized:
            entry["schema"] = 'syntax = "proto3"; // only format=serialized is kept'
        if not entry["references"]:
            del entry["references"]
        return entry


if __name__ == "__main__":
    with Registry(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as running:
        print(running.address, flush=True)
        threading.Event().wait()
