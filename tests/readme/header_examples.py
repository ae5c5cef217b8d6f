"""Compiles and runs the examples of hearth's headers on the model that comes with hearth: those of hearth.h as C99 and as
C++20, those of eigen.hpp as C++20.

usage: header_examples.py SOURCE_DIR LIBRARY CC CXX

An example stands between @code and @endcode of a comment. It is the body of a function which has the objects below, made
anew for each, returns a sentence where something fails, and null at its end; what it computes it prints, or leaves in the
session.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hygiene"))
from headers import flags_of_eigen  # noqa: E402

STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
PARAMETERS = ("hearth_runtime *runtime, hearth_model *model, hearth_tokenizer *tokenizer, hearth_session *session, "
              "hearth_sampling *sampling, hearth_generator *generator")
UNUSED = "".join(f"    (void){name};\n" for name in re.findall(r"\*(\w+)", PARAMETERS))
# Runs example number argv[2] on the model argv[1]: 0 where it returned null and something came of it.
MAIN = """
int main(int argc, char **argv) {
    const char *(*const examples[])(%s) = {%s};
    hearth_runtime *runtime = NULL;
    hearth_model *model = NULL;
    hearth_tokenizer *tokenizer = NULL;
    hearth_session *session = NULL;
    hearth_sampling *sampling = NULL;
    hearth_generator *generator = NULL;
    if (argc != 3 || hearth_runtime_new(&runtime, NULL) || hearth_model_open_path(&model, runtime, argv[1], NULL) ||
        hearth_tokenizer_of_model(&tokenizer, model) || hearth_session_new(&session, model, NULL) ||
        hearth_sampling_new(&sampling) || hearth_generator_new(&generator, model) ||
        hearth_sampling_set(sampling, "temperature", 0) || hearth_session_append_text(session, "hearth is", 9, 0)) {
        fprintf(stderr, "set-up: %%s\\n", hearth_last_error());
        return 2;
    }
    const size_t before = hearth_session_length(session);
    const char *error = examples[atoi(argv[2])](runtime, model, tokenizer, session, sampling, generator);
    if (error != NULL) fprintf(stderr, "%%s\\n", error);
    fprintf(stderr, "length %%+d\\n", (int)hearth_session_length(session) - (int)before);
    hearth_generator_free(generator);
    hearth_sampling_free(sampling);
    hearth_session_free(session);
    hearth_tokenizer_free(tokenizer);
    hearth_model_free(model);
    hearth_runtime_free(runtime);
    return error != NULL;
}
"""


def examples_of(path):
    """[(line, text)]"""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = []
    for match in re.finditer(r"^[ */]*@code\n(.*?)^[ */]*@endcode", text, re.S | re.M):
        body = re.sub(r"^ ?(\*|//) ?", "", match[1], flags=re.M)
        found.append((text.count("\n", 0, match.start()) + 1, body))
    return found


def program(header, found):
    includes = f'#include "{header}"\n#include <stdio.h>\n#include <stdlib.h>\n'
    if header.endswith(".hpp"):
        includes = f'#include "{header}"\n#include <cstdio>\n#include <cstdlib>\n#include <iostream>\n#include <vector>\n'
    functions = "".join(f"static const char *example_{i}({PARAMETERS}) {{\n{UNUSED}{{\n{body}}}\n    return NULL;\n}}\n"
                        for i, (_, body) in enumerate(found))
    return includes + functions + MAIN % (PARAMETERS, ", ".join(f"example_{i}" for i in range(len(found))))


def main(source, library, cc, cxx):
    eigen = flags_of_eigen()
    c = (cc, ["-std=c99"], ".c")
    cpp = (cxx, ["-std=c++20", "-O1"], ".cpp")
    headers = [("hearth.h", "capi/hearth.h", [c, cpp])]
    if eigen is None:
        print("SKIPPED 1 header with examples: Eigen is not installed")
    else:
        headers.append(("hearth/eigen.hpp", "include/hearth/eigen.hpp", [(cxx, cpp[1] + eigen, ".cpp")]))
    model = os.path.join(source, "examples", "models", "hearth-tiny.gguf")
    failures, ran = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for header, path, ways in headers:
            found = examples_of(os.path.join(source, path))
            if len(found) < 2:
                failures.append(f"{path} has {len(found)} examples, expected 2 or more")
            for compiler, flags, ending in ways:
                code, out = os.path.join(folder, "examples" + ending), os.path.join(folder, "examples")
                with open(code, "w", encoding="utf-8") as file:
                    file.write(program(header, found))
                built = subprocess.run([compiler, *flags, *STRICT, "-I" + os.path.join(source, "capi"),
                                        "-I" + os.path.join(source, "include"), code, library,
                                        "-Wl,-rpath," + os.path.dirname(library), "-o", out], capture_output=True, text=True)
                if built.returncode:
                    failures.append(f"the examples of {path} do not compile as {ending}:\n{built.stderr}")
                    continue
                for i, (line, _) in enumerate(found):
                    done = subprocess.run([out, model, str(i)], capture_output=True)
                    ran += 1
                    where, told = f"{path}:{line}: the example ({ending})", done.stderr.decode(errors="replace")
                    if done.returncode:
                        failures.append(f"{where} exits with {done.returncode}: {told}")
                    elif not done.stdout.strip() and "length +0" in told:
                        failures.append(f"{where} prints nothing and leaves the session as it was")
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"headers: {ran} runs of examples, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
