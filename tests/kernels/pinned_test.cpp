// One checksum per operation, the same on every processor and compiler: what the tests against scalar cannot see,
// scalar itself coming out otherwise on another machine.
#include <algorithm>

#include "kernels/values.hpp"

namespace hearth::test {
namespace {

constexpr std::size_t kCount = 1003;

// In [-4, 4), from the bits of the generator alone: std::normal_distribution may differ between libraries.
std::vector<float> plain(std::uint32_t seed, std::size_t n) {
    std::mt19937 bits(seed);
    std::vector<float> v(n);
    for (float& x : v) x = static_cast<float>(static_cast<std::int32_t>(bits()) >> 8) * 0x1p-21f;
    return v;
}

template <class T>
std::uint64_t checksum(const std::vector<T>& v) {
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    const auto* bytes = reinterpret_cast<const unsigned char*>(v.data());
    for (std::size_t i = 0; i < v.size() * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

struct Sum {
    std::string name;
    std::uint64_t hash;
};

constexpr std::size_t kHeads = 5, kKeyDim = 40, kValueDim = 24;

Sum span_sum(const char* name, AttentionSpanFn op, const void* keys, const void* values, const float* scales) {
    const std::vector<float> q = plain(1, kHeads * kKeyDim);
    alignas(64) static float scratch[attention_span_scratch(kKeyDim)];
    std::vector<float> all(kHeads * kValueDim + 2 * kHeads);
    float* const stats = all.data() + kHeads * kValueDim;
    const AttentionQueries queries{q.data(), all.data(), stats, stats + kHeads, 3, 201};
    op({&queries, 1, kHeads, kKeyDim, kValueDim, keys, values, scales, scales + kSpan, kKeyDim, kValueDim, 0.125f,
        20.0f, scratch});
    return {name, checksum(all)};
}

void span_sums(const KernelTable& t, std::vector<Sum>& list) {
    const std::vector<float> k = plain(2, kSpan * kKeyDim), v = plain(3, kSpan * kValueDim);
    std::vector<float> scales(2 * kSpan);
    list.push_back(span_sum("attention_span_f32", t.attention_span_f32, k.data(), v.data(), scales.data()));
    std::vector<std::uint16_t> k16(k.size()), v16(v.size());
    t.to_f16(k.data(), k.size(), k16.data());
    t.to_f16(v.data(), v.size(), v16.data());
    list.push_back(span_sum("attention_span_f16", t.attention_span_f16, k16.data(), v16.data(), scales.data()));
    std::vector<std::uint8_t> k8(k.size()), v8(v.size());
    for (std::size_t j = 0; j < kSpan; ++j) {
        std::uint8_t* const key = k8.data() + (j / 16 * key_units(kKeyDim) * 16 + j % 16) * 4;
        scales[j] = t.quantize_q8_row(k.data() + j * kKeyDim, kKeyDim, 128, 64, key);
        scales[kSpan + j] = t.quantize_q8_row(v.data() + j * kValueDim, kValueDim, 0, 4, v8.data() + j * kValueDim);
    }
    list.push_back(span_sum("attention_span_q8_0", t.attention_span_q8_0, k8.data(), v8.data(), scales.data()));
}

void recurrent_sums(const KernelTable& t, std::vector<Sum>& list) {
    const std::vector<float> w = plain(20, kCount), g = plain(21, kCount);
    std::vector<float> y(kCount), state = plain(22, 600), gates(40);
    t.sigmoid_mul(g.data(), w.data(), kCount, y.data());
    list.push_back({"sigmoid_mul", checksum(y)});
    t.causal_conv({y.data(), g.data(), w.data(), 40, 20, w.data(), state.data(), 40, 4, 37, true});
    y.insert(y.end(), state.begin(), state.end());
    list.push_back({"causal_conv", checksum(y)});
    t.delta_gates(g.data(), w.data(), -0.3f, 0.2f, 20, gates.data(), gates.data() + 20);
    list.push_back({"delta_gates", checksum(gates)});
    std::vector<float> k = w;
    for (float& x : k) x *= 0.1f;
    t.gated_delta({k.data(), k.data() + 12, w.data() + 24, 45, gates.data(), gates.data() + 20, 20, 12, 21,
                   state.data(), y.data(), 30});
    y.insert(y.end(), state.begin(), state.end());
    list.push_back({"gated_delta", checksum(y)});
}

std::vector<Sum> sums(const KernelTable& t) {
    const std::vector<float> x = plain(10, kCount), w = plain(11, kCount);
    const std::vector<float> cos = plain(12, kCount), sin = plain(13, kCount);
    std::vector<Sum> list;
    std::vector<float> y(kCount);
    t.rms_norm(x.data(), w.data(), 1e-5f, kCount, y.data());
    list.push_back({"rms_norm", checksum(y)});
    t.silu_mul(x.data(), w.data(), kCount, y.data());
    list.push_back({"silu_mul", checksum(y)});
    t.gelu_mul(x.data(), w.data(), kCount, y.data());
    list.push_back({"gelu_mul", checksum(y)});
    t.gelu_erf_mul(x.data(), w.data(), kCount, y.data());
    list.push_back({"gelu_erf_mul", checksum(y)});
    t.layer_norm(x.data(), w.data(), cos.data(), 1e-5f, kCount, y.data());
    list.push_back({"layer_norm", checksum(y)});
    y = w;
    t.add_scaled(x.data(), 0.3f, kCount, y.data());
    list.push_back({"add_scaled", checksum(y)});
    t.scale(y.data(), 0.7f, kCount);
    list.push_back({"scale", checksum(y)});
    t.soft_cap(y.data(), 1.3f, kCount);
    list.push_back({"soft_cap", checksum(y)});
    y = x;
    t.rope_adjacent(y.data(), cos.data(), sin.data(), kCount / 2);
    list.push_back({"rope_adjacent", checksum(y)});
    y = x;
    t.rope_halves(y.data(), cos.data(), sin.data(), kCount / 2);
    list.push_back({"rope_halves", checksum(y)});
    y.push_back(t.exp_sum(x.data(), kCount, y.data()));
    list.push_back({"exp_sum", checksum(y)});
    std::vector<std::uint16_t> halves(kCount);
    t.to_f16(x.data(), kCount, halves.data());
    list.push_back({"to_f16", checksum(halves)});
    std::vector<ActQ8x32> blocks32(24);
    t.quantize_q8_32(x.data(), 24 * 32, blocks32.data());
    struct Result32 {  // without what follows from the sum
        float scale;
        std::int32_t sum;
        std::int8_t q[32];
    };
    std::vector<Result32> results32(24);
    for (std::size_t i = 0; i < 24; ++i) {
        results32[i].scale = blocks32[i].scale;
        results32[i].sum = blocks32[i].sum;
        std::copy_n(blocks32[i].q, 32, results32[i].q);
    }
    list.push_back({"quantize_q8_32", checksum(results32)});
    std::vector<ActQ8x256> blocks256(3);
    t.quantize_q8_256(x.data(), 3 * 256, blocks256.data());
    struct Result {  // without the place of each
        float scale;
        std::int16_t sum32[8], sum16[16];
        std::int8_t q[256];
    };
    std::vector<Result> results(3);
    for (std::size_t i = 0; i < 3; ++i) {
        results[i].scale = blocks256[i].scale;
        std::copy_n(blocks256[i].sum32, 8, results[i].sum32);
        std::copy_n(blocks256[i].sum16, 16, results[i].sum16);
        std::copy_n(blocks256[i].q, 256, results[i].q);
    }
    list.push_back({"quantize_q8_256", checksum(results)});
    span_sums(t, list);
    const std::vector<float> weights(20, 1.5f);
    std::vector<float> merged(50);
    t.attention_merge({x.data(), 50, w.data(), weights.data(), 1, 20, 50, true, 0.5f, merged.data()});
    list.push_back({"attention_merge", checksum(merged)});
    recurrent_sums(t, list);
    return list;
}

// Written down from x86-64; a change of any of these changes what models answer.
const Sum kPinned[] = {
    {"rms_norm", 0xe85d4b5cab8ec2cfu},
    {"silu_mul", 0xa801be6890773affu},
    {"gelu_mul", 0x6de80f0808672557u},
    {"gelu_erf_mul", 0xd663647d5b5b8f00u},
    {"layer_norm", 0x7c1acc2d61571b0cu},
    {"add_scaled", 0x6fb1d0dde2642c6eu},
    {"scale", 0x98ea2cab2f5b7926u},
    {"soft_cap", 0x7e59c889ae25d956u},
    {"rope_adjacent", 0x64903803f93b856bu},
    {"rope_halves", 0xf462c0b91ace3a91u},
    {"exp_sum", 0x800131fe6ebf9a2bu},
    {"to_f16", 0x057ebf0e37c12f84u},
    {"quantize_q8_32", 0x2f45550d885b697au},
    {"quantize_q8_256", 0xcc8b91f7c20668b9u},
    {"attention_span_f32", 0x1464c06bb9a487a7u},
    {"attention_span_f16", 0x8a7165feafb53585u},
    {"attention_span_q8_0", 0x72a818e84bfaaccau},
    {"attention_merge", 0x0b9a6ae5f0806da4u},
    {"sigmoid_mul", 0x452871eaa3894ff1u},
    {"causal_conv", 0xca1f8dbb5988d42du},
    {"delta_gates", 0x0cb88bda0ce3ecffu},
    {"gated_delta", 0xcd3f931b3e77af8fu},
};

}  // namespace

TEST_CASE("kernels: the bits are those of every other machine") {
    for (const IsaInfo& isa : isa_list()) {
        if (!isa.available) continue;
        CAPTURE(isa.name);
        const std::vector<Sum> got = sums(kernel_table(isa.isa));
        REQUIRE(got.size() == std::size(kPinned));
        for (std::size_t i = 0; i < got.size(); ++i) {
            CAPTURE(got[i].name);
            CHECK(got[i].name == kPinned[i].name);
            CHECK(got[i].hash == kPinned[i].hash);
        }
    }
}

}  // namespace hearth::test
