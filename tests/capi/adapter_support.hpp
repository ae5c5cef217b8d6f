// What tests of adapters share: small random models, adapters' handles, prompts.
#pragma once

#include <algorithm>
#include <cmath>

#include "capi/lora_files.hpp"
#include "capi/support.hpp"
#include "support/temporary.hpp"

namespace hearth::test {

using AdapterPtr = std::unique_ptr<hearth_adapter, Freer<hearth_adapter_free>>;

inline AdapterPtr load_adapter(hearth_model* model, const std::string& path, std::uint32_t first = 0, std::uint32_t last = 0) {
    hearth_adapter_options o;
    CHECK_OK(hearth_adapter_options_init(&o, sizeof o));
    o.first_layer = first;
    o.last_layer = last;
    hearth_adapter* a = nullptr;
    CHECK_OK(hearth_adapter_load(&a, model, path.c_str(), &o));
    return AdapterPtr(a);
}

inline ModelPtr open_memory_model(hearth_runtime* runtime, const std::vector<std::byte>& bytes) {
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime, bytes.data(), bytes.size(), nullptr));
    return ModelPtr(m);
}

inline ModelShape small_shape(const std::string& arch) {
    ModelShape s;
    s.arch = arch;
    s.embd = 64;
    s.ffn = 48;
    s.rank = 32;
    s.rotated = 16;
    s.query_rank = 32;
    s.layers = s.is({"qwen3next", "qwen35", "qwen35moe"}) ? 2 : 3;
    s.context = 512;
    return s;
}

inline std::vector<std::int32_t> prompt_of(std::size_t length, std::int32_t step = 37) {
    std::vector<std::int32_t> tokens{1};
    while (tokens.size() < length) tokens.push_back((tokens.back() * step + 11) % 250 + 3);
    return tokens;
}

inline double largest_difference(std::span<const float> a, std::span<const float> b) {
    REQUIRE(a.size() == b.size());
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        most = std::max(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    return most;
}

}  // namespace hearth::test
