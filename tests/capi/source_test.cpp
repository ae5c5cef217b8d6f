// The same model from every kind of source gives the same bytes; sources that fail, hosts that cancel, hosts with
// threads of their own, and several threads at once.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "capi/support.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

const ModelFile& test_model() {
    static const ModelFile model = [] {
        ModelShape s;
        s.arch = "phi3";
        s.type = "Q4_K";
        s.factors = true;  // tensors that are read before loading
        return ModelFile(s);
    }();
    return model;
}

const std::vector<std::int32_t>& prompt() {
    static const std::vector<std::int32_t> tokens = [] {
        std::vector<std::int32_t> t;
        for (std::int32_t i = 0; i < 280; ++i) t.push_back((i * i + 3 * i + 1) % 290);
        return t;
    }();
    return tokens;
}

std::vector<float> logits_of(hearth_model* model, std::uint32_t chunk = 0) {
    const auto session = make_session(model, 300, HEARTH_KV_F16, chunk);
    append(session.get(), prompt());
    return evaluate(session.get(), true);
}

// Bytes behind callbacks; the read that reaches byte `fails_at` fails.
struct Reader {
    std::span<const std::byte> bytes;
    std::uint64_t fails_at = UINT64_MAX;
    std::atomic<std::uint64_t> last_offset{0}, reads{0};

    static std::int32_t read(std::uint64_t offset, void* dst, size_t n, void* user) {
        auto& r = *static_cast<Reader*>(user);
        r.reads.fetch_add(1);
        if (offset + n > r.bytes.size()) return 99;
        if (offset + n > r.fails_at) {
            r.last_offset = offset;
            return -7;
        }
        std::memcpy(dst, r.bytes.data() + offset, n);
        return 0;
    }
    hearth_reader callbacks() {
        hearth_reader c{};
        c.struct_size = sizeof c;
        c.size = bytes.size();
        c.read = read;
        c.user = this;
        return c;
    }
};

struct Progress {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::size_t cancel_at = SIZE_MAX;

    static std::int32_t report(std::uint64_t done, std::uint64_t total, void* user) {
        auto& p = *static_cast<Progress*>(user);
        // It may be asked several times in between, as the clock has it.
        if (p.seen.empty() || p.seen.back().first != done) p.seen.emplace_back(done, total);
        return p.seen.size() > p.cancel_at ? 1 : 0;
    }
    hearth_model_options options() {
        hearth_model_options o{};
        o.struct_size = sizeof o;
        o.progress = report;
        o.progress_user = this;
        return o;
    }
};

std::vector<float> reference_logits() {
    const auto runtime = make_runtime(1, "scalar");
    const auto bytes = test_model().bytes();
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), nullptr));
    return logits_of(ModelPtr(m).get());
}

}  // namespace

TEST_CASE("source: path, descriptor, memory, reader and split files give the same bytes") {
    const auto reference = reference_logits();
    const TemporaryDirectory dir;
    const auto bytes = test_model().bytes();
    const std::string path = dir.write("m.gguf", bytes);
    const auto runtime = make_runtime(2);
    hearth_model* m = nullptr;

    CHECK_OK(hearth_model_open_path(&m, runtime.get(), path.c_str(), nullptr));
    CHECK(same_bits(logits_of(ModelPtr(m).get()), reference));
    const int fd = open(path.c_str(), O_RDONLY);
    REQUIRE(lseek(fd, 1234, SEEK_SET) == 1234);
    CHECK_OK(hearth_model_open_fd(&m, runtime.get(), fd, nullptr));
    CHECK(lseek(fd, 0, SEEK_CUR) == 1234);  // the host's position is its own
    CHECK(close(fd) == 0);
    CHECK(same_bits(logits_of(ModelPtr(m).get()), reference));
    for (const std::size_t shift : {0U, 1U, 3U}) {  // memory need not be aligned, nor live on
        std::vector<std::byte> memory(bytes.size() + shift);
        std::copy(bytes.begin(), bytes.end(), memory.begin() + static_cast<std::ptrdiff_t>(shift));
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), memory.data() + shift, bytes.size(), nullptr));
        const ModelPtr model(m);
        memory = {};
        CHECK(same_bits(logits_of(model.get()), reference));
    }
    Reader reader{bytes};
    const hearth_reader callbacks = reader.callbacks();
    CHECK_OK(hearth_model_open_reader(&m, runtime.get(), &callbacks, nullptr));
    ModelPtr read(m);
    const std::uint64_t reads = reader.reads;
    CHECK(same_bits(logits_of(read.get()), reference));
    CHECK(reader.reads == reads);  // only during the call

    hearth::GgufWriter::Options options;
    options.tensors_per_part = 5;
    hearth::GgufWriter writer(options);
    test_model().fill(writer);
    const auto names = writer.write(dir / "split.gguf");
    REQUIRE(names.ok());
    REQUIRE(names->size() > 2);
    for (const std::string& name : *names) {
        CHECK_OK(hearth_model_open_path(&m, runtime.get(), name.c_str(), nullptr));
        CHECK(same_bits(logits_of(ModelPtr(m).get()), reference));
    }
    std::filesystem::remove(names->back());
    CHECK_FAILS(hearth_model_open_path(&m, runtime.get(), names->front().c_str(), nullptr), HEARTH_ENOTFOUND, "part",
                "-of-");
}

TEST_CASE("source: the file may be replaced or removed once the model is open") {
    const auto reference = reference_logits();
    const TemporaryDirectory dir;
    const auto bytes = test_model().bytes();
    const auto runtime = make_runtime(2);
    const std::string path = dir.write("m.gguf", bytes);
    const auto model = open_model(runtime.get(), path);
    // Even cut short in place, which would be fatal to a mapping still in use.
    std::filesystem::resize_file(path, 10);
    CHECK(same_bits(logits_of(model.get()), reference));
    std::filesystem::remove(path);
    CHECK(same_bits(logits_of(model.get()), reference));
    hearth_text* t = nullptr;
    CHECK_OK(hearth_model_metadata(&t, model.get(), "general.architecture"));
    CHECK(std::string(hearth_text_data(TextPtr(t).get(), nullptr)) == "phi3");
}

TEST_CASE("source: a reader that fails anywhere is named with the offset") {
    const auto bytes = test_model().bytes();
    for (const std::uint32_t threads : {1U, 3U}) {
        const auto runtime = make_runtime(threads);
        for (std::uint64_t at = 0; at < bytes.size(); at += at < 64 ? 7 : at / 9) {
            CAPTURE(at);
            Reader reader{bytes, at};
            const hearth_reader callbacks = reader.callbacks();
            hearth_model* m = nullptr;
            CHECK_FAILS(hearth_model_open_reader(&m, runtime.get(), &callbacks, nullptr), HEARTH_EIO, "reader", "-7",
                        "from byte");
            CHECK(m == nullptr);
            CHECK(hearth_runtime_memory(runtime.get()) == 0);
            hearth_text* t = nullptr;
            const hearth_status s = hearth_inspect_reader(&t, runtime.get(), &callbacks);
            CHECK((s == HEARTH_OK || s == HEARTH_EIO));
            hearth_text_free(t);
        }
    }
}

TEST_CASE("source: progress rises to the total and can cancel at every step") {
    const auto bytes = test_model().bytes();
    const auto runtime = make_runtime(2);
    std::uint64_t stored = 0;
    for (const auto& t : test_model().tensors) stored += t.bytes.size();
    Progress all;
    hearth_model_options o = all.options();
    hearth_model* m = nullptr;
    CHECK_OK(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), &o));
    hearth_model_free(m);
    REQUIRE(all.seen.size() > 5);
    CHECK(all.seen.front().first == 0);  // while the vocabulary is read
    for (std::size_t i = 0; i < all.seen.size(); ++i) {
        CHECK(all.seen[i].second == stored);
        if (i != 0) CHECK(all.seen[i].first > all.seen[i - 1].first);
    }
    CHECK(all.seen.back().first == stored);
    for (std::size_t n = 0; n < all.seen.size(); ++n) {
        Progress some;
        some.cancel_at = n;
        o = some.options();
        CHECK_FAILS(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), &o), HEARTH_ECANCELLED,
                    "cancelled", std::to_string(stored));
        CHECK(m == nullptr);
        CHECK(some.seen.size() == n + 1);
        CHECK(hearth_runtime_memory(runtime.get()) == 0);
    }
}

TEST_CASE("host threads: none, some or all of the calls give the same bytes") {
    const auto reference = reference_logits();
    const auto bytes = test_model().bytes();
    using Task = void (*)(void*, std::size_t);
    struct Host {
        int mode;
        std::atomic<std::size_t> calls{0};
        static void run(Task task, void* data, size_t workers, void* user) {
            auto& h = *static_cast<Host*>(user);
            std::vector<std::thread> threads;
            for (std::size_t w = 1; w < workers; ++w) {
                if (h.mode == 0 || (h.mode == 1 && w % 2 == 0)) continue;
                h.calls.fetch_add(1);
                if (h.mode == 3)
                    task(data, w);  // on the caller's own thread
                else
                    threads.emplace_back(task, data, w);
            }
            for (std::thread& t : threads) t.join();
        }
    };
    for (const int mode : {0, 1, 2, 3}) {
        Host host{mode};
        hearth_runtime_options o;
        CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
        o.threads = 4;
        o.run = Host::run;
        o.run_user = &host;
        hearth_runtime* r = nullptr;
        CHECK_OK(hearth_runtime_new(&r, &o));
        const RuntimePtr runtime(r);
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), nullptr));
        const ModelPtr model(m);
        CHECK(same_bits(logits_of(model.get(), 100), reference));
        CHECK((host.calls > 0) == (mode != 0));
    }
}

TEST_CASE("threads: sessions of one model, and of several runtimes, at once give what each gives alone") {
    const auto bytes = test_model().bytes();
    const auto reference = reference_logits();
    const RuntimePtr runtimes[] = {make_runtime(2), make_runtime(1)};
    std::vector<ModelPtr> models;
    for (const RuntimePtr& r : runtimes) {
        hearth_model* m = nullptr;
        CHECK_OK(hearth_model_open_memory(&m, r.get(), bytes.data(), bytes.size(), nullptr));
        models.emplace_back(m);
    }
    // Forks of one past are divided between the threads: their shared pages are copied on write.
    const auto past = make_session(models[0].get(), 300, HEARTH_KV_F16);
    append(past.get(), std::span(prompt()).first(270));
    CHECK_OK(hearth_session_eval(nullptr, 0, nullptr, past.get(), 0));
    std::vector<SessionPtr> forks;
    for (int i = 0; i < 4; ++i) {
        hearth_session* f = nullptr;
        CHECK_OK(hearth_session_fork(&f, past.get()));
        forks.emplace_back(f);
    }
    std::atomic<int> wrong{0};
    const auto work = [&](std::size_t number) {
        // doctest's checks are for the main thread; failures are counted.
        const auto expect = [&](bool good) { wrong += good ? 0 : 1; };
        std::vector<float> logits(290 * prompt().size());
        for (int round = 0; round < 3; ++round) {
            hearth_session_options o;
            expect(hearth_session_options_init(&o, sizeof o) == HEARTH_OK);
            o.context = 300;
            o.chunk = static_cast<std::uint32_t>(64 + 40 * number);
            hearth_session* s = nullptr;
            expect(hearth_session_new(&s, models[number % 2].get(), &o) == HEARTH_OK);
            expect(hearth_session_append_tokens(s, prompt().data(), prompt().size()) == HEARTH_OK);
            expect(hearth_session_eval(logits.data(), logits.size(), nullptr, s, HEARTH_EVAL_ALL) == HEARTH_OK);
            expect(same_bits(logits, reference));
            hearth_session_free(s);
        }
        for (std::size_t i = 270; i < 280; ++i) {
            float row[290];
            expect(hearth_session_append_tokens(forks[number].get(), prompt().data() + i, 1) == HEARTH_OK);
            expect(hearth_session_eval(row, 290, nullptr, forks[number].get(), 0) == HEARTH_OK);
            expect(same_bits(row, std::span(reference).subspan(i * 290, 290)));
        }
        forks[number].reset();
        hearth_model* again = nullptr;  // loading beside running sessions
        expect(hearth_model_open_memory(&again, runtimes[number % 2].get(), bytes.data(), bytes.size(), nullptr) ==
               HEARTH_OK);
        hearth_model_free(again);
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
}
