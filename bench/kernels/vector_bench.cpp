// The other lines of kernels.inc on one thread. Vector operations work on 4096 values that stay in cache; GB/s counts
// the floats (or blocks) that they must read and write. Attention walks the spans of one K/V head: 1 span stays in
// cache, 256 come from memory; GB/s counts the bytes of keys and values, once for all queries of a call.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/half.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/kernels/kernels.hpp"

namespace hearth {
namespace {

constexpr std::size_t kValues = 4096;

std::vector<float> random_values(std::size_t n) {
    std::mt19937 random(n);
    std::normal_distribution<float> normal;
    std::vector<float> v(n);
    for (float& x : v) x = normal(random);
    return v;
}

// Counts per iteration.
void count_work(benchmark::State& state, double bytes, double products = 0) {
    const auto runs = static_cast<double>(state.iterations());
    state.counters["GB/s"] = benchmark::Counter(runs * bytes * 1e-9, benchmark::Counter::kIsRate);
    if (products > 0)
        state.counters["GMAC/s"] = benchmark::Counter(runs * products * 1e-9, benchmark::Counter::kIsRate);
}

// What a vector operation works on; angles of 0 turn no value away from its size over many runs.
struct Vectors {
    std::vector<float> x = random_values(kValues), y = random_values(kValues), w = random_values(kValues);
    std::vector<float> cos = std::vector<float>(kValues / 2, 1.0f), sin = std::vector<float>(kValues / 2, 0.0f);
    std::vector<float> out = std::vector<float>(kValues);
    std::vector<std::uint16_t> halves = std::vector<std::uint16_t>(kValues);
    std::vector<std::uint8_t> lanes = std::vector<std::uint8_t>(128 / 4 * 64 + kValues / 128 * 4);
    std::vector<ActQ8x32> blocks32 = std::vector<ActQ8x32>(kValues / 32);
    std::vector<ActQ8x256> blocks256 = std::vector<ActQ8x256>(kValues / 256);
};

struct VectorOp {
    std::string_view name;
    double bytes_per_value;
    std::function<void(const KernelTable&, Vectors&)> run;
};
const VectorOp kVectorOps[] = {
    {"quantize_q8_32", 4 + 40.0 / 32,
     [](const KernelTable& t, Vectors& v) { t.quantize_q8_32(v.x.data(), kValues, v.blocks32.data()); }},
    {"quantize_q8_256", 4 + static_cast<double>(sizeof(ActQ8x256)) / 256,
     [](const KernelTable& t, Vectors& v) { t.quantize_q8_256(v.x.data(), kValues, v.blocks256.data()); }},
    {"quantize_q8_row", 5,
     [](const KernelTable& t, Vectors& v) {
         for (std::size_t i = 0; i < kValues; i += 128)  // as heads are
             t.quantize_q8_row(v.x.data() + i, 128, 128, 64, v.lanes.data() + i / 128 * 4);
     }},
    {"rms_norm", 12,
     [](const KernelTable& t, Vectors& v) { t.rms_norm(v.x.data(), v.w.data(), 1e-5f, kValues, v.out.data()); }},
    {"silu_mul", 12,
     [](const KernelTable& t, Vectors& v) { t.silu_mul(v.x.data(), v.y.data(), kValues, v.out.data()); }},
    {"gelu_mul", 12,
     [](const KernelTable& t, Vectors& v) { t.gelu_mul(v.x.data(), v.y.data(), kValues, v.out.data()); }},
    {"sigmoid_mul", 12,
     [](const KernelTable& t, Vectors& v) { t.sigmoid_mul(v.x.data(), v.y.data(), kValues, v.out.data()); }},
    {"gelu_erf_mul", 12,
     [](const KernelTable& t, Vectors& v) { t.gelu_erf_mul(v.x.data(), v.y.data(), kValues, v.out.data()); }},
    {"layer_norm", 16,
     [](const KernelTable& t, Vectors& v) {
         t.layer_norm(v.x.data(), v.w.data(), v.y.data(), 1e-5f, kValues, v.out.data());
     }},
    {"add_scaled", 12,
     [](const KernelTable& t, Vectors& v) { t.add_scaled(v.x.data(), 1e-6f, kValues, v.out.data()); }},
    {"scale", 8, [](const KernelTable& t, Vectors& v) { t.scale(v.x.data(), 1.0f, kValues); }},
    {"soft_cap", 8, [](const KernelTable& t, Vectors& v) { t.soft_cap(v.x.data(), 30.0f, kValues); }},
    {"rope_adjacent", 12,
     [](const KernelTable& t, Vectors& v) { t.rope_adjacent(v.x.data(), v.cos.data(), v.sin.data(), kValues / 2); }},
    {"rope_halves", 12,
     [](const KernelTable& t, Vectors& v) { t.rope_halves(v.x.data(), v.cos.data(), v.sin.data(), kValues / 2); }},
    {"sum_words", 4,
     [](const KernelTable& t, Vectors& v) {
         benchmark::DoNotOptimize(t.sum_words(reinterpret_cast<const std::uint32_t*>(v.x.data()), kValues, false));
     }},
    {"exp_sum", 8, [](const KernelTable& t, Vectors& v) { t.exp_sum(v.x.data(), kValues, v.out.data()); }},
    {"to_f16", 6, [](const KernelTable& t, Vectors& v) { t.to_f16(v.x.data(), kValues, v.halves.data()); }},
    {"causal_conv", 8,
     [](const KernelTable& t, Vectors& v) {  // 16 tokens of 256 channels
         v.out = v.x;
         t.causal_conv({v.out.data(), nullptr, nullptr, 256, 16, v.w.data(), v.y.data(), 256, 4, 256, true});
     }},
    {"delta_gates", 16,
     [](const KernelTable& t, Vectors& v) {
         t.delta_gates(v.x.data(), v.y.data(), -0.5f, 0.1f, kValues, v.out.data(), v.w.data());
     }},
};

bool can_run(benchmark::State& state, Isa isa) {
    if (isa_info(isa).available) return true;
    state.SkipWithError("this CPU lacks the instruction set");
    return false;
}

void run_vector(benchmark::State& state, const VectorOp& op, Isa isa) {
    if (!can_run(state, isa)) return;
    Vectors v;
    for (auto _ : state) {
        op.run(kernel_table(isa), v);
        benchmark::ClobberMemory();
    }
    count_work(state, op.bytes_per_value * kValues);
}

// Arguments: tokens of a call, rows and columns of the state; GB/s counts it read and written once for each token.
void run_delta(benchmark::State& state, Isa isa) {
    if (!can_run(state, isa)) return;
    const auto tokens = static_cast<std::size_t>(state.range(0)), dim = static_cast<std::size_t>(state.range(1));
    std::vector<float> x = random_values(tokens * 3 * dim), s(dim * dim), y(tokens * dim);
    for (float& v : x) v *= 0.1f;
    const std::vector<float> decay(tokens, 0.9f), beta(tokens, 0.5f);
    for (auto _ : state) {
        for (std::size_t c = 0; c < dim; c += 64)
            kernel_table(isa).gated_delta({x.data(), x.data() + dim, x.data() + 2 * dim + c, 3 * dim, decay.data(),
                                           beta.data(), tokens, dim, 64, s.data() + c * dim, y.data() + c, dim});
        benchmark::ClobberMemory();
    }
    const auto products = static_cast<double>(tokens * dim * dim);
    count_work(state, 8 * products, 3 * products);
}

// Arguments: heads that share the keys, channels of a head, spans, tokens of a call.
template <class T>
void run_span(benchmark::State& state, AttentionSpanFn KernelTable::*op, Isa isa) {
    if (!can_run(state, isa)) return;
    const auto heads = static_cast<std::size_t>(state.range(0)), dim = static_cast<std::size_t>(state.range(1));
    const auto spans = static_cast<std::size_t>(state.range(2)), count = static_cast<std::size_t>(state.range(3));
    const std::size_t values = kSpan * dim;  // of the keys of a span, and of its values
    // Q8_0 has 4 bytes of scale to a row.
    const std::size_t row_bytes = dim * sizeof(T) + (sizeof(T) == 1 ? sizeof(float) : 0);
    Result<Buffer> memory = Buffer::make(std::make_shared<Memory>(), 2 * spans * kSpan * row_bytes, "keys and values");
    Result<Buffer> scratch =
        Buffer::make(std::make_shared<Memory>(), attention_span_scratch(dim) * sizeof(float), "scores");
    if (!memory || !scratch) {
        state.SkipWithError("no memory");
        return;
    }
    const std::vector<float> some = random_values(values);
    for (std::size_t s = 0; s < spans; ++s) {
        T* const kv = reinterpret_cast<T*>(memory->data() + 2 * s * kSpan * row_bytes);
        for (std::size_t i = 0; i < 2 * values; ++i) {
            if constexpr (sizeof(T) == 1)
                kv[i] = static_cast<T>(40.0f * some[i % values]);
            else if constexpr (sizeof(T) == 2)
                kv[i] = f32_to_f16(some[i % values]);
            else
                kv[i] = some[i % values];
        }
        if constexpr (sizeof(T) == 1) std::fill_n(reinterpret_cast<float*>(kv + 2 * values), 2 * kSpan, 0.02f);
    }
    const std::vector<float> q = random_values(count * heads * dim);
    std::vector<float> out(count * heads * dim), max(count * heads), sum(count * heads);
    std::vector<AttentionQueries> tokens;
    for (std::size_t t = 0; t < count; ++t)
        tokens.push_back({q.data() + t * heads * dim, out.data() + t * heads * dim, max.data() + t * heads,
                          sum.data() + t * heads, 0, kSpan});
    std::size_t span = 0;
    for (auto _ : state) {
        const T* const keys = reinterpret_cast<const T*>(memory->data() + 2 * span * kSpan * row_bytes);
        const float* const scales = sizeof(T) == 1 ? reinterpret_cast<const float*>(keys + 2 * values) : nullptr;
        (kernel_table(isa).*op)({tokens.data(), count, heads, dim, dim, keys, keys + values, scales,
                                 scales ? scales + kSpan : nullptr, dim, dim, 0.1f, 0.0f,
                                 reinterpret_cast<float*>(scratch->data())});
        benchmark::ClobberMemory();
        span = (span + 1) % spans;
    }
    count_work(state, static_cast<double>(2 * kSpan * row_bytes), static_cast<double>(2 * values * heads * count));
}

void run_merge(benchmark::State& state, Isa isa) {
    if (!can_run(state, isa)) return;
    const auto spans = static_cast<std::size_t>(state.range(0)), dim = static_cast<std::size_t>(state.range(1));
    const std::vector<float> out = random_values(spans * dim), max = random_values(spans);
    const std::vector<float> sum(spans, 3.0f);
    std::vector<float> y(dim);
    for (auto _ : state) {
        kernel_table(isa).attention_merge(
            {out.data(), dim, max.data(), sum.data(), 1, spans, dim, false, 0.0f, y.data()});
        benchmark::ClobberMemory();
    }
    count_work(state, static_cast<double>(spans * dim * sizeof(float)));
}

void register_line(Isa isa, std::string_view isa_name, std::string_view op) {
    const std::string name = std::string(op) + "/" + std::string(isa_name);
    for (const VectorOp& v : kVectorOps)
        if (v.name == op)
            benchmark::RegisterBenchmark(name.c_str(), [&v, isa](benchmark::State& s) { run_vector(s, v, isa); });
    if (op == "gated_delta")
        benchmark::RegisterBenchmark(name.c_str(), [isa](benchmark::State& s) { run_delta(s, isa); })
            ->ArgNames({"tokens", "dim"})
            ->Args({1, 128})
            ->Args({64, 128});
    if (op == "attention_merge")
        benchmark::RegisterBenchmark(name.c_str(), [isa](benchmark::State& s) { run_merge(s, isa); })
            ->ArgNames({"spans", "dim"})
            ->Args({16, 128});
    void (*run)(benchmark::State&, Isa) = nullptr;
    if (op == "attention_span_f32")
        run = [](benchmark::State& s, Isa i) { run_span<float>(s, &KernelTable::attention_span_f32, i); };
    if (op == "attention_span_f16")
        run = [](benchmark::State& s, Isa i) { run_span<std::uint16_t>(s, &KernelTable::attention_span_f16, i); };
    if (op == "attention_span_q8_0")
        run = [](benchmark::State& s, Isa i) { run_span<std::int8_t>(s, &KernelTable::attention_span_q8_0, i); };
    if (run == nullptr) return;
    auto* const bench = benchmark::RegisterBenchmark(name.c_str(), [run, isa](benchmark::State& s) { run(s, isa); });
    bench->ArgNames({"heads", "dim", "spans", "tokens"});
    for (std::int64_t dim : {64, 128}) {
        for (std::int64_t spans : {1, 256})
            for (std::int64_t heads : {1, 3, 4, 8}) bench->Args({heads, dim, spans, 1});
        bench->Args({4, dim, 1, 6});  // a tile of a prompt
    }
}

const bool kRegistered = [] {
#define HEARTH_KERNEL(isa, op) register_line(Isa::isa, #isa, #op);
#include "kernels/kernels.inc"
#undef HEARTH_KERNEL
    return true;
}();

}  // namespace
}  // namespace hearth
