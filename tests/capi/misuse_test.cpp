// Wrong arguments and wrong order: a status and a sentence, never more than the call.
#include "capi/support.hpp"

using namespace hearth::test;

namespace {

struct Fixture {
    RuntimePtr runtime = make_runtime(1);
    ModelPtr model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
};

}  // namespace

TEST_CASE("misuse: null where a pointer is required") {
    Fixture f;
    const auto session = make_session(f.model.get());
    hearth_runtime* runtime = nullptr;
    hearth_model* model = nullptr;
    hearth_text* text = nullptr;
    hearth_session* fork = nullptr;
    hearth_generator* generator = nullptr;
    hearth_tokenizer* tokenizer = nullptr;
    hearth_decoder* decoder = nullptr;
    std::size_t needed = 7;
    double value = 0;
    CHECK_FAILS(hearth_runtime_new(nullptr, nullptr), HEARTH_EINVAL, "out", "null");
    CHECK_FAILS(hearth_runtime_options_init(nullptr, 64), HEARTH_EINVAL, "null");
    CHECK_FAILS(hearth_runtime_measure_stream(&value, nullptr, 1 << 20, 1), HEARTH_EINVAL, "runtime", "null");
    CHECK_FAILS(hearth_model_open_path(nullptr, f.runtime.get(), "x", nullptr), HEARTH_EINVAL, "out");
    CHECK_FAILS(hearth_model_open_path(&model, nullptr, "x", nullptr), HEARTH_EINVAL, "runtime");
    CHECK_FAILS(hearth_model_open_path(&model, f.runtime.get(), nullptr, nullptr), HEARTH_EINVAL, "path");
    CHECK_FAILS(hearth_model_open_memory(&model, f.runtime.get(), nullptr, 10, nullptr), HEARTH_EINVAL, "data");
    CHECK_FAILS(hearth_model_open_reader(&model, f.runtime.get(), nullptr, nullptr), HEARTH_EINVAL, "reader");
    hearth_reader reader{};
    reader.struct_size = sizeof reader;
    CHECK_FAILS(hearth_model_open_reader(&model, f.runtime.get(), &reader, nullptr), HEARTH_EINVAL, "read");
    CHECK_FAILS(hearth_inspect_path(&text, f.runtime.get(), nullptr), HEARTH_EINVAL, "path");
    CHECK_FAILS(hearth_model_inspect(&text, nullptr), HEARTH_EINVAL, "model");
    CHECK_FAILS(hearth_model_metadata(&text, f.model.get(), nullptr), HEARTH_EINVAL, "key");
    CHECK_FAILS(hearth_tokenizer_of_model(&tokenizer, nullptr), HEARTH_EINVAL, "model");
    CHECK_FAILS(hearth_tokenizer_encode(nullptr, 0, &needed, nullptr, "a", 1, 0), HEARTH_EINVAL, "tokenizer");
    CHECK(needed == 0);
    CHECK_FAILS(hearth_decoder_new(&decoder, nullptr, false), HEARTH_EINVAL, "tokenizer");
    CHECK_FAILS(hearth_session_new(&fork, nullptr, nullptr), HEARTH_EINVAL, "model");
    CHECK_FAILS(hearth_session_append_tokens(session.get(), nullptr, 1), HEARTH_EINVAL, "tokens");
    CHECK_FAILS(hearth_session_append_text(session.get(), nullptr, 1, 0), HEARTH_EINVAL, "text");
    CHECK_FAILS(hearth_session_append_tokens(nullptr, nullptr, 0), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_fork(&fork, nullptr), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_replace(nullptr, 0, 0, nullptr, 0), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_save(nullptr, 0, &needed, nullptr), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_save(nullptr, 1 << 20, &needed, session.get()), HEARTH_EINVAL, "bytes");
    CHECK_FAILS(hearth_session_save_path(session.get(), nullptr), HEARTH_EINVAL, "path");
    CHECK_FAILS(hearth_session_save_path(nullptr, "x"), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_restore(nullptr, nullptr, 0), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_session_restore_path(nullptr, "x"), HEARTH_EINVAL, "session");
    CHECK_FAILS(hearth_model_digest(nullptr, f.model.get()), HEARTH_EINVAL, "digest");
    CHECK_FAILS(hearth_sampling_set(nullptr, "seed", 1), HEARTH_EINVAL, "sampling");
    CHECK_FAILS(hearth_generator_new(&generator, nullptr), HEARTH_EINVAL, "model");
    CHECK_FAILS(hearth_generator_step(nullptr), HEARTH_EINVAL, "generator");
    CHECK_FAILS(hearth_session_generate(nullptr, session.get(), nullptr, nullptr, nullptr, nullptr), HEARTH_EINVAL, "on_event");
    CHECK(runtime == nullptr);
    CHECK(model == nullptr);
    CHECK(text == nullptr);
    // Functions that cannot fail take null too.
    hearth_runtime_free(nullptr);
    hearth_model_free(nullptr);
    hearth_text_free(nullptr);
    hearth_tokenizer_free(nullptr);
    hearth_decoder_free(nullptr);
    hearth_session_free(nullptr);
    hearth_sampling_free(nullptr);
    hearth_generator_free(nullptr);
    CHECK(std::string(hearth_runtime_isa(nullptr)).empty());
    CHECK(hearth_runtime_threads(nullptr) == 0);
    CHECK(hearth_runtime_memory(nullptr) == 0);
    CHECK(hearth_model_vocab_size(nullptr) == 0);
    CHECK(hearth_session_length(nullptr) == 0);
    CHECK(hearth_tokenizer_special(nullptr, 0) == -1);
    CHECK(std::string(hearth_text_data(nullptr, nullptr)).empty());
}

TEST_CASE("misuse: option structs of other sizes") {
    // Shorter, as an older header would have it: the rest keeps its defaults.
    hearth_runtime_options o;
    CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
    o.threads = 1;
    o.struct_size = offsetof(hearth_runtime_options, flags);
    o.flags = 77;  // beyond the size: not looked at
    hearth_runtime* r = nullptr;
    CHECK_OK(hearth_runtime_new(&r, &o));
    CHECK(hearth_runtime_threads(r) == 1);
    hearth_runtime_free(r);
    // Longer, as a newer one: fine while the unknown part is zero.
    struct Newer {
        hearth_runtime_options known;
        std::uint64_t later;
    } n{};
    CHECK_OK(hearth_runtime_options_init(&n.known, sizeof n));
    CHECK(n.known.struct_size == sizeof n);
    CHECK_OK(hearth_runtime_new(&r, &n.known));
    hearth_runtime_free(r);
    n.later = 1;
    CHECK_FAILS(hearth_runtime_new(&r, &n.known), HEARTH_EINVAL, "hearth_runtime_options", "does not know");
    CHECK(r == nullptr);
    hearth_runtime_options raw{};
    CHECK_FAILS(hearth_runtime_new(&r, &raw), HEARTH_EINVAL, "struct_size", "_init");
    raw.struct_size = sizeof raw;
    raw.flags = 4;
    CHECK_FAILS(hearth_runtime_new(&r, &raw), HEARTH_EINVAL, "flags", "4");
    CHECK_FAILS(hearth_runtime_options_init(&raw, 3), HEARTH_EINVAL, "struct_size");
}

TEST_CASE("misuse: runtimes that cannot be") {
    hearth_runtime_options o;
    CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
    hearth_runtime* r = nullptr;
    o.isa = "sse9";
    CHECK_FAILS(hearth_runtime_new(&r, &o), HEARTH_EISA, "sse9", "scalar");
    for (std::size_t i = 0; i < hearth_isa_count(); ++i) {
        bool available = true;
        o.isa = hearth_isa_name(i, &available);
        if (!available) CHECK_FAILS(hearth_runtime_new(&r, &o), HEARTH_EISA, o.isa);
    }
    o.isa = nullptr;
    o.threads = 100000;
    CHECK_FAILS(hearth_runtime_new(&r, &o), HEARTH_EINVAL, "threads", "100000");
    o.threads = 1;
    o.allocate = [](std::size_t, std::size_t, void*) -> void* { return nullptr; };
    CHECK_FAILS(hearth_runtime_new(&r, &o), HEARTH_EINVAL, "release");
}

TEST_CASE("misuse: tokens, text and lengths that a session refuses") {
    Fixture f;
    const auto session = make_session(f.model.get(), 16);
    const std::vector<std::int32_t> good{1, 5, 6};
    append(session.get(), good);
    for (const std::int32_t bad : {-1, 272, 1 << 30}) {
        const std::vector<std::int32_t> mixed{4, bad};
        CHECK_FAILS(hearth_session_append_tokens(session.get(), mixed.data(), 2), HEARTH_ERANGE, std::to_string(bad),
                    "position 4", "272");
    }
    const std::vector<std::int32_t> many(14, 7);
    CHECK_FAILS(hearth_session_append_tokens(session.get(), many.data(), many.size()), HEARTH_ERANGE, "14", "context", "16");
    CHECK(hearth_session_length(session.get()) == 3);
    CHECK_FAILS(hearth_session_append_text(session.get(), "ok\xffno", 5, 0), HEARTH_EUTF8, "2");
    CHECK_FAILS(hearth_session_append_text(session.get(), "a", 1, 64), HEARTH_EINVAL, "flags");
    CHECK(hearth_session_length(session.get()) == 3);
    CHECK_FAILS(hearth_session_truncate(session.get(), 4), HEARTH_ERANGE, "4", "3");
    const auto empty = make_session(f.model.get(), 16);
    CHECK_FAILS(hearth_session_eval(nullptr, 0, nullptr, empty.get(), 0), HEARTH_ESTATE, "no tokens");
    CHECK_FAILS(hearth_session_eval(nullptr, 0, nullptr, session.get(), 8), HEARTH_EINVAL, "flags");
    float few[3];
    std::size_t needed = 0;
    CHECK_FAILS(hearth_session_eval(few, 3, &needed, session.get(), 0), HEARTH_EBUFS, "272");
    CHECK(needed == 272);
    hearth_session_options o;
    CHECK_OK(hearth_session_options_init(&o, sizeof o));
    o.kv = 9;
    hearth_session* s = nullptr;
    CHECK_FAILS(hearth_session_new(&s, f.model.get(), &o), HEARTH_EINVAL, "kv", "9");
}

TEST_CASE("misuse: sampler keys and values") {
    hearth_sampling* raw = nullptr;
    CHECK_OK(hearth_sampling_new(&raw));
    const SamplingPtr sampling(raw);
    CHECK_FAILS(hearth_sampling_set(sampling.get(), "temprature", 1), HEARTH_EINVAL, "temprature", "temperature");
    CHECK_FAILS(hearth_sampling_set(sampling.get(), "top_p", 1.5), HEARTH_EINVAL, "top_p", "1.5", "1");
    double v = 0;
    CHECK_FAILS(hearth_sampling_get(&v, sampling.get(), "nope"), HEARTH_EINVAL, "nope");
    std::size_t count = 0;
    double lo = 0, hi = 0, initial = 0;
    const char* doc = nullptr;
    while (const char* key = hearth_sampling_key(count, &lo, &hi, &initial, &doc)) {
        CAPTURE(std::string(key));
        CHECK(lo <= initial);
        CHECK(initial <= hi);
        CHECK(std::string(doc).size() > 10);
        CHECK_OK(hearth_sampling_get(&v, sampling.get(), key));
        CHECK(v == initial);
        CHECK_OK(hearth_sampling_set(sampling.get(), key, lo));
        CHECK_OK(hearth_sampling_set(sampling.get(), key, hi));
        ++count;
    }
    CHECK(count >= 9);
}

TEST_CASE("misuse: generators keep sessions apart") {
    Fixture f;
    const auto other = open_model(f.runtime.get(), shared_or_golden("families/qwen3.gguf"));
    hearth_generator* raw = nullptr;
    CHECK_OK(hearth_generator_new(&raw, f.model.get()));
    const GeneratorPtr generator(raw);
    const auto session = make_session(f.model.get()), foreign = make_session(other.get());
    CHECK_FAILS(hearth_generator_submit(generator.get(), session.get(), nullptr, nullptr), HEARTH_ESTATE, "no tokens");
    const std::vector<std::int32_t> tokens{1, 2, 3};
    append(session.get(), tokens);
    append(foreign.get(), tokens);
    CHECK_FAILS(hearth_generator_submit(generator.get(), foreign.get(), nullptr, nullptr), HEARTH_EINVAL, "another model");
    CHECK_OK(hearth_generator_submit(generator.get(), session.get(), nullptr, nullptr));
    CHECK_FAILS(hearth_generator_submit(generator.get(), session.get(), nullptr, nullptr), HEARTH_ESTATE, "already running");
    CHECK_FAILS(hearth_session_append_tokens(session.get(), tokens.data(), 3), HEARTH_ESTATE, "running");
    CHECK_FAILS(hearth_session_eval(nullptr, 0, nullptr, session.get(), 0), HEARTH_ESTATE, "running");
    CHECK_FAILS(hearth_session_truncate(session.get(), 1), HEARTH_ESTATE, "running");
    hearth_session* fork = nullptr;
    CHECK_FAILS(hearth_session_fork(&fork, session.get()), HEARTH_ESTATE, "running");
    hearth_event e{};
    CHECK_OK(hearth_generator_cancel(generator.get(), session.get()));
    CHECK_OK(hearth_generator_step(generator.get()));  // the cancelled session's last event is waiting
    CHECK_FAILS(hearth_generator_next_event(&e, generator.get()), HEARTH_EINVAL, "struct_size");
    e.struct_size = sizeof e;
    CHECK_OK(hearth_generator_next_event(&e, generator.get()));
    CHECK(e.reason == HEARTH_FINISH_CANCELLED);
    CHECK_FAILS(hearth_generator_next_event(&e, generator.get()), HEARTH_EAGAIN);
    CHECK_FAILS(hearth_generator_step(generator.get()), HEARTH_EAGAIN);
}
