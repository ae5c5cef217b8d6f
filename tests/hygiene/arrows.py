"""Include arrows run down only. usage: arrows.py ROOT"""

import re
import sys

from common import bare, files, numbered, read, report

# Floors and what each may include of the others. base is open to all; std and OS headers are not listed.
# codecs in models and engine: storage sizes and type names for the memory plan and the texts of inspect.
MAY = {
    "base": set(),
    "codecs": set(),
    "formats": {"codecs"},
    "text": {"codecs"},
    "kernels": {"codecs"},
    "layers": {"codecs", "kernels"},
    "models": {"codecs", "layers"},
    "runtime": {"models", "layers", "text"},
    "engine": {"runtime", "models", "text", "formats", "codecs"},
    "capi": {"engine", "runtime", "models", "text", "formats", "codecs"},
    "include": set(),  # headers beside the floors: for hosts, over hearth.h alone
}
# The one header of a floor that a higher one may see: sampling and the engine hand the kernel table on.
SINGLE_HEADERS = {
    ("runtime", "hearth/kernels/kernels.hpp"),
    ("engine", "hearth/kernels/kernels.hpp"),
}
# External headers and the floors (or single files) that may have them.
EXTERNAL = {
    r"tbb/|oneapi/": ["src/base/helper_threads_tbb.cpp"],
    r"pcre2": ["src/text/"],
    r"utf8proc": ["src/text/"],
    r"xxhash": ["src/base/hash.cpp"],
    r"nlohmann/": ["src/engine/", "src/text/", "src/formats/"],
    r"(imm|[a-z]mm|avx\w*|x86|x86gpr|amx\w*)intrin\.h$|arm_(neon|sve|acle|bf16|fp16)\.h$": ["src/kernels/"],
    r"(sys/socket|netdb|arpa/inet|netinet/in)\.h$": [],
    r"iostream$": [],
    r"xsimd": ["src/kernels/portable/"],
    r"Eigen/": ["include/hearth/eigen.hpp"],
    r"CLI/|httplib": [],
}
# Kernels see structs and plain types: nothing that allocates, throws, logs or starts threads.
KERNEL_STD = {
    "bit", "cstddef", "cstdint", "cstring", "cmath", "limits", "type_traits", "array", "span", "initializer_list",
    "immintrin.h", "arm_neon.h", "utility",
}
KERNEL_CODE = re.compile(r"std::(vector|string|map|unordered_map|function|thread|mutex|unique_ptr|shared_ptr)\b|\bthrow\b|\bnew\b")
# Names of architectures. A tokenizer kind or a pre-tokenizer of that name belongs to text, which is not searched.
ARCHITECTURES = re.compile(
    r"\b(llama|mistral|mixtral|qwen|phi|granite|smollm|gemma|deepseek|falcon|gpt|olmo|cohere|command_r|starcoder|mamba|"
    r"rwkv|bert|lfm|glm|minicpm|exaone|nemotron|hunyuan|ernie|jamba)[0-9]*(_?(moe|vl|next|oss|neox))?\b",
    re.IGNORECASE,
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def floor_of(relative):
    parts = relative.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[0] == "include" and len(parts) > 3:
        return parts[2]
    if parts[0] == "include":
        return "include"
    return "capi" if parts[0] == "capi" else None


def floor_included(name):
    parts = name.split("/")
    if parts[0] == "hearth" and len(parts) == 3:
        return parts[1], True
    if len(parts) > 1 and parts[0] in MAY:
        return parts[0], False
    return None, False


def check_include(where, relative, floor, name, quoted):
    problems = []
    target, public = floor_included(name)
    if target is not None:
        if target not in MAY:
            problems.append(f"{where}: {name} is of no known floor")
        elif target != floor and target != "base" and target not in MAY[floor] and (floor, name) not in SINGLE_HEADERS:
            problems.append(f"{where}: {floor} may not include {name} (may: base {' '.join(sorted(MAY[floor]))})")
        if target != floor and not public:
            problems.append(f"{where}: {name} is private to {target}")
        if relative.startswith("include/") and not public:
            problems.append(f"{where}: a public header includes the private {name}")
    elif quoted and name not in ("hearth.h", "hearth_unstable.h", "guard.h", "hearth/isas.inc"):
        problems.append(f'{where}: "{name}" is not written as <floor>/<file> or hearth/<floor>/<file>')
    for pattern, allowed in EXTERNAL.items():
        if re.match(pattern, name) and not any(relative.startswith(a) for a in allowed):
            problems.append(f"{where}: {name} may be included in {' '.join(allowed) or 'no file of the library'} only")
    if floor == "kernels" and relative.split("/")[2] not in ("table.cpp", "panels") and relative.startswith("src/"):
        if not quoted and name not in KERNEL_STD:
            problems.append(f"{where}: kernels may not include <{name}>")
    return problems


def check(root):
    problems = []
    for path in files(root, "src", "include", "capi"):
        relative = path.relative_to(root).as_posix()
        floor = floor_of(relative)
        if floor is None:
            continue
        if floor not in MAY:
            problems.append(f"{relative}: '{floor}' is not a floor")
            continue
        text = read(path)
        code = bare(text)
        for number, line in numbered(code):
            where = f"{relative}:{number}"
            match = INCLUDE.match(line)
            if match:
                problems += check_include(where, relative, floor, match.group(2), match.group(1) == '"')
                continue
            if floor != "kernels" and re.search(r"\b__(AVX|SSE|ARM_NEON|ARM_FEATURE|FMA__|F16C__)\w*", line):
                problems.append(f"{where}: instruction sets are asked for in kernels only")
            if re.search(r"\b(_mm\d*_|__m(128|256|512)|v[a-z]+q_[fsu]\d)", line) and floor != "kernels":
                problems.append(f"{where}: intrinsics stand in kernels only")
            kernel_body = floor == "kernels" and re.match(r"src/kernels/(?!table\.cpp|panels/)", relative)
            if kernel_body and KERNEL_CODE.search(line):
                problems.append(f"{where}: containers, allocation, exceptions and threads have no place in a kernel")
            if re.search(r"\b(if|switch)\s*\(.*\barchitecture\b\s*(\(\))?\s*[=!)]", line) and floor not in ("models", "text"):
                problems.append(f"{where}: a decision by architecture: families are data (DecoderSpec)")
        if floor in ("base", "kernels", "layers", "runtime", "engine", "capi"):
            # Literals count here, comments do not.
            for number, line in numbered(re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)):
                found = ARCHITECTURES.search(line)
                if found:
                    problems.append(f"{relative}:{number}: {floor} names the architecture '{found.group(0)}'")
        shared_forward = re.match(r"src/models/(decoder|reader|describe|base_spec)", relative)
        if shared_forward:
            for number, line in numbered(re.sub(r"//[^\n]*", "", text)):
                found = ARCHITECTURES.search(line)
                if found:
                    problems.append(f"{relative}:{number}: the shared forward names the architecture '{found.group(0)}'")
        if floor == "models" and relative.startswith("src/models/"):
            problems += check_families(relative, code)
    return problems


def check_families(relative, code):
    """A family may include shared parts of models (.hpp and .inc), never another family's."""
    problems = []
    for number, line in numbered(code):
        match = INCLUDE.match(line)
        if match and match.group(2).endswith(".cpp"):
            problems.append(f"{relative}:{number}: includes the source {match.group(2)} of another family")
    return problems


if __name__ == "__main__":
    report(check(sys.argv[1]))
