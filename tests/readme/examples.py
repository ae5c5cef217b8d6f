"""Compiles the C example of README.md and the C++ example of docs/cpp.md against the built library and runs them on the model that
comes with hearth.

usage: examples.py SOURCE_DIR LIBRARY CC CXX
"""
import os
import re
import subprocess
import sys
import tempfile

source, library, cc, cxx = sys.argv[1:5]
blocks, failures = {}, []
for lang, page in (("c", "README.md"), ("cpp", "docs/cpp.md")):
    with open(os.path.join(source, page), encoding="utf-8") as f:
        blocks[lang] = re.findall(r"^```%s\n(.*?)^```$" % re.escape(lang), f.read(), re.S | re.M)
    if len(blocks[lang]) != 1:
        failures.append(f"{page} has {len(blocks[lang])} ```{lang} blocks, expected 1")

with tempfile.TemporaryDirectory() as folder:
    model = os.path.join(source, "examples", "models", "hearth-tiny.gguf")
    for lang, compiler, standard in (("c", cc, "-std=c99"), ("cpp", cxx, "-std=c++20")):
        for block in blocks[lang]:
            path = os.path.join(folder, "example." + lang)
            program = os.path.join(folder, "example_" + lang)
            with open(path, "w", encoding="utf-8") as f:
                f.write(block)
            built = subprocess.run([compiler, standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(source, "capi"), path,
                                    library, "-Wl,-rpath," + os.path.dirname(library), "-o", program],
                                   capture_output=True, text=True)
            if built.returncode:
                failures.append(f"the {lang} example does not compile:\n{built.stderr}")
                continue
            ran = subprocess.run([program, model], capture_output=True)
            if ran.returncode or not ran.stdout.strip():
                failures.append(f"the {lang} example exits with {ran.returncode}: {ran.stderr.decode(errors='replace')}")
            lost = subprocess.run([program, os.path.join(folder, "missing.gguf")], capture_output=True)
            if lost.returncode != 1 or b"missing.gguf" not in lost.stderr:
                failures.append(f"the {lang} example on a missing file exits with {lost.returncode}: {lost.stderr!r}")

for failure in failures:
    print(failure, file=sys.stderr)
print(f"readme: {len(blocks['c']) + len(blocks['cpp'])} examples, {len(failures)} failures")
sys.exit(1 if failures else 0)
