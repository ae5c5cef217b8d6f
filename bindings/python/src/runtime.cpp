#include "handles.hpp"

namespace hearth_py {

namespace {

constexpr std::size_t kMostMessages = 1000;

void keep(std::int32_t level, const char* text, std::size_t length, void* user) {
    auto* messages = static_cast<Messages*>(user);
    try {
        const std::lock_guard<std::mutex> lock(messages->mutex);
        if (messages->waiting.size() < kMostMessages) messages->waiting.emplace_back(level, std::string(text, length));
    } catch (...) {  // no memory for a message
    }
}

// The runtime's owner: messages outlive it, since models and sessions keep the runtime alive behind it.
Runtime make(std::uint32_t threads, const std::string& isa, std::uint64_t memory_budget) {
    hearth_runtime_options options;
    check(hearth_runtime_options_init(&options, sizeof options));
    // Never freed: whatever holds the runtime last may still log. Some hundred bytes for each runtime.
    static auto& all = *new std::vector<std::shared_ptr<Messages>>;
    auto messages = std::make_shared<Messages>();
    all.push_back(messages);
    options.threads = threads;
    options.isa = isa.c_str();
    options.memory_budget = memory_budget;
    options.log = keep;
    options.log_user = messages.get();
    hearth_runtime* made = nullptr;
    check(hearth_runtime_new(&made, &options));
    return Runtime{messages, Handle<hearth_runtime, hearth_runtime_free>(made)};
}

py::list messages_of(const Runtime& self) {
    std::deque<std::pair<std::int32_t, std::string>> taken;
    {
        const std::lock_guard<std::mutex> lock(self.messages->mutex);
        taken.swap(self.messages->waiting);
    }
    py::list out;
    for (const auto& [level, text] : taken) out.append(py::make_tuple(level, text_of(text.data(), text.size())));
    return out;
}

py::list isas() {
    py::list out;
    for (std::size_t i = 0; i < hearth_isa_count(); ++i) {
        bool available = false;
        const char* const name = hearth_isa_name(i, &available);
        out.append(py::make_tuple(name, available));
    }
    return out;
}

}  // namespace

void define_runtime(py::module_& m) {
    m.def("version", &hearth_version);
    m.def("status_name", &hearth_status_name, py::arg("status"));
    m.def("isas", &isas);
    py::class_<Runtime>(m, "Runtime")
        .def(py::init(&make), py::arg("threads"), py::arg("isa"), py::arg("memory_budget"))
        .def_property_readonly("isa", [](const Runtime& r) { return hearth_runtime_isa(r.handle.get("runtime").get()); })
        .def_property_readonly("threads", [](const Runtime& r) { return hearth_runtime_threads(r.handle.get("runtime").get()); })
        .def_property_readonly("memory", [](const Runtime& r) { return hearth_runtime_memory(r.handle.get("runtime").get()); })
        .def("measure_stream",
             [](const Runtime& r, std::uint64_t bytes, std::uint32_t rounds) {
                 const auto runtime = r.handle.get("runtime");
                 double rate = 0;
                 run([&] { return hearth_runtime_measure_stream(&rate, runtime.get(), bytes, rounds); }, nullptr);
                 return rate;
             },
             py::arg("bytes"), py::arg("rounds"))
        .def("messages", &messages_of)
        .def("close", [](Runtime& r) { r.handle.close(); });
}

}  // namespace hearth_py
