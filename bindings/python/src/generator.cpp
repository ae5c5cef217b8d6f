#include <map>

#include "handles.hpp"

namespace hearth_py {

namespace {

// An event with the memory of what it points to.
struct Event {
    hearth_event raw{};
    std::uint64_t tag = 0;
    std::string text, message;
    std::vector<float> logits;
    std::vector<hearth_logprob> logprobs;
};

// A generator and the sessions that it runs: they are held, and refuse other calls, until they finish.
struct Engine {
    explicit Engine(hearth_generator* made) : generator(made), generation(fork_generation()) {}
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() {
        if (generation == fork_generation()) hearth_generator_free(generator);
        for (const auto& [tag, state] : running) state->busy = false;
    }
    hearth_generator* generator;
    unsigned generation;
    std::atomic<bool> busy{false};
    std::map<std::uint64_t, std::shared_ptr<SessionState>> running;
    std::uint64_t next_tag = 1;
};

struct Generator {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<Engine> get() const {
        if (engine == nullptr) refuse("this generator is closed");
        if (engine->generation != fork_generation()) {
            refuse("this generator was made before a fork; make it in the process that uses it");
        }
        return engine;
    }
};

constexpr const char* kWhat = "generator";

Generator make(const Model& model) {
    hearth_generator* made = nullptr;
    check(hearth_generator_new(&made, model.get().get()));
    return Generator{std::make_shared<Engine>(made)};
}

std::uint64_t submit(const Generator& self, const Session& session, const Sampling* sampling, std::uint32_t max_tokens,
                     std::uint32_t flags, std::uint32_t top_logprobs, std::uint32_t deadline_ms, std::uint32_t draft,
                     std::uint32_t draft_tokens, const Model* draft_model) {
    const auto engine = self.get();
    const auto state = session.get();
    const Use use(engine->busy, kWhat);
    hearth_generate_options options;
    check(hearth_generate_options_init(&options, sizeof options));
    const std::uint64_t tag = engine->next_tag;
    options.max_tokens = max_tokens;
    options.flags = flags;
    options.tag = reinterpret_cast<void*>(static_cast<std::uintptr_t>(tag));
    options.top_logprobs = top_logprobs;
    options.deadline_ms = deadline_ms;
    options.draft = draft;
    options.draft_tokens = draft_tokens;
    std::shared_ptr<hearth_model> draft_owner;
    if (draft_model != nullptr) draft_owner = draft_model->get();
    options.draft_model = draft_owner.get();
    std::shared_ptr<hearth_sampling> rules;
    if (sampling != nullptr) rules = sampling->get();
    if (state->busy.exchange(true)) refuse("this session is in use: by a generation, or by another thread");
    try {
        run([&] { return hearth_generator_submit(engine->generator, state->session, rules.get(), &options); }, nullptr);
        engine->running.emplace(tag, state);
    } catch (...) {
        // Submitted all the same where a signal came meanwhile: the generator must not run what nobody waits for.
        hearth_generator_cancel(engine->generator, state->session);
        state->busy = false;
        throw;
    }
    ++engine->next_tag;
    return tag;
}

Event copy(const hearth_event& raw, std::size_t vocab) {
    Event out;
    out.raw = raw;
    out.tag = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(raw.tag));
    out.text.assign(raw.text, raw.text_length);
    out.message = raw.message;
    if (raw.logits != nullptr) out.logits.assign(raw.logits, raw.logits + vocab);
    if (raw.logprobs != nullptr) out.logprobs.assign(raw.logprobs, raw.logprobs + raw.logprob_count);
    return out;
}

// One pass, and the events it made; None where nothing runs.
py::object step(const Generator& self, std::size_t vocab) {
    const auto engine = self.get();
    const Use use(engine->busy, kWhat);
    std::vector<Event> events;
    const auto drain = [&] {
        while (true) {
            hearth_event event{};
            event.struct_size = sizeof event;
            const hearth_status next = hearth_generator_next_event(&event, engine->generator);
            if (next == HEARTH_EAGAIN) return HEARTH_OK;
            if (next != HEARTH_OK) return next;
            events.push_back(copy(event, vocab));
            if (event.kind == HEARTH_EVENT_FINISH) {
                const auto found = engine->running.find(events.back().tag);
                if (found != engine->running.end()) {
                    found->second->busy = false;
                    engine->running.erase(found);
                }
            }
        }
    };
    hearth_status status = HEARTH_OK;
    try {
        status = run_expecting(
            HEARTH_EAGAIN,
            [&] {
                const hearth_status stepped = hearth_generator_step(engine->generator);
                return stepped == HEARTH_OK ? drain() : stepped;
            },
            [&] { hearth_generator_cancel(engine->generator, nullptr); });
    } catch (const py::error_already_set&) {
        // Interrupted: all that ran is cancelled; its ends are taken, so that the sessions are free again.
        std::size_t passes = 0;
        while (!engine->running.empty() && ++passes < 64 && hearth_generator_step(engine->generator) == HEARTH_OK) drain();
        throw;
    }
    if (status == HEARTH_EAGAIN && events.empty()) return py::none();
    py::list out;
    for (Event& event : events) out.append(py::cast(std::move(event)));
    return out;
}

void cancel(const Generator& self, const std::optional<std::uint64_t>& tag) {
    const auto engine = self.get();
    if (!tag) {
        check(hearth_generator_cancel(engine->generator, nullptr));
        return;
    }
    const auto found = engine->running.find(*tag);
    if (found != engine->running.end()) check(hearth_generator_cancel(engine->generator, found->second->session));
}

// The vector belongs to the event, which the array keeps alive.
py::object logits_of(const py::object& self) {
    const Event& event = self.cast<const Event&>();
    if (event.logits.empty()) return py::none();
    return read_only(py::array_t<float>({static_cast<py::ssize_t>(event.logits.size())}, {sizeof(float)}, event.logits.data(), self));
}

py::list logprobs_of(const Event& event) {
    py::list out;
    for (const hearth_logprob& pair : event.logprobs) out.append(py::make_tuple(pair.token, pair.logprob));
    return out;
}

}  // namespace

void define_generator(py::module_& m) {
    const auto field = [](auto member) { return [member](const Event& e) { return e.raw.*member; }; };
    py::class_<Event>(m, "Event")
        .def_readonly("tag", &Event::tag)
        .def_property_readonly("text", [](const Event& e) { return text_of(e.text.data(), e.text.size()); })
        .def_property_readonly("message", [](const Event& e) { return text_of(e.message.data(), e.message.size()); })
        .def_property_readonly("logits", py::cpp_function(&logits_of))
        .def_property_readonly("logprobs", &logprobs_of)
        .def_property_readonly("kind", field(&hearth_event::kind))
        .def_property_readonly("reason", field(&hearth_event::reason))
        .def_property_readonly("token", field(&hearth_event::token))
        .def_property_readonly("status", field(&hearth_event::status))
        .def_property_readonly("prompt_tokens", field(&hearth_event::prompt_tokens))
        .def_property_readonly("prompt_total", field(&hearth_event::prompt_total))
        .def_property_readonly("generated_tokens", field(&hearth_event::generated_tokens))
        .def_property_readonly("preemptions", field(&hearth_event::preemptions))
        .def_property_readonly("prompt_seconds", field(&hearth_event::prompt_seconds))
        .def_property_readonly("generate_seconds", field(&hearth_event::generate_seconds))
        .def_property_readonly("stop", field(&hearth_event::stop))
        .def_property_readonly("wait_seconds", field(&hearth_event::wait_seconds))
        .def_property_readonly("draft_speedup", field(&hearth_event::draft_speedup))
        .def_property_readonly("passes", field(&hearth_event::passes))
        .def_property_readonly("reused_tokens", field(&hearth_event::reused_tokens))
        .def_property_readonly("drafted_tokens", field(&hearth_event::drafted_tokens))
        .def_property_readonly("accepted_tokens", field(&hearth_event::accepted_tokens));
    py::class_<Generator>(m, "Generator")
        .def(py::init(&make), py::arg("model"))
        .def("submit", &submit, py::arg("session"), py::arg("sampling").none(true), py::arg("max_tokens"), py::arg("flags"),
             py::arg("top_logprobs"), py::arg("deadline_ms"), py::arg("draft"), py::arg("draft_tokens"),
             py::arg("draft_model").none(true))
        .def("step", &step, py::arg("vocab"))
        .def("cancel", &cancel, py::arg("tag"))
        .def("close", [](Generator& self) { self.engine.reset(); });
}

}  // namespace hearth_py
