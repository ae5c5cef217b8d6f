// Low-rank changes of random models: as adapter files, and merged into the weights that they change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/random_model.hpp"

namespace hearth::test {

struct LoraPart {
    std::string base;
    std::vector<std::uint64_t> a_shape, b_shape;
    std::vector<float> a, b;
};

struct LoraFile {
    std::string architecture;
    double alpha = 12;
    std::uint64_t rank = 4;
    std::vector<LoraPart> parts;
    std::map<std::string, MetaValue> keys;
    bool half = false;  // factors in F16

    LoraFile(const ModelFile& model, std::uint64_t seed, std::uint64_t rank_, const std::vector<std::string>& names)
        : architecture(model.shape().arch), rank(rank_) {
        Draws draws(seed);
        for (const ModelFile::Tensor& t : model.tensors) {
            if (std::find(names.begin(), names.end(), t.name) == names.end()) continue;
            const bool rows = t.name == "token_embd.weight";
            const std::uint64_t stack = t.shape.size() > 2 ? t.shape[2] : 1;
            LoraPart p;
            p.base = t.name;
            p.a_shape = {rows ? rank : t.shape[0], rows ? t.shape[1] : rank};
            p.b_shape = {rank, rows ? t.shape[0] : t.shape[1]};
            if (stack != 1) p.a_shape.push_back(stack);
            if (stack != 1) p.b_shape.push_back(stack);
            const float limit = 0.5F / std::sqrt(static_cast<float>(t.shape[0]));
            p.a = draws.many(p.a_shape[0] * p.a_shape[1] * stack, 1);
            p.b = draws.many(p.b_shape[0] * p.b_shape[1] * stack, limit / static_cast<float>(rank));
            parts.push_back(std::move(p));
        }
        REQUIRE(parts.size() == names.size());
    }

    std::vector<std::byte> bytes() const {
        GgufWriter writer;
        const auto set = [&](const std::string& key, MetaValue value) {
            const auto at = keys.find(key);
            if (at != keys.end()) value = at->second;
            REQUIRE(writer.set(key, std::move(value)).ok());
        };
        set("general.type", std::string("adapter"));
        set("general.architecture", architecture);
        set("adapter.type", std::string("lora"));
        set("adapter.lora.alpha", alpha);
        for (const auto& [key, value] : keys) REQUIRE(writer.set(key, value).ok());
        std::deque<std::vector<std::byte>> stored;
        for (const LoraPart& p : parts)
            for (const auto& [end, shape, values] :
                 {std::tuple(".lora_a", &p.a_shape, &p.a), std::tuple(".lora_b", &p.b_shape, &p.b)}) {
                const Codec& codec = *find_codec(half ? codec_id::F16 : codec_id::F32);
                std::vector<std::byte>& to = stored.emplace_back(codec.row_bytes(values->size()));
                codec.encode(values->data(), values->size(), to.data());
                REQUIRE(writer.add_tensor(p.base + end, codec.id, *shape, to).ok());
            }
        auto parts_of_file = writer.write_parts();
        REQUIRE_MESSAGE(parts_of_file.ok(), parts_of_file.status().message());
        return std::move(parts_of_file->front());
    }

    // W += scale * alpha / rank * B A, in F32.
    void merge_into(ModelFile& model, double scale) const {
        for (const LoraPart& p : parts) {
            ModelFile::Tensor& t = model.tensor(p.base);
            REQUIRE(t.type == codec_id::F32);
            auto* const w = reinterpret_cast<float*>(t.bytes.data());
            const std::size_t k = t.shape[0], rows = t.shape[1], stack = t.shape.size() > 2 ? t.shape[2] : 1, r = rank;
            const bool by_rows = t.name == "token_embd.weight";
            for (std::size_t m = 0; m < stack; ++m)
                for (std::size_t row = 0; row < rows; ++row)
                    for (std::size_t i = 0; i < k; ++i) {
                        double sum = 0;
                        for (std::size_t j = 0; j < r; ++j)
                            sum += by_rows ? static_cast<double>(p.a[row * r + j]) * static_cast<double>(p.b[i * r + j])
                                           : static_cast<double>(p.b[(m * rows + row) * r + j]) *
                                                 static_cast<double>(p.a[(m * r + j) * k + i]);
                        float& x = w[(m * rows + row) * k + i];
                        x = static_cast<float>(static_cast<double>(x) + scale * alpha / static_cast<double>(r) * sum);
                    }
        }
    }
};

// Names of all matrices that adapters can change.
inline std::vector<std::string> changeable(const ModelFile& model) {
    std::vector<std::string> names;
    for (const ModelFile::Tensor& t : model.tensors) {
        bool other = t.shape.size() < 2 || !t.name.ends_with(".weight");
        for (const std::string_view part :
             {"conv", "_coef", "attn_k_b", "attn_v_b", "per_layer_token", "altup_proj", "altup_unembd"})
            other = other || t.name.find(part) != std::string::npos;
        if (!other) names.push_back(t.name);
    }
    return names;
}

}  // namespace hearth::test
