// GEMM of every line of kernels.inc on one thread: tokens 1 (decode), 8 and 32 (prefill). Weights lie in a buffer
// larger than the caches and are walked round, some rows per iteration. GB/s counts panel bytes, GMAC/s
// multiplications; "of bound" is the share of what one core's memory and multipliers allow, measured in the same run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/half.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/codecs/blocks.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/kernels/panels.hpp"
#include "peaks.hpp"

namespace hearth {
namespace {

constexpr std::size_t kWorkingSet = std::size_t{256} << 20;
constexpr std::size_t kInputs = 4096;
constexpr std::size_t kRowsPerRun = 512;

std::byte* working_set() {
    static Buffer buffer = [] {
        Result<Buffer> made = Buffer::make(std::make_shared<Memory>(), kWorkingSet, "benchmark weights");
        return made ? std::move(*made) : Buffer();
    }();
    return buffer.data();
}

// Random codes under small scales; one panel repeated, which memory does not know.
std::size_t fill_panels(const PanelFormat& f) {
    const Codec& codec = *find_codec(f.codec);
    std::mt19937 random(1);
    std::vector<float> values(kLanes * kInputs);
    std::vector<std::byte> rows(kLanes * codec.row_bytes(kInputs));
    std::normal_distribution<float> normal(0.0f, 0.02f);
    for (float& v : values) v = normal(random);
    if (codec.encode != nullptr) {
        codec.encode(values.data(), values.size() / codec.block_values, rows.data());
    } else {  // codes are as good as random; a small scale, in front of every such block, keeps sums finite
        for (std::byte& byte : rows) byte = static_cast<std::byte>(random());
        for (std::size_t i = 0; i < rows.size(); i += codec.block_bytes) rows[i] = rows[i + 1] = std::byte{0x20};
    }
    std::vector<std::byte> panel(f.panel_bytes(kInputs));
    f.pack(rows.data(), codec.row_bytes(kInputs), kLanes, kInputs, panel.data());
    const std::size_t count = kWorkingSet / panel.size() / (kRowsPerRun / kLanes) * (kRowsPerRun / kLanes);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(working_set() + i * panel.size(), panel.data(), panel.size());
    return count;
}

void run_gemm(benchmark::State& state, const PanelFormat& f, Isa isa) {
    if (!isa_info(isa).available) {
        state.SkipWithError("this CPU lacks the instruction set");
        return;
    }
    if (working_set() == nullptr) {
        state.SkipWithError("no memory");
        return;
    }
    static const PanelFormat* filled = nullptr;
    static std::size_t panels = 0;
    if (filled != &f) {
        panels = fill_panels(f);
        filled = &f;
    }
    const auto tokens = static_cast<std::size_t>(state.range(0));
    const std::size_t x_stride = activation_bytes(f.activation, kInputs);
    std::vector<std::byte> x(tokens * x_stride);
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    std::vector<float> values(kInputs), y(tokens * kRowsPerRun);
    for (std::size_t t = 0; t < tokens; ++t) {
        for (float& v : values) v = normal(random);
        std::byte* const to = x.data() + t * x_stride;
        switch (f.activation) {
            case Activation::f32:
                std::memcpy(to, values.data(), x_stride);
                break;
            case Activation::q8_32:
                kernel_table(Isa::scalar).quantize_q8_32(values.data(), kInputs, to);
                break;
            case Activation::q8_256:
                kernel_table(Isa::scalar).quantize_q8_256(values.data(), kInputs, to);
                break;
        }
    }
    std::size_t at = 0;
    for (auto _ : state) {
        (kernel_table(isa).*f.gemm)({working_set() + at * f.panel_bytes(kInputs), f.panel_bytes(kInputs), kRowsPerRun,
                                     kInputs, x.data(), x_stride, tokens, y.data(), kRowsPerRun});
        at += kRowsPerRun / kLanes;
        if (at >= panels) at = 0;
        benchmark::ClobberMemory();
    }
    const auto runs = static_cast<double>(state.iterations());
    state.counters["GB/s"] = benchmark::Counter(
        runs * static_cast<double>(kRowsPerRun / kLanes * f.panel_bytes(kInputs)) * 1e-9, benchmark::Counter::kIsRate);
    state.counters["GMAC/s"] = benchmark::Counter(runs * static_cast<double>(kRowsPerRun * kInputs * tokens) * 1e-9,
                                                  benchmark::Counter::kIsRate);
    // Whichever bound is nearer: the memory's for few tokens, the multipliers' for many.
    const double bytes = static_cast<double>(kRowsPerRun / kLanes * f.panel_bytes(kInputs));
    const double products = static_cast<double>(kRowsPerRun * kInputs * tokens);
    const double peak = f.activation == Activation::f32 ? float_peak(isa) : int8_peak(isa);
    const double least_seconds = std::max(bytes / read_peak(), peak > 0 ? products / peak : 0);
    state.counters["of bound"] = benchmark::Counter(runs * least_seconds, benchmark::Counter::kIsRate);
}

// What a core can read: the bound of every decode figure.
void read_stream(benchmark::State& state) {
    if (working_set() == nullptr) {
        state.SkipWithError("no memory");
        return;
    }
    std::memset(working_set(), 1, kWorkingSet);
    for (auto _ : state) {
        read_words(reinterpret_cast<const std::uint64_t*>(working_set()), kWorkingSet / 8);
    }
    state.counters["GB/s"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * static_cast<double>(kWorkingSet) * 1e-9, benchmark::Counter::kIsRate);
}

struct Line {
    Isa isa;
    std::string_view isa_name, op;
};
constexpr Line kLines[] = {
#define HEARTH_KERNEL(isa, op) {Isa::isa, #isa, #op},
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL
};
struct Op {
    GemmFn KernelTable::*gemm;
    std::string_view name;
};
// Those of ops.inc that are GEMMs.
template <class Fn>
Op op_of(Fn KernelTable::*, std::string_view) {
    return {};
}
Op op_of(GemmFn KernelTable::*gemm, std::string_view name) { return {gemm, name}; }
const Op kOps[] = {
#define HEARTH_OP(name, type) op_of(&KernelTable::name, #name),
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
};

void register_all() {
    benchmark::RegisterBenchmark("read_stream", read_stream);
    for (const PanelFormat& f : panel_formats())
        for (const Line& line : kLines)
            for (const Op& op : kOps)
                if (op.gemm == f.gemm && op.name == line.op)
                    benchmark::RegisterBenchmark((std::string(line.op) + "/" + std::string(line.isa_name)).c_str(),
                                                 [&f, line](benchmark::State& s) { run_gemm(s, f, line.isa); })
                        ->ArgName("tokens")
                        ->Arg(1)
                        ->Arg(8)
                        ->Arg(32);
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    hearth::register_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
