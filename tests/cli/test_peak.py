"""How much memory a load takes at its peak: the weights and a few slices of the file, not two copies of a tensor."""

import json
import unittest

import support
from gguf import Gguf
from support import TestCase, file, folder, model, run

LEAST = 64_000_000


def large_model(kind):
    # Two tensors of 57344 x 1024 hold most of it: where a load keeps a whole tensor twice, it shows.
    return model(f"large-{kind}", "--type", kind, "--vocab", "57344", width=1024)


class Peak(TestCase):
    def setUp(self):
        if support.instrumented:
            self.skipTest("an emulator's or a sanitizer's own memory counts too")

    def peak(self, path):
        out = run("bench", path, "-p", 0, "-n", 1, "-r", 1, "--ctx", 256, "--threads", 2, "--json")
        return json.loads(self.check_ok(out))["peak_rss_bytes"]

    def check_peak(self, path):
        size = path.stat().st_size
        self.assertGreater(size, LEAST)
        cache = json.loads(self.check_ok(run("inspect", path, "--json")))["memory"]["kv_bytes_per_token"] * 256
        bound = self.peak(model()) + 1.1 * size + cache + 2_000_000  # the last for activations and logits
        self.assertLess(self.peak(path), bound)

    def test_packed_types(self):
        for kind in ("Q8_0", "Q4_0"):
            with self.subTest(kind):
                self.check_peak(large_model(kind))

    def test_types_that_stay_as_they_are(self):
        # NVFP4 takes as many bytes for as many values as Q4_0, and has no packed form.
        changed = Gguf(large_model("Q4_0").read_bytes())
        for tensor in changed.tensors:
            if tensor[2] == 2:
                tensor[2] = 40
        self.check_peak(file("large-nvfp4.gguf", changed.bytes()))
        (folder / "large-nvfp4.gguf").unlink()
