// Handles of hearth.h that free themselves, and the calls that most tests need, each checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "hearth.h"
#include "support/golden.hpp"

namespace hearth::test {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* p) const { Free(p); }
};
using RuntimePtr = std::unique_ptr<hearth_runtime, Freer<hearth_runtime_free>>;
using ModelPtr = std::unique_ptr<hearth_model, Freer<hearth_model_free>>;
using TokenizerPtr = std::unique_ptr<hearth_tokenizer, Freer<hearth_tokenizer_free>>;
using SessionPtr = std::unique_ptr<hearth_session, Freer<hearth_session_free>>;
using SamplingPtr = std::unique_ptr<hearth_sampling, Freer<hearth_sampling_free>>;
using GeneratorPtr = std::unique_ptr<hearth_generator, Freer<hearth_generator_free>>;
using TextPtr = std::unique_ptr<hearth_text, Freer<hearth_text_free>>;

inline std::string last_failure(hearth_status status) {
    return std::string(hearth_status_name(status)) + ": " + hearth_last_error();
}

#define CHECK_OK(call)                                                                     \
    do {                                                                                   \
        const hearth_status check_status = (call);                                         \
        REQUIRE_MESSAGE(check_status == HEARTH_OK, last_failure(check_status)); \
    } while (0)

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The call fails with `status`, and its sentence has every one of `words`.
#define CHECK_FAILS(call, status, ...)                                                                        \
    do {                                                                                                      \
        const hearth_status check_status = (call);                                                            \
        CHECK_MESSAGE(check_status == (status), last_failure(check_status)); \
        const std::string check_sentence = hearth_last_error();                                               \
        for (const std::string& word : std::vector<std::string>{__VA_ARGS__})                                 \
            CHECK_MESSAGE(::hearth::test::contains(check_sentence, word), "'" << word << "' in: " << check_sentence); \
    } while (0)

inline RuntimePtr make_runtime(std::uint32_t threads = 2, const char* isa = nullptr, std::uint64_t budget = 0) {
    hearth_runtime_options o;
    CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
    o.threads = threads;
    o.isa = isa;
    o.memory_budget = budget;
    hearth_runtime* r = nullptr;
    CHECK_OK(hearth_runtime_new(&r, &o));
    return RuntimePtr(r);
}

// Those that are compared, without the scalar kernels in thin builds, as in layers/support.hpp; and what with.
inline std::vector<const char*> available_isa_names() {
    std::vector<const char*> list;
    for (std::size_t i = 0; i < hearth_isa_count(); ++i) {
        bool available = false;
        const char* const name = hearth_isa_name(i, &available);
        if (available) list.push_back(name);
    }
    if (kThin && list.size() > 1) list.erase(list.begin());
    return list;
}

inline const char* reference_isa_name() { return available_isa_names().front(); }

inline ModelPtr open_model(hearth_runtime* runtime, const std::filesystem::path& path) {
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_path(&m, runtime, path.c_str(), nullptr));
    return ModelPtr(m);
}

inline SessionPtr make_session(hearth_model* model, std::uint32_t context = 512, std::uint32_t kv = HEARTH_KV_F32,
                               std::uint32_t chunk = 0) {
    hearth_session_options o;
    CHECK_OK(hearth_session_options_init(&o, sizeof o));
    o.context = context;
    o.kv = kv;
    o.chunk = chunk;
    hearth_session* s = nullptr;
    CHECK_OK(hearth_session_new(&s, model, &o));
    return SessionPtr(s);
}

inline void append(hearth_session* session, std::span<const std::int32_t> tokens) {
    CHECK_OK(hearth_session_append_tokens(session, tokens.data(), tokens.size()));
}

// Logits of what is pending: every row, or the last.
inline std::vector<float> evaluate(hearth_session* session, bool all) {
    const std::uint32_t flags = all ? HEARTH_EVAL_ALL : 0;
    std::size_t needed = 0;
    float none = 0;
    const hearth_status sized = hearth_session_eval(&none, 0, &needed, session, flags);
    REQUIRE(sized == HEARTH_EBUFS);
    std::vector<float> logits(needed);
    CHECK_OK(hearth_session_eval(logits.data(), logits.size(), &needed, session, flags));
    return logits;
}

inline std::int32_t best(std::span<const float> logits) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < logits.size(); ++i)
        if (logits[i] > logits[at]) at = i;
    return static_cast<std::int32_t>(at);
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

inline nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(read_text(path)); }

}  // namespace hearth::test
