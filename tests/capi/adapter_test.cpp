// Adapters of sessions: what they compute, and that nobody else can tell that they are there.
#include "capi/adapter_support.hpp"

using namespace hearth::test;
using hearth::GgufWriter;
using hearth::MetaValue;

namespace {

std::vector<float> logits_of(hearth_session* session, const std::vector<std::int32_t>& tokens) {
    append(session, tokens);
    return evaluate(session, true);
}

// The largest difference by the largest value.
double distance(std::span<const float> a, std::span<const float> b) {
    return largest_difference(a, b) / largest_difference(b, std::vector<float>(b.size()));
}

}  // namespace

TEST_CASE("adapters: every kind of matrix of every family gives what merged weights give") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory dir;
    const auto tokens = prompt_of(20);
    for (const char* arch : kArchitectures) {
        CAPTURE(std::string(arch));
        ModelFile model(small_shape(arch));
        const LoraFile one(model, 5, 4, changeable(model));
        const LoraFile two(model, 6, 3, changeable(model));
        const auto plain = open_memory_model(runtime.get(), model.bytes());
        ModelFile changed = model;
        one.merge_into(changed, 1);
        two.merge_into(changed, -0.5);
        const auto merged = open_memory_model(runtime.get(), changed.bytes());
        const auto a = load_adapter(plain.get(), dir.write("one.gguf", one.bytes())),
                   b = load_adapter(plain.get(), dir.write("two.gguf", two.bytes()));

        const auto session = make_session(plain.get()), reference = make_session(merged.get()),
                   without = make_session(plain.get());
        CHECK_OK(hearth_session_attach(session.get(), a.get(), 1));
        CHECK_OK(hearth_session_attach(session.get(), b.get(), -0.5));
        const auto expected = logits_of(reference.get(), tokens), got = logits_of(session.get(), tokens),
                   base = logits_of(without.get(), tokens);
        const double error = distance(got, expected), effect = distance(base, expected);
        CAPTURE(error);
        CAPTURE(effect);
        CHECK(error < 2e-5);
        CHECK(effect > 0.2);
    }
}

TEST_CASE("adapters: the output of a model that ties it to its embedding is changed alone") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory dir;
    ModelShape shape = small_shape("llama");
    ModelFile untied(shape);
    shape.tied = true;
    const ModelFile tied(shape);
    for (const ModelFile::Tensor& t : tied.tensors) untied.tensor(t.name) = t;
    untied.tensor("output.weight").bytes = tied.tensors.front().bytes;
    REQUIRE(tied.tensors.front().name == "token_embd.weight");
    const LoraFile lora(untied, 7, 4, {"output.weight", "token_embd.weight"});
    const auto model = open_memory_model(runtime.get(), tied.bytes());
    lora.merge_into(untied, 2);
    const auto merged = open_memory_model(runtime.get(), untied.bytes());
    const auto adapter = load_adapter(model.get(), dir.write("a.gguf", lora.bytes()));
    const auto session = make_session(model.get()), reference = make_session(merged.get());
    CHECK_OK(hearth_session_attach(session.get(), adapter.get(), 2));
    const auto tokens = prompt_of(20);
    CHECK(distance(logits_of(session.get(), tokens), logits_of(reference.get(), tokens)) < 2e-5);
}

namespace {

// A dense model with quantised weights, and one of experts; adapters a and b for them.
struct Fixture {
    TemporaryDirectory dir;
    std::string path, a, b;

    explicit Fixture(const std::string& arch) {
        ModelShape shape = small_shape(arch);
        shape.embd = shape.ffn = 256;
        shape.type = "Q4_K";
        const ModelFile model(shape);
        const auto bytes = model.bytes();
        path = dir.write("model.gguf", bytes);
        LoraFile one(model, 3, 5, changeable(model)), two(model, 4, 17, changeable(model));
        two.half = true;
        a = dir.write("a.gguf", one.bytes());
        b = dir.write("b.gguf", two.bytes());
    }
};

struct Run {
    std::vector<std::pair<const hearth_adapter*, double>> adapters;
    std::vector<std::int32_t> prompt;
};

// Logits that each of the sessions saw, all in one generator.
std::vector<std::vector<float>> together(hearth_model* model, const std::vector<Run>& runs, std::uint32_t chunk) {
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    const GeneratorPtr generator(g);
    std::vector<SessionPtr> sessions;
    std::vector<std::vector<float>> seen(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
        sessions.push_back(make_session(model, 256, HEARTH_KV_F16, chunk));
        for (const auto& [adapter, scale] : runs[i].adapters)
            CHECK_OK(hearth_session_attach(sessions[i].get(), adapter, scale));
        append(sessions[i].get(), runs[i].prompt);
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = 6;
        o.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS;
        o.tag = &seen[i];
        CHECK_OK(hearth_generator_submit(generator.get(), sessions[i].get(), nullptr, &o));
    }
    while (hearth_generator_step(generator.get()) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, generator.get()) == HEARTH_OK) {
            CHECK(e.status == HEARTH_OK);
            auto& out = *static_cast<std::vector<float>*>(e.tag);
            if (e.logits != nullptr) out.insert(out.end(), e.logits, e.logits + hearth_model_vocab_size(model));
            e.struct_size = sizeof e;
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("adapters: the same bytes for every instruction set, thread count, chunk and company") {
    for (const std::string arch : {"llama", "qwen2moe"}) {
        CAPTURE(arch);
        const Fixture files(arch);
        std::vector<std::vector<float>> alone;
        const auto runs = [](const AdapterPtr& a, const AdapterPtr& b) {
            return std::vector<Run>{{{{a.get(), 1}}, prompt_of(40)},
                                    {{}, prompt_of(33, 41)},
                                    {{{b.get(), 0.5}, {a.get(), -1}}, prompt_of(21, 43)},
                                    {{{a.get(), -1}, {b.get(), 0.5}}, prompt_of(21, 43)}};
        };
        {
            const auto runtime = make_runtime(1, reference_isa_name());
            const auto model = open_model(runtime.get(), files.path);
            const auto a = load_adapter(model.get(), files.a), b = load_adapter(model.get(), files.b);
            for (const Run& run : runs(a, b)) alone.push_back(together(model.get(), {run}, 0).front());
            // Other adapters, and their order, can be seen.
            CHECK(!same_bits(alone[0], together(model.get(), {{{}, prompt_of(40)}}, 0).front()));
            CHECK(!same_bits(alone[2], alone[3]));
            CHECK(distance(alone[2], alone[3]) < 0.1);  // which quantised activations make larger
        }
        std::size_t at = 0;
        for (const char* isa : available_isa_names()) {
            constexpr std::uint32_t kThreads[] = {2, 3, 1}, kChunks[] = {7, 0, 1};
            const std::size_t i = at++ % 3;
            if (kThin && at % 2 == 0) continue;
            CAPTURE(std::string(isa));
            const auto runtime = make_runtime(kThreads[i], isa);
            const auto model = open_model(runtime.get(), files.path);
            const auto a = load_adapter(model.get(), files.a), b = load_adapter(model.get(), files.b);
            const auto all = runs(a, b), seen = std::vector<Run>{all[1], all[2], all[0], all[3]};
            const auto mixed = together(model.get(), seen, kChunks[i]);
            for (const auto& [got, expected] : {std::pair(0, 1), std::pair(1, 2), std::pair(2, 0), std::pair(3, 3)})
                CHECK(same_bits(mixed[static_cast<std::size_t>(got)], alone[static_cast<std::size_t>(expected)]));
        }
    }
}

TEST_CASE("adapters: sessions swap them, fork with them, and have none where the scale is 0") {
    const Fixture files("llama");
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), files.path);
    const std::uint64_t before = hearth_runtime_memory(runtime.get());
    auto a = load_adapter(model.get(), files.a);
    const auto b = load_adapter(model.get(), files.b);
    hearth_adapter_info info{};
    info.struct_size = sizeof info;
    CHECK_OK(hearth_adapter_describe(&info, a.get()));
    CHECK(info.kind == HEARTH_ADAPTER_LORA);
    CHECK(info.rank == 5);
    CHECK(info.parts == 2 + 3 * 7);
    CHECK(hearth_runtime_memory(runtime.get()) - before >= info.bytes);
    CHECK(std::string(hearth_adapter_path(a.get())) == files.a);

    const auto tokens = prompt_of(50);
    const auto fresh = [&](const hearth_adapter* adapter, double scale) {
        const auto s = make_session(model.get());
        if (adapter != nullptr) CHECK_OK(hearth_session_attach(s.get(), adapter, scale));
        return logits_of(s.get(), tokens);
    };
    const auto none = fresh(nullptr, 0), with_a = fresh(a.get(), 1), with_b = fresh(b.get(), 0.25);
    CHECK(same_bits(fresh(a.get(), 0), none));
    CHECK(same_bits(fresh(a.get(), -0.0), none));
    CHECK(!same_bits(with_a, none));

    const auto session = make_session(model.get());
    CHECK(same_bits(logits_of(session.get(), tokens), none));
    CHECK_OK(hearth_session_attach(session.get(), a.get(), 1));
    CHECK(hearth_session_length(session.get()) == tokens.size());
    CHECK(same_bits(evaluate(session.get(), true), with_a));  // all tokens were pending again
    const auto fork = [&] {
        hearth_session* f = nullptr;
        CHECK_OK(hearth_session_fork(&f, session.get()));
        return SessionPtr(f);
    }();
    CHECK_OK(hearth_session_attach(session.get(), a.get(), 1));  // nothing new: nothing is pending
    CHECK(evaluate(session.get(), true).size() == hearth_model_vocab_size(model.get()));
    CHECK_OK(hearth_session_detach(session.get(), a.get()));
    CHECK_OK(hearth_session_attach(session.get(), b.get(), 0.25));
    CHECK(same_bits(evaluate(session.get(), true), with_b));
    CHECK_OK(hearth_session_detach_all(session.get()));
    CHECK(same_bits(evaluate(session.get(), true), none));
    CHECK_FAILS(hearth_session_detach(session.get(), b.get()), HEARTH_ENOTFOUND, files.b);

    // The fork kept what it had, and outlives the handle.
    CHECK_OK(hearth_session_truncate(fork.get(), 30));
    append(fork.get(), std::span(tokens).subspan(30));
    a.reset();
    const auto last = evaluate(fork.get(), false);
    CHECK(same_bits(last, std::span(with_a).last(last.size())));
    hearth_adapter* again = nullptr;
    double scale = 0;
    CHECK_OK(hearth_session_adapter(&again, &scale, fork.get(), 0));
    const AdapterPtr held(again);
    CHECK(std::string(hearth_adapter_path(held.get())) == files.a);
    CHECK(scale == 1);
    CHECK_FAILS(hearth_session_adapter(&again, &scale, fork.get(), 1), HEARTH_ENOTFOUND);
    CHECK(again == nullptr);
    CHECK_OK(hearth_session_attach(fork.get(), held.get(), 0.5));  // another scale, in its place
    CHECK(same_bits(evaluate(fork.get(), true), fresh(held.get(), 0.5)));
}

TEST_CASE("adapters: a saved session goes on with the same adapters alone") {
    const Fixture files("qwen2moe");
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), files.path);
    const auto a = load_adapter(model.get(), files.a), same = load_adapter(model.get(), files.a), b = load_adapter(model.get(), files.b);
    const auto tokens = prompt_of(40);
    const auto with = [&](const hearth_adapter* adapter, double scale) {
        auto s = make_session(model.get());
        if (adapter != nullptr) CHECK_OK(hearth_session_attach(s.get(), adapter, scale));
        return s;
    };
    const auto session = with(a.get(), 0.5);
    append(session.get(), tokens);
    evaluate(session.get(), false);
    std::size_t needed = 0;
    CHECK_FAILS(hearth_session_save(nullptr, 0, &needed, session.get()), HEARTH_EBUFS);
    std::vector<std::byte> blob(needed);
    CHECK_OK(hearth_session_save(blob.data(), blob.size(), &needed, session.get()));
    append(session.get(), std::span(tokens).first(9));
    const auto expected = evaluate(session.get(), true);

    const auto other = with(same.get(), 0.5);
    CHECK_OK(hearth_session_restore(other.get(), blob.data(), blob.size()));
    append(other.get(), std::span(tokens).first(9));
    CHECK(same_bits(evaluate(other.get(), true), expected));
    for (const auto& [adapter, scale] : {std::pair(b.get(), 0.5), std::pair(a.get(), 0.25), std::pair(a.get(), 0.0)}) {
        const auto s = with(adapter, scale);
        CHECK_FAILS(hearth_session_restore(s.get(), blob.data(), blob.size()), HEARTH_ESTATE, "adapters");
    }
    const auto plain = with(nullptr, 0);
    append(plain.get(), tokens);
    CHECK_FAILS(hearth_session_save(nullptr, 0, &needed, plain.get()), HEARTH_EBUFS);
    blob.resize(needed);
    CHECK_OK(hearth_session_save(blob.data(), blob.size(), &needed, plain.get()));
    CHECK_FAILS(hearth_session_restore(other.get(), blob.data(), blob.size()), HEARTH_ESTATE, "without adapters");
}

TEST_CASE("adapters: those of another model and of unknown kinds are refused by a sentence") {
    const auto runtime = make_runtime(1);
    const TemporaryDirectory dir;
    const ModelFile file(small_shape("llama"));
    const auto model = open_memory_model(runtime.get(), file.bytes());
    const std::string q = "blk.1.attn_q.weight";
    const LoraFile good(file, 1, 4, {q, "token_embd.weight"});
    load_adapter(model.get(), dir.write("good.gguf", good.bytes()));
    std::size_t number = 0;
    const auto refused = [&](const LoraFile& lora, hearth_status status, const std::string& part,
                             const std::string& second = "") {
        const std::string path = dir.write(std::to_string(number++) + ".gguf", lora.bytes());
        hearth_adapter* out = nullptr;
        CHECK_FAILS(hearth_adapter_load(&out, model.get(), path.c_str(), nullptr), status, path, part, second);
        CHECK(out == nullptr);
    };
    const auto with_key = [&](const std::string& key, MetaValue value) {
        LoraFile lora = good;
        lora.keys[key] = std::move(value);
        return lora;
    };
    refused(with_key("general.architecture", std::string("qwen2")), HEARTH_ESTATE, "'qwen2'", "'llama'");
    refused(with_key("general.type", std::string("model")), HEARTH_EUNSUPPORTED, "'model'");
    refused(with_key("adapter.type", std::string("ia3")), HEARTH_EUNSUPPORTED, "'ia3'");
    refused(with_key("adapter.alora.invocation_tokens", std::vector<std::uint64_t>{1, 2}), HEARTH_EUNSUPPORTED,
            "adapter.alora.invocation_tokens");
    refused(with_key("adapter.lora.alpha", 0.0), HEARTH_EFORMAT, "adapter.lora.alpha");
    refused(with_key("adapter.lora.alpha", std::string("8")), HEARTH_EFORMAT, "adapter.lora.alpha");
    const auto changed = [&](auto&& change) {
        LoraFile lora = good;
        change(lora.parts[1].base == q ? lora.parts[1] : lora.parts[0]);
        return lora;
    };
    refused(changed([](LoraPart& p) { p.base = "blk.7.attn_q.weight"; }), HEARTH_ESTATE, "blk.7.attn_q.weight",
            "another model");
    refused(changed([](LoraPart& p) { p.base = "blk.1.attn_norm.weight"; }), HEARTH_ESTATE, "blk.1.attn_norm.weight");
    refused(changed([](LoraPart& p) { p.base = "blk.1.ffn_down.weight"; }), HEARTH_ESTATE, "blk.1.ffn_down.weight",
            "{48, 64, 1}");
    refused(changed([](LoraPart& p) { std::swap(p.a_shape[0], p.a_shape[1]); }), HEARTH_ESTATE, q + ".lora_a",
            "{4, 64}");
    refused(changed([](LoraPart& p) { p.a_shape = {64, 2, 2}; }), HEARTH_ESTATE, q + ".lora_a");
    refused(changed([](LoraPart& p) {
                p.b_shape = {8, 64};
                p.b.resize(8 * 64);
            }),
            HEARTH_ESTATE, q + ".lora_a", "{64, 8}");

    // A tensor alone, and one that is no part of a change.
    const auto refuse_tensor = [&](const std::string& name, const std::string& part) {
        GgufWriter writer;
        for (const auto& [key, value] : {std::pair("general.type", "adapter"),
                                         std::pair("general.architecture", "llama"), std::pair("adapter.type", "lora")})
            REQUIRE(writer.set(key, std::string(value)).ok());
        REQUIRE(writer.set("adapter.lora.alpha", 8.0).ok());
        const std::vector<std::byte> zeros(64 * 4 * 4);
        const std::uint64_t shape[] = {64, 4};
        REQUIRE(writer.add_tensor(name, 0, shape, zeros).ok());
        const std::string path = dir.write("tensor.gguf", writer.write_parts()->front());
        hearth_adapter* out = nullptr;
        const hearth_status status = hearth_adapter_load(&out, model.get(), path.c_str(), nullptr);
        CHECK((status == HEARTH_EFORMAT || status == HEARTH_EUNSUPPORTED));
        CHECK_MESSAGE(contains(hearth_last_error(), part), hearth_last_error());
    };
    refuse_tensor(q + ".lora_a", q + ".lora_b");
    refuse_tensor(q + ".lora_b", q + ".lora_a");
    refuse_tensor("blk.1.attn_norm.weight", "blk.1.attn_norm.weight");

    // What is no adapter, and calls that make no sense.
    hearth_adapter* out = nullptr;
    const std::string whole = dir.write("model.gguf", file.bytes());
    CHECK_FAILS(hearth_adapter_load(&out, model.get(), whole.c_str(), nullptr), HEARTH_EUNSUPPORTED, "is no adapter",
                "general.type");
    CHECK_FAILS(hearth_adapter_load(&out, model.get(), (dir / "nothing.gguf").c_str(), nullptr), HEARTH_ENOTFOUND,
                "nothing.gguf");
    CHECK_FAILS(hearth_adapter_load(&out, nullptr, whole.c_str(), nullptr), HEARTH_EINVAL, "model");
    const auto other = open_memory_model(runtime.get(), file.bytes());
    const auto session = make_session(other.get());
    const auto adapter = load_adapter(model.get(), dir / "good.gguf");
    CHECK_FAILS(hearth_session_attach(session.get(), adapter.get(), 1), HEARTH_EINVAL, "another model");
    const auto own = make_session(model.get());
    for (const double scale : {1001.0, -1e300, std::nan("")})
        CHECK_FAILS(hearth_session_attach(own.get(), adapter.get(), scale), HEARTH_EINVAL, "scale");
}

TEST_CASE("adapters: damaged files are refused or used, and never more") {
    const auto runtime = make_runtime(1);
    const TemporaryDirectory dir;
    const ModelFile file(small_shape("llama"));
    const auto model = open_memory_model(runtime.get(), file.bytes());
    const LoraFile good(file, 1, 4, {"blk.1.attn_q.weight", "blk.0.ffn_down.weight", "output.weight"});
    const auto bytes = good.bytes();
    Draws draws(9);
    const std::size_t header = 1200;
    std::size_t refused = 0;
    const std::size_t rounds = kThin ? 60 : 400;
    for (std::size_t i = 0; i < rounds; ++i) {
        auto damaged = bytes;
        if (i % 5 == 0)
            damaged.resize(draws.below(damaged.size()));
        else
            for (std::size_t n = 1 + draws.below(4); n > 0; --n)
                damaged[draws.below(header)] = static_cast<std::byte>(draws.bits());
        const std::string path = dir.write("damaged.gguf", damaged);
        hearth_adapter* out = nullptr;
        const hearth_status status = hearth_adapter_load(&out, model.get(), path.c_str(), nullptr);
        const AdapterPtr adapter(out);
        CHECK((status == HEARTH_OK) == (out != nullptr));
        if (status == HEARTH_OK) continue;
        ++refused;
        CHECK_MESSAGE(std::string(hearth_last_error()).size() > 10, hearth_last_error());
    }
    CHECK(refused > rounds / 2);
}

TEST_CASE("adapters: what a prefix store keeps is of the same adapters alone") {
    const Fixture files("llama");
    const auto runtime = make_runtime(2);
    const auto model = open_model(runtime.get(), files.path);
    const auto a = load_adapter(model.get(), files.a);
    hearth_prefix_store* opened = nullptr;
    CHECK_OK(hearth_prefix_store_open(&opened, runtime.get(), nullptr));
    const std::unique_ptr<hearth_prefix_store, Freer<hearth_prefix_store_free>> store(opened);
    const auto tokens = prompt_of(100);
    const auto run = [&](double scale, bool stored) {
        const auto s = make_session(model.get());
        if (stored) CHECK_OK(hearth_session_use_store(s.get(), store.get()));
        CHECK_OK(hearth_session_attach(s.get(), a.get(), scale));
        append(s.get(), tokens);
        return evaluate(s.get(), false);
    };
    const auto found = [&] {
        hearth_prefix_store_stats stats{};
        stats.struct_size = sizeof stats;
        CHECK_OK(hearth_prefix_store_get_stats(&stats, store.get()));
        return stats.found_tokens;
    };
    for (const double scale : {1.0, 0.0, 0.5}) CHECK(same_bits(run(scale, true), run(scale, false)));
    CHECK(found() == 0);
    for (const double scale : {1.0, 0.0, 0.5}) CHECK(same_bits(run(scale, true), run(scale, false)));
    CHECK(found() > 0);
}
