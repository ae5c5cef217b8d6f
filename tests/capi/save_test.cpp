// Saved sessions: bytes that go on as if nothing had been, and bytes that are refused.
#include <algorithm>
#include <random>

#include "capi/support.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

// One of each kind of cache: all keys, windows, chunks, recurrent states, latent rows with an index, rows
// for several tokens.
const std::vector<std::string> kFamilies{"llama-q4_k_m", "gemma3n", "qwen35",    "lfm2",      "deepseek2-groups",
                                         "gpt-oss",      "llama4",  "qwen3next", "deepseek32", "deepseek4"};
constexpr std::uint32_t kKv[] = {HEARTH_KV_F16, HEARTH_KV_F32, HEARTH_KV_Q8_0};

std::vector<std::int32_t> prompt_of(std::size_t length) {
    std::vector<std::int32_t> tokens{1};
    while (tokens.size() < length) tokens.push_back((tokens.back() * 37 + 11) % 250 + 3);
    return tokens;
}

std::vector<std::byte> save(hearth_session* session) {
    std::size_t needed = 0;
    CHECK_FAILS(hearth_session_save(nullptr, 0, &needed, session), HEARTH_EBUFS);
    std::vector<std::byte> bytes(needed);
    CHECK_OK(hearth_session_save(bytes.data(), bytes.size(), &needed, session));
    CHECK(needed == bytes.size());
    return bytes;
}

std::vector<std::int32_t> tokens_of(const hearth_session* session) {
    std::vector<std::int32_t> tokens(hearth_session_length(session));
    std::size_t needed = 0;
    CHECK_OK(hearth_session_tokens(tokens.data(), tokens.size(), &needed, session));
    return tokens;
}

std::filesystem::path llama() { return shared_or_golden("families/llama-q4_k_m.gguf"); }

}  // namespace

TEST_CASE("save: a restored session goes on to the bit, on another runtime, of every kind of cache") {
    const auto tokens = prompt_of(330);
    const std::span all(tokens);
    std::size_t missing = 0;
    for (const std::string& name : kFamilies) {
        const auto path = shared_or_golden("families/" + name + ".gguf");
        if (!std::filesystem::exists(path)) {
            ++missing;
            continue;
        }
        CAPTURE(name);
        const auto one = make_runtime(1), two = make_runtime(2);
        const auto model = open_model(one.get(), path), other = open_model(two.get(), path);
        for (const std::uint32_t kv : kKv) {
            if (kThin && kv != kKv[name.size() % 3]) continue;
            for (const std::size_t at : {5, 300}) {
                const auto session = make_session(model.get(), 512, kv, 64),
                           again = make_session(other.get(), 400, kv, 50);
                append(session.get(), all.first(at));
                evaluate(session.get(), false);
                append(session.get(), all.subspan(at, 3));  // pending
                const auto bytes = save(session.get());
                append(again.get(), all.first(9));
                CHECK_OK(hearth_session_restore(again.get(), bytes.data(), bytes.size()));
                CHECK(tokens_of(again.get()) == tokens_of(session.get()));
                append(session.get(), all.subspan(at + 3, 20));
                append(again.get(), all.subspan(at + 3, 20));
                CHECK(same_bits(evaluate(session.get(), true), evaluate(again.get(), true)));
                CHECK(save(session.get()).size() == save(again.get()).size());
                // Both go back alike.
                CHECK_OK(hearth_session_truncate(session.get(), at - 2));
                CHECK_OK(hearth_session_truncate(again.get(), at - 2));
                CHECK(same_bits(evaluate(session.get(), false), evaluate(again.get(), false)));
            }
        }
    }
    if (missing != 0) skipped("families of saved sessions", missing);
}

TEST_CASE("save: an empty session, and one with nothing evaluated") {
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), llama());
    const auto empty = make_session(model.get()), session = make_session(model.get());
    const auto nothing = save(empty.get());
    append(session.get(), prompt_of(20));
    const auto pending = save(session.get());
    CHECK_OK(hearth_session_restore(session.get(), nothing.data(), nothing.size()));
    CHECK(hearth_session_length(session.get()) == 0);
    CHECK_OK(hearth_session_restore(empty.get(), pending.data(), pending.size()));
    append(session.get(), prompt_of(20));
    CHECK(same_bits(evaluate(empty.get(), true), evaluate(session.get(), true)));
}

TEST_CASE("save: files appear whole, and a failure leaves session and file as they were") {
    const TemporaryDirectory dir;
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), llama());
    const auto session = make_session(model.get()), other = make_session(model.get());
    append(session.get(), prompt_of(40));
    const auto logits = evaluate(session.get(), false);
    const auto path = dir.path() / "chat.session", text = dir.path() / "text";
    CHECK_OK(hearth_session_save_path(session.get(), path.c_str()));
    CHECK(read_bytes(path) == save(session.get()));
    CHECK_OK(hearth_session_restore_path(other.get(), path.c_str()));
    CHECK(same_bits(evaluate(other.get(), false), logits));

    CHECK_FAILS(hearth_session_save_path(session.get(), (dir.path() / "none" / "x").c_str()), HEARTH_ENOTFOUND, "none");
    CHECK_FAILS(hearth_session_restore_path(other.get(), (dir.path() / "none").c_str()), HEARTH_ENOTFOUND, "none");
    std::ofstream(text) << "once upon a time";
    CHECK_FAILS(hearth_session_restore_path(other.get(), text.c_str()), HEARTH_EFORMAT, "text", "no saved session");
    CHECK_FAILS(hearth_session_restore_path(other.get(), dir.path().c_str()), HEARTH_EIO, "directory");
    CHECK_FAILS(hearth_session_restore_path(other.get(), nullptr), HEARTH_EINVAL, "path");
    CHECK_FAILS(hearth_session_restore(other.get(), nullptr, 3), HEARTH_EINVAL, "bytes");
    CHECK(same_bits(evaluate(other.get(), false), logits));
    CHECK(dir.files() == 2);  // no temporary file is left
}

TEST_CASE("save: sessions of another model, cache or length are refused") {
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), llama()),
               other = open_model(runtime.get(), shared_or_golden("families/llama-q8_0.gguf"));
    const auto session = make_session(model.get());
    append(session.get(), prompt_of(40));
    evaluate(session.get(), false);
    auto bytes = save(session.get());
    const auto refused = [&](hearth_session* by, hearth_status status, const char* part) {
        append(by, prompt_of(6));
        CHECK_FAILS(hearth_session_restore(by, bytes.data(), bytes.size()), status, part);
        CHECK(hearth_session_length(by) == 6);
    };
    refused(make_session(other.get()).get(), HEARTH_ESTATE, "another model");
    refused(make_session(model.get(), 512, HEARTH_KV_Q8_0).get(), HEARTH_ESTATE, "Q8_0");
    refused(make_session(model.get(), 39).get(), HEARTH_ERANGE, "39");
    bytes[8] = std::byte{2};
    refused(make_session(model.get()).get(), HEARTH_EUNSUPPORTED, "version 2");

    // Positions that depend on the context.
    const auto far = shared_or_golden("families/phi3.gguf");
    const auto phi = open_model(runtime.get(), far);
    const auto near_session = make_session(phi.get(), 16);
    append(near_session.get(), prompt_of(10));
    evaluate(near_session.get(), false);
    bytes = save(near_session.get());
    refused(make_session(phi.get(), 100000).get(), HEARTH_ESTATE, "100000");
}

TEST_CASE("save: the digest of a model is that of its weights, not of its file") {
    const TemporaryDirectory dir;
    const auto runtime = make_runtime();
    const auto packed = dir.path() / "packed.gguf", changed = dir.path() / "changed.gguf";
    CHECK_OK(hearth_model_pack(runtime.get(), llama().c_str(), packed.c_str(), nullptr));
    auto bytes = read_bytes(llama());
    bytes[bytes.size() - 100] ^= std::byte{1};
    std::ofstream(changed, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const auto digest = [&](const std::filesystem::path& path) {
        std::vector<std::uint8_t> d(16);
        CHECK_OK(hearth_model_digest(d.data(), open_model(runtime.get(), path).get()));
        return d;
    };
    CHECK(digest(packed) == digest(llama()));
    CHECK(digest(changed) != digest(llama()));
    CHECK(digest(llama()) != std::vector<std::uint8_t>(16));

    const auto from = open_model(runtime.get(), llama()), to = open_model(runtime.get(), packed);
    const auto session = make_session(from.get()), again = make_session(to.get());
    append(session.get(), prompt_of(40));
    const auto logits = evaluate(session.get(), false);
    const auto blob = save(session.get());
    CHECK_OK(hearth_session_restore(again.get(), blob.data(), blob.size()));
    CHECK(same_bits(evaluate(again.get(), false), logits));
}

TEST_CASE("save: any change of any byte is refused and changes nothing") {
    const auto runtime = make_runtime();
    const auto model = open_model(runtime.get(), llama());
    const auto session = make_session(model.get(), 64), other = make_session(model.get(), 64);
    append(session.get(), prompt_of(20));
    evaluate(session.get(), false);
    append(other.get(), prompt_of(7));
    const auto logits = evaluate(other.get(), false);
    const auto good = save(session.get());
    std::mt19937 draws(5);
    auto bytes = good;
    const auto refused = [&](std::size_t n) {
        const hearth_status status = hearth_session_restore(other.get(), bytes.data(), n);
        CHECK(status != HEARTH_OK);
        CHECK(status != HEARTH_EINTERNAL);
    };
    for (std::size_t i = 0; i < bytes.size(); i += i < 200 ? 1 : 1 + draws() % (bytes.size() / 200)) {
        bytes[i] ^= static_cast<std::byte>(1 + draws() % 255);
        refused(bytes.size());
        bytes[i] = good[i];
    }
    for (std::size_t n = 0; n < bytes.size(); n += n < 100 ? 1 : bytes.size() / 40) refused(n);
    bytes.push_back(std::byte{0});
    refused(bytes.size());
    CHECK(same_bits(evaluate(other.get(), false), logits));
}

TEST_CASE("replace: an edited session computes what a fresh one would") {
    const auto runtime = make_runtime();
    for (const std::string name : {"llama-q4_k_m", "gemma3n", "qwen35"}) {
        CAPTURE(name);
        const auto model = open_model(runtime.get(), shared_or_golden("families/" + name + ".gguf"));
        const auto session = make_session(model.get()), fresh = make_session(model.get());
        auto tokens = prompt_of(80);
        append(session.get(), tokens);
        evaluate(session.get(), false);
        const std::vector<std::int32_t> edit{9, 8, 7};
        CHECK_OK(hearth_session_replace(session.get(), 50, 5, edit.data(), edit.size()));
        tokens.erase(tokens.begin() + 50, tokens.begin() + 55);
        tokens.insert(tokens.begin() + 50, edit.begin(), edit.end());
        CHECK(tokens_of(session.get()) == tokens);
        append(fresh.get(), tokens);
        CHECK(same_bits(evaluate(session.get(), false), evaluate(fresh.get(), false)));
        CHECK_FAILS(hearth_session_replace(session.get(), 79, 0, nullptr, 0), HEARTH_ERANGE, "79", "78");
        CHECK_FAILS(hearth_session_replace(session.get(), 0, 0, nullptr, 2), HEARTH_EINVAL, "tokens");
    }
}
