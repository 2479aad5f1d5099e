# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after the power was cut, worked out from the record that power_loss.c makes.

Two worlds. "journal": names (creations, renames, removals) become durable in their order, and any fsync makes all names
before it durable, as ext4, XFS and Btrfs do. "strict": a name is durable after an fsync of its folder only, as POSIX says.
In both a file holds what was in it at its last fsync, and of what was written since, anything: nothing, all, the first so
many writes, any parts of them (in units of 4096 bytes); but in "journal" a file grows without holes, as those file systems
make it longer only after the data is there. "no sync" is the canary: fsync does nothing there.
"""
import os
import random
import shutil
import struct

CREATE, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, RENAME, LINK, REMOVE, MAKE_FOLDER, REMOVE_FOLDER = range(1, 11)
HEAD = struct.Struct("<BQQIII")
PAGE = 4096


class File:
    """durable: the bytes at the last fsync; pending: what happened since, (offset, bytes) or (size, None)."""

    def __init__(self, durable=b""):
        self.durable = bytearray(durable)
        self.pending = []

    @staticmethod
    def _apply(content, offset, data):
        if data is None:
            if offset < len(content):
                del content[offset:]
            else:
                content.extend(bytes(offset - len(content)))
            return
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        content[offset:offset + len(data)] = data

    def sync(self):
        for offset, data in self.pending:
            self._apply(self.durable, offset, data)
        self.pending = []

    def survivors(self, generator, way, has_holes):
        content = bytearray(self.durable)
        pending = self.pending
        old = len(content)
        end = max([offset + len(data) for offset, data in pending if data is not None] + [old])
        kept = generator.randint(old, end)  # up to here the file has grown
        if way == "none":
            pending = []
        elif way == "first":
            pending = pending[:generator.randint(0, len(pending))]
        for offset, data in pending:
            if way != "some" or data is None:
                if way != "some" or generator.random() < 0.5:
                    self._apply(content, offset, data)
                continue
            for at in range(0, len(data), PAGE):
                page = data[at:at + PAGE]
                if offset + at >= old and not has_holes:
                    page = page[:max(0, kept - offset - at)]
                elif generator.random() < 0.5:
                    continue
                if page:
                    self._apply(content, offset + at, page)
        return content


def read_record(path, root):
    """Yields (kind, inode, offset, path, second path, data); paths relative to the folder."""
    with open(path, "rb") as file:
        content = file.read()
    at, prefix = 0, os.path.realpath(root) + "/"
    cut = lambda raw: raw.decode()[len(prefix):] if raw else ""
    while at < len(content):
        kind, inode, offset, first, second, size = HEAD.unpack_from(content, at)
        at += HEAD.size
        names = content[at:at + first], content[at + first:at + first + second]
        at += first + second
        yield kind, inode, offset, cut(names[0]), cut(names[1]), content[at:at + size]
        at += size


class Disk:
    """Takes the record up to a point and says what may be there after a cut at that point."""

    def __init__(self, world, before):
        self.world = world
        self.files = {}  # inode now -> File; a name holds the File itself, as an inode may be used again
        self.now = {}  # path -> File or None for a folder, as the program sees it
        self.durable = {}
        self.pending = []  # names not durable yet, in order: (kind, path, second, File)
        for path, (inode, content) in before.items():
            file = None if content is None else File(content)
            self.now[path] = self.durable[path] = self.files[inode] = file

    @staticmethod
    def _rename(names, path, second):
        for name in [n for n in names if n == path or n.startswith(path + "/")]:
            names[second + name[len(path):]] = names.pop(name)

    def _name(self, names, kind, path, second, file):
        if kind == RENAME:
            if path in names:
                self._rename(names, path, second)
            elif file is not None:  # its creation was lost, the rename was not: the new name holds the file
                names[second] = file
        elif kind in (CREATE, LINK, MAKE_FOLDER):
            names[second if kind == LINK else path] = file
        else:
            names.pop(path, None)

    def take(self, entry):
        kind, inode, offset, path, second, data = entry
        if kind == WRITE:
            self.files[inode].pending.append((offset, data))
        elif kind == TRUNCATE:
            self.files[inode].pending.append((offset, None))
        elif kind in (SYNC, SYNC_FOLDER):
            if self.world == "no sync":
                return
            if kind == SYNC and inode in self.files:
                self.files[inode].sync()
            if self.world == "journal":
                self._settle(self.pending)
            elif kind == SYNC_FOLDER:
                self._settle([n for n in self.pending if os.path.dirname(n[1]) == path or
                              n[2] and os.path.dirname(n[2]) == path])
        else:
            file = self.now.get(path)
            if kind == CREATE:
                file = self.files[inode] = File()
            self._name(self.now, kind, path, second, file)
            self.pending.append((kind, path, second, file))

    def _settle(self, chosen):
        for name in chosen:
            self._name(self.durable, *name)
        self.pending = [n for n in self.pending if not any(n is c for c in chosen)]

    def write(self, folder, generator, way):
        """The folder as it may be after a cut now. way: none, first, some or all of what is not durable is there."""
        names = dict(self.durable)
        if way in ("first", "some"):
            for name in self.pending[:generator.randint(0, len(self.pending))]:
                self._name(names, *name)
        elif way == "all":
            for name in self.pending:
                self._name(names, *name)
        for path, file in names.items():
            target = os.path.join(folder, path)
            if file is None:
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as out:
                out.write(file.survivors(generator, way, self.world != "journal"))


def content(folder):
    """Every file and folder as it is: {path: (inode, bytes, or None for a folder)}."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            data = None
            if name in files:
                with open(path, "rb") as file:
                    data = file.read()
            found[os.path.relpath(path, folder)] = (os.stat(path).st_ino, data)
    return found


def missed(entries, before, folder):
    """What the record does not explain: paths whose content in the real folder is another one."""
    disk = Disk("no sync", before)
    for entry in entries:
        disk.take(entry)
    work = folder + ".replayed"
    shutil.rmtree(work, ignore_errors=True)
    disk.write(work, random.Random(1), "all")
    real, made = content(folder), content(work)
    shutil.rmtree(work)
    nothing = (0, b"?")
    return sorted(path for path in set(real) | set(made) if real.get(path, nothing)[1] != made.get(path, nothing)[1])
