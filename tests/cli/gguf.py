"""Takes a GGUF file apart and puts it together again with changes: how the tests make files that are wrong."""

import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, UINT32 = 8, 9, 4


class Gguf:
    """keys: {name: (type, raw bytes)}, tensors: [[name, dims, type, offset]], data: bytes."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0
        magic, self.version, tensors, keys = struct.unpack("<4sIQQ", self._take(24))
        assert magic == b"GGUF" and self.version == 3
        self.keys = {}
        for _ in range(keys):
            name = self._string()
            (kind,) = struct.unpack("<I", self._take(4))
            start = self.at
            self._skip(kind)
            self.keys[name] = (kind, raw[start:self.at])
        self.tensors = []
        for _ in range(tensors):
            name = self._string()
            (rank,) = struct.unpack("<I", self._take(4))
            dims = list(struct.unpack(f"<{rank}Q", self._take(8 * rank)))
            kind, offset = struct.unpack("<IQ", self._take(12))
            self.tensors.append([name, dims, kind, offset])
        self.data = raw[-(-self.at // 32) * 32:]

    def _take(self, count):
        self.at += count
        return self.raw[self.at - count:self.at]

    def _string(self):
        (length,) = struct.unpack("<Q", self._take(8))
        return self._take(length).decode()

    def _skip(self, kind):
        if kind == STRING:
            self._string()
        elif kind == ARRAY:
            item, count = struct.unpack("<IQ", self._take(12))
            for _ in range(count):
                self._skip(item)
        else:
            self._take(SIZES[kind])

    def tensor(self, name):
        return next(t for t in self.tensors if t[0] == name)

    def set_string(self, key, text):
        self.keys[key] = (STRING, struct.pack("<Q", len(text.encode())) + text.encode())

    def strings(self, key):
        """The values of an array of strings."""
        kind, raw = self.keys[key]
        item, count = struct.unpack_from("<IQ", raw)
        assert kind == ARRAY and item == STRING
        at, values = 12, []
        for _ in range(count):
            (length,) = struct.unpack_from("<Q", raw, at)
            values.append(raw[at + 8:at + 8 + length])
            at += 8 + length
        return values

    def set_strings(self, key, values):
        raw = struct.pack("<IQ", STRING, len(values))
        self.keys[key] = (ARRAY, raw + b"".join(struct.pack("<Q", len(v)) + v for v in values))

    def set_item(self, key, index, value):
        """One value of an array of 32-bit integers."""
        kind, raw = self.keys[key]
        at = 12 + 4 * index
        self.keys[key] = (kind, raw[:at] + struct.pack("<i", value) + raw[at + 4:])

    def bytes(self, magic=b"GGUF"):
        out = struct.pack("<4sIQQ", magic, self.version, len(self.tensors), len(self.keys))
        for name, (kind, value) in self.keys.items():
            out += struct.pack("<Q", len(name.encode())) + name.encode() + struct.pack("<I", kind) + value
        for name, dims, kind, offset in self.tensors:
            out += struct.pack("<Q", len(name.encode())) + name.encode()
            out += struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
        return out + bytes(-len(out) % 32) + self.data
