"""Each hygiene check is fed bad samples: a check that finds nothing in them is worth nothing. usage: self_test.py CC CXX"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import arrows
import calls
import headers
import lines
import symbols
import words

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "readme"))
import families
import tally

CC, CXX = "cc", "c++"


class Samples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def write(self, path, text):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
        return full

    def forget(self, path):
        (self.root / path).unlink()

    def expect(self, check, path, text, part):
        """The sample gives exactly one problem, which names the file and says `part`."""
        self.write(path, text)
        problems = check(self.root)
        self.forget(path)
        self.assertEqual(len(problems), 1, (path, text, problems))
        self.assertIn(path, problems[0])
        self.assertIn(part, problems[0])

    def expect_clean(self, check, path, text):
        self.write(path, text)
        problems = check(self.root)
        self.forget(path)
        self.assertEqual(problems, [], (path, text))


class Arrows(Samples):
    def bad(self, path, text, part):
        self.expect(arrows.check, path, text, part)

    def good(self, path, text):
        self.expect_clean(arrows.check, path, text)

    def test_upward_includes(self):
        for floor, header in [
            ("base", "codecs/codec.hpp"), ("codecs", "formats/gguf.hpp"), ("formats", "text/tokenizer.hpp"),
            ("formats", "kernels/kernels.hpp"), ("text", "formats/gguf.hpp"), ("layers", "formats/gguf.hpp"),
            ("models", "kernels/kernels.hpp"), ("models", "runtime/sequence.hpp"), ("runtime", "formats/gguf.hpp"),
            ("runtime", "kernels/panels.hpp"), ("engine", "kernels/panels.hpp"), ("engine", "layers/linear.hpp"),
            ("kernels", "layers/linear.hpp"),
        ]:
            self.bad(f"src/{floor}/x.cpp", f'#include "hearth/{header}"\n', "may not include")
            self.bad(f"include/hearth/{floor}/x.hpp", f' # include "hearth/{header}"\n', "may not include")
        self.bad("capi/x.cpp", '#include "hearth/kernels/kernels.hpp"\n', "may not include")

    def test_downward_includes_are_fine(self):
        self.good("src/layers/x.cpp", '#include "hearth/kernels/kernels.hpp"\n#include "hearth/base/cat.hpp"\n#include <vector>\n')
        self.good("src/runtime/x.cpp", '#include "hearth/kernels/kernels.hpp"\n#include "runtime/samplers/sampler.hpp"\n')
        self.good("src/layers/x.cpp", '// #include "hearth/formats/gguf.hpp"\n/* #include "hearth/formats/gguf.hpp" */\n')

    def test_private_headers(self):
        self.bad("src/models/x.cpp", '#include "layers/linear.hpp"\n', "private")
        self.bad("capi/x.cpp", '#include "engine/session.hpp"\n', "private")
        self.bad("include/hearth/text/x.hpp", '#include "text/vocab.hpp"\n', "private")
        self.bad("src/text/x.cpp", '#include "vocab.hpp"\n', "not written as")

    def test_external_headers(self):
        self.bad("src/base/cpu.cpp", "#include <tbb/task_arena.h>\n", "helper_threads_tbb.cpp only")
        self.good("src/base/helper_threads_tbb.cpp", "#include <tbb/task_arena.h>\n")
        for header in ["immintrin.h", "arm_neon.h", "emmintrin.h", "x86intrin.h"]:
            self.bad("src/layers/x.cpp", f"#include <{header}>\n", "only")
        self.bad("src/base/x.cpp", "#include <sys/socket.h>\n", "no file")
        self.bad("src/engine/x.cpp", "#include <iostream>\n", "no file")
        self.bad("src/base/x.cpp", "#include <nlohmann/json.hpp>\n", "only")
        self.bad("include/hearth/engine/x.hpp", "#include <nlohmann/json.hpp>\n", "only")

    def test_kernels(self):
        self.bad("src/kernels/scalar/x.cpp", "#include <vector>\n", "kernels may not")
        self.bad("src/kernels/portable/x.inl", "std::vector<float> v;\n", "no place")
        self.bad("src/kernels/x86_avx2/x.cpp", "float* p = new float[4];\n", "no place")
        self.good("src/kernels/x86_avx2/x.cpp", "#include <immintrin.h>\n// new\n__m256 v;\n")

    def test_instruction_sets(self):
        self.bad("src/codecs/x.cpp", "#if defined(__AVX2__)\n#endif\n", "in kernels only")
        self.bad("src/layers/x.cpp", "auto v = _mm256_add_ps(a, b);\n", "in kernels only")
        self.bad("src/layers/x.cpp", "auto v = vaddq_f32(a, b);\n", "in kernels only")

    def test_architecture_names(self):
        for floor in ("runtime", "engine", "layers", "base"):
            self.bad(f"src/{floor}/x.cpp", 'if (name == "qwen3") return;\n', "names the architecture 'qwen3'")
        self.bad("src/engine/x.cpp", "bool is_llama = false; void llama();\n", "names the architecture")
        self.bad("src/models/decoder.cpp", "spec.phi3 = true;\n", "shared forward")
        self.bad("src/engine/x.cpp", "if (architecture == other) return;\n", "decision by architecture")
        self.bad("src/layers/x.cpp", "if (spec.architecture() == other) return;\n", "decision by architecture")
        self.good("src/runtime/x.cpp", "// as llama does\n")
        self.good("src/models/llama.cpp", 'const char* name = "llama";\n')

    def test_unknown_floor(self):
        self.bad("src/attic/x.cpp", "\n", "not a floor")


class Lines(Samples):
    def test_limits(self):
        notes = []
        check = lambda root: lines.check(root, notes.append)
        self.expect(check, "src/base/x.cpp", "int a;\n" * 801, "801 lines")
        self.expect(check, "tests/x.py", "a = 1\n" * 900, "900 lines")
        self.assertEqual(notes, [])
        self.expect_clean(check, "src/base/x.cpp", "int a;\n" * 401)
        self.assertEqual(len(notes), 1)
        self.expect_clean(check, "src/base/x.cpp", "// Generated by make_table.py\n" + "int a;\n" * 5000)


class Calls(Samples):
    def test_banned(self):
        for text in [
            "abort();", "std::abort();", "exit(1);", "std::exit(1);", "std::terminate();", "raise(6);", 'printf("x");',
            'std::printf("x");', 'std::fprintf(stderr, "x");', 'puts("x");', 'std::cout << "x";', 'std::cerr << "x";',
            "assert(a);", "#include <cassert>", "__builtin_trap();", "__builtin_unreachable();", 'system("ls");',
            "int n = fork();", "socket(AF_INET, 1, 0);", "std::rand();", "std::mt19937 r;", 'throw std::runtime_error("x");',
            'getenv("HOME");', 'std::getenv("HOME");', "double y = std::exp(x);", "double y = std::pow(x, 2);",
        ]:
            with self.subTest(text):
                self.write("src/layers/x.cpp", text + "\n")
                self.assertGreaterEqual(len(calls.check(self.root)), 1, text)

    def test_allowed(self):
        for text in [
            "static_assert(a);", "// abort();", '"exit(1)";', "/* std::cout */", "buffer.exit(1);", "session->fork();",
            "Result<X> Session::fork() {", "std::snprintf(b, 4, f);", "throw std::bad_alloc();", "std::sqrt(x);",
        ]:
            with self.subTest(text):
                self.expect_clean(calls.check, "src/layers/x.cpp", text + "\n")
        self.expect_clean(calls.check, "src/engine/runtime.cpp", 'std::getenv("HEARTH_ISA");\n')


class Words(Samples):
    def test_banned(self):
        for text in [
            "/ro" + "ot/x", "/wo" + "rk/main", "/home/" + "me/x", "10.1." + "2.3", "https://arti" + "factory.some.com/x",
            "made by Clau" + "de", "// TO" + "DO: later", "<<<<<<" + "< HEAD", "x  \n",
        ]:
            with self.subTest(text):
                self.expect(words.check, "src/base/x.cpp", f"a\n{text}\n", ":2:")
        self.expect_clean(words.check, "src/base/x.cpp", "// https://example.org/work/ and version 2.10.1\n")


class Headers(Samples):
    def sample(self, c_header="int hearth_x(void);\n", cpp_header="#pragma once\n#include <string>\nstd::string f();\n"):
        self.write("capi/hearth.h", f"#ifndef H\n#define H\n{c_header}#endif\n")
        self.write("include/hearth/base/x.hpp", cpp_header)
        return headers.check(self.root, self.root, CC, CXX)

    def test_headers(self):
        self.assertEqual(self.sample(), [])
        stamp = str(self.root / "stamp")
        self.assertEqual(headers.check(self.root, self.root, CC, CXX, stamp), [])
        self.assertEqual(len(self.sample(cpp_header="#pragma once\nstd::string f();\n")), 1)
        self.assertEqual(len(headers.check(self.root, self.root, CC, CXX, stamp)), 1)
        self.assertEqual(len(self.sample(cpp_header="struct X {};\n")), 1)  # no guard
        self.assertEqual(len(self.sample(c_header="bool hearth_x(void);\n")), 1)
        self.assertEqual(len(self.sample(c_header="int hearth_x(void) { return class; }\n")), 2)


class Symbols(Samples):
    def library(self, text, *flags):
        source = self.write("x.cpp", text)
        output = self.root / "x.so"
        subprocess.run([CXX, "-shared", "-fPIC", "-O1", *flags, str(source), "-o", str(output)], check=True)
        return output

    def objects(self, text, *flags):
        source = self.write("x.cpp", text)
        output = self.root / "x.o"
        subprocess.run([CXX, "-std=c++20", "-c", *flags, str(source), "-o", str(output)], check=True)
        return str(output)

    def test_exports(self):
        self.write("capi/hearth.h", "HEARTH_API int hearth_a(void);\nHEARTH_API int hearth_b(int (*f)(void *user));\n")
        self.write("capi/symbols.txt", "# list\nhearth_a\nhearth_b\n")
        good = 'extern "C" int hearth_a() { return 1; } extern "C" int hearth_b() { return 1; }'
        self.assertEqual(symbols.check_exports(self.library(good), self.root), [])
        more = self.library(good + "int leaked() { return 2; }")
        self.assertEqual(len(symbols.check_exports(more, self.root)), 1)
        fewer = self.library('extern "C" int hearth_a() { return 1; }')
        self.assertEqual(len(symbols.check_exports(fewer, self.root)), 1)
        self.write("capi/symbols.txt", "hearth_a\n")
        self.assertEqual(len(symbols.check_exports(self.library(good), self.root)), 2)

    def test_imports(self):
        def imports(body):
            return symbols.check_imports(self.library("#include <cstdio>\n#include <cstdlib>\n#include <sys/socket.h>\n" + body))

        self.assertEqual(imports("int f() { return 1; }"), [])
        self.assertEqual(len(imports("int f() { return socket(1, 1, 1); }")), 1)
        self.assertEqual(len(imports("void f() { abort(); }")), 1)
        self.assertEqual(len(imports('void f(int a) { printf("%d", a); }')), 1)

    def test_weak(self):
        self.assertEqual(symbols.check_weak([self.objects("namespace { inline int g(int a) { return a; } } int f(int a) { return g(a); }")]), [])
        weak = self.objects("__attribute__((noinline)) inline int g(int a) { return a * 3; } int f(int a) { return g(a); }", "-O2")
        self.assertEqual(len(symbols.check_weak([weak])), 1)
        unique = self.objects("template <class T> struct S { static inline int x = 1; }; int f() { return ++S<int>::x; }")
        self.assertGreaterEqual(len(symbols.check_weak([unique])), 1)
        self.assertEqual(len(symbols.check_weak([])), 1)

    def test_state(self):
        def state(text):
            return symbols.check_state(self.objects(text))

        self.assertEqual(state("static const int table[3] = {1, 2, 3}; const int* f() { return table; }"), [])
        self.assertEqual(state("extern const char* const names[]; const char* const names[] = {\"a\"};"), [])
        self.assertEqual(len(state("int counter;")), 1)
        self.assertEqual(len(state("namespace { int counter = 3; } int f() { return ++counter; }")), 1)
        self.assertEqual(len(state("int f() { static int n; return ++n; }")), 1)
        self.assertEqual(len(state("thread_local int n = 2; int f() { return n; }")), 1)


class Tally(unittest.TestCase):
    """The sum that tests/run.sh ends with."""

    CASES = "{0}: [doctest] test cases:    37 |    {1} passed | {2} failed | {3} skipped\n"
    RESULT = "1/2 Test  #{0}: base ............................   {1}    0.50 sec\n"

    def sums(self, text):
        return tally.tally(text)[:3]

    def test_sums(self):
        self.assertEqual(self.sums(self.CASES.format(1, 37, 0, 0) + self.RESULT.format(1, "Passed")), (37, 0, 0))
        self.assertEqual(self.sums(self.CASES.format(1, 35, 2, 3) + self.RESULT.format(1, "***Failed")), (35, 2, 3))
        self.assertEqual(self.sums(self.RESULT.format(7, "Passed")), (1, 0, 0))
        for bad in ("***Failed", "***Timeout", "***Not Run", "***Exception: SegFault"):
            self.assertEqual(self.sums(self.RESULT.format(7, bad)), (0, 1, 0))
        # A program that fails after all its cases passed (a leak) and one that dies before its summary.
        self.assertEqual(self.sums(self.CASES.format(1, 37, 0, 0) + self.RESULT.format(1, "***Failed")), (37, 1, 0))
        self.assertEqual(self.sums("3: MESSAGE: SKIPPED 12 vocabularies\n" + self.RESULT.format(3, "Passed")), (1, 0, 12))
        self.assertEqual(self.sums(self.RESULT.format(3, "***Skipped")), (0, 0, 1))
        cargo = "test result: {}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in 0.01s\n"
        self.assertEqual(self.sums(cargo.format("ok", 5, 0, 1) + cargo.format("FAILED", 2, 3, 0)), (7, 3, 1))
        self.assertEqual(self.sums("RESULT passed a\nRESULT failed b\nRESULT skipped c\n"), (1, 1, 1))


class Families(unittest.TestCase):
    def figure(self, family, form, error, measure="max", of=""):
        return {"family": family, "form": form, "name": "x", "of": of, "measure": measure, "error": error, "bound": 1e-3}

    def faults(self, figures, table, all_goldens=True, listed=("llama",), classes=("Llama",)):
        text = "a\n" + families.BEGIN + table + families.END + "b\n"
        return families.differences(families.rows(figures), text, all_goldens, set(listed), set(classes))

    def test_table(self):
        figures = [self.figure("llama", "gguf", 1.234e-6), self.figure("llama", "gguf", 9.0e-7),
                   self.figure("llama", "folder", 9.97e-6, of="Llama"), self.figure("llama", "gguf", 2e-4, "nmse")]
        table = families.HEAD + "| llama | 1.3e-6 | 2.0e-4 | 1.0e-5 | | Llama |\n"
        self.assertEqual(families.table(families.rows(figures)), table)
        self.assertEqual(self.faults(figures, table), ([], 0))
        # A claim of a figure, a family or a class that nothing measured, and a family or class that nobody tested.
        for wrong in (table.replace("1.3e-6", "1.2e-6"), table + "| qwen | 1.0e-6 | | | | |\n", table.replace("Llama |", "Llama, Mistral |")):
            self.assertEqual(len(self.faults(figures, wrong)[0]), 1)
        self.assertIn("qwen", self.faults(figures, table, listed=("llama", "qwen"))[0][0])
        self.assertIn("Mistral", self.faults(figures, table, classes=("Llama", "Mistral"))[0][0])
        self.assertEqual(len(families.differences({}, "no table", True, set(), set())[0]), 1)
        with self.assertRaises(AssertionError):
            families.rows([self.figure("llama", "gguf", 2e-3)])

    def test_bare_clone(self):
        table = families.HEAD + "| llama | 1.3e-6 | 2.0e-4 | 1.0e-5 | | Llama |\n"
        some = [self.figure("llama", "gguf", 1.0e-6), self.figure("llama", "folder", 9.97e-6, of="Llama")]
        self.assertEqual(self.faults(some, table, all_goldens=False), ([], 1))
        worse = [self.figure("llama", "gguf", 1.4e-6), self.figure("llama", "folder", 9.97e-6, of="Llama")]
        self.assertEqual(len(self.faults(worse, table, all_goldens=False)[0]), 1)
        untold = some + [self.figure("qwen", "gguf", 1e-6)]
        self.assertEqual(len(self.faults(untold, table, all_goldens=False)[0]), 1)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        CC, CXX = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
