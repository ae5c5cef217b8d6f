#include "handles.hpp"

namespace hearth_py {

namespace {

using Tokens = std::vector<hearth_token>;
constexpr const char* kWhat = "session";

struct Adapter {
    Handle<hearth_adapter, hearth_adapter_free> handle;
};
struct PrefixStore {
    Handle<hearth_prefix_store, hearth_prefix_store_free> handle;
};

Session make(const Model& model, std::uint32_t context, std::uint32_t kv, std::uint32_t chunk) {
    const auto owner = model.get();
    hearth_session_options options;
    check(hearth_session_options_init(&options, sizeof options));
    options.context = context;
    options.kv = kv;
    options.chunk = chunk;
    hearth_session* made = nullptr;
    check(hearth_session_new(&made, owner.get(), &options));
    return Session{std::make_shared<SessionState>(made)};
}

// Short calls, which keep the interpreter's lock.
template <class Call>
void briefly(const Session& self, Call&& call) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    check(call(state->session));
}

void eval_into(SessionState& state, float* out, std::size_t capacity, std::uint32_t flags) {
    std::size_t needed = 0;
    run([&] { return hearth_session_eval(out, capacity, &needed, state.session, flags); },
        [&] { hearth_session_cancel(state.session); });
}

void evaluate(const Session& self) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    eval_into(*state, nullptr, 0, 0);
}

// Straight into NumPy's memory.
py::array eval(const Session& self, bool all) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    const std::uint32_t flags = all ? HEARTH_EVAL_ALL : 0;
    std::size_t needed = 0;
    float nothing = 0;
    const hearth_status first = hearth_session_eval(&nothing, 0, &needed, state->session, flags);
    if (first != HEARTH_EBUFS) check(first);
    py::array_t<float, py::array::c_style> out(static_cast<py::ssize_t>(needed));
    eval_into(*state, out.mutable_data(), needed, flags);
    return read_only(out);
}

Tokens tokens(const Session& self) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    return filled<hearth_token>([&](hearth_token* out, std::size_t capacity, std::size_t* needed) {
        return hearth_session_tokens(out, capacity, needed, state->session);
    });
}

py::bytes save(const Session& self) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    std::size_t needed = 0;
    run_expecting(HEARTH_EBUFS, [&] { return hearth_session_save(nullptr, 0, &needed, state->session); }, nullptr);
    const py::bytes out = py::reinterpret_steal<py::bytes>(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(needed)));
    if (!out) throw py::error_already_set();
    char* const data = PyBytes_AS_STRING(out.ptr());
    run([&] { return hearth_session_save(data, needed, &needed, state->session); }, nullptr);
    return out;
}

void restore(const Session& self, const py::buffer& data) {
    const auto state = self.get();
    const py::buffer_info bytes = data.request();
    const Use use(state->busy, kWhat);
    run([&] { return hearth_session_restore(state->session, bytes.ptr, static_cast<std::size_t>(bytes.size * bytes.itemsize)); },
        nullptr);
}

void save_path(const Session& self, const std::string& path) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    run([&] { return hearth_session_save_path(state->session, path.c_str()); }, nullptr);
}

void restore_path(const Session& self, const std::string& path) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    run([&] { return hearth_session_restore_path(state->session, path.c_str()); }, nullptr);
}

Session fork(const Session& self) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    hearth_session* made = nullptr;
    check(hearth_session_fork(&made, state->session));
    return Session{std::make_shared<SessionState>(made)};
}

void use_store(const Session& self, const PrefixStore* store) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    std::shared_ptr<hearth_prefix_store> owner;
    if (store != nullptr) owner = store->handle.get("prefix store");
    run([&] { return hearth_session_use_store(state->session, owner.get()); }, nullptr);
}

py::list adapters(const Session& self) {
    const auto state = self.get();
    const Use use(state->busy, kWhat);
    py::list out;
    for (std::size_t i = 0;; ++i) {
        hearth_adapter* adapter = nullptr;
        double scale = 0;
        const hearth_status status = hearth_session_adapter(&adapter, &scale, state->session, i);
        if (status == HEARTH_ENOTFOUND) return out;
        check(status);
        out.append(py::make_tuple(Adapter{Handle<hearth_adapter, hearth_adapter_free>(adapter)}, scale));
    }
}

Adapter load_adapter(const Model& model, const std::string& path, std::uint32_t first_layer, std::uint32_t last_layer) {
    const auto owner = model.get();
    hearth_adapter_options options;
    check(hearth_adapter_options_init(&options, sizeof options));
    options.first_layer = first_layer;
    options.last_layer = last_layer;
    hearth_adapter* made = nullptr;
    run([&] { return hearth_adapter_load(&made, owner.get(), path.c_str(), &options); }, nullptr);
    return Adapter{Handle<hearth_adapter, hearth_adapter_free>(made)};
}

py::dict describe(const Adapter& self) {
    hearth_adapter_info info{};
    info.struct_size = sizeof info;
    check(hearth_adapter_describe(&info, self.handle.get("adapter").get()));
    py::dict out;
    out["kind"] = info.kind;
    out["parts"] = info.parts;
    out["rank"] = info.rank;
    out["bytes"] = info.bytes;
    return out;
}

PrefixStore open_store(const Runtime& runtime, std::uint64_t memory_bytes, const std::optional<std::string>& folder,
                       std::uint64_t folder_bytes) {
    hearth_prefix_store_options options;
    check(hearth_prefix_store_options_init(&options, sizeof options));
    options.memory_bytes = memory_bytes;
    options.folder = folder ? folder->c_str() : nullptr;
    options.folder_bytes = folder_bytes;
    hearth_prefix_store* made = nullptr;
    check(hearth_prefix_store_open(&made, runtime.handle.get("runtime").get(), &options));
    return PrefixStore{Handle<hearth_prefix_store, hearth_prefix_store_free>(made)};
}

py::dict stats(const PrefixStore& self) {
    hearth_prefix_store_stats s{};
    s.struct_size = sizeof s;
    check(hearth_prefix_store_get_stats(&s, self.handle.get("prefix store").get()));
    py::dict out;
    out["lookups"] = s.lookups;
    out["asked_tokens"] = s.asked_tokens;
    out["found_tokens"] = s.found_tokens;
    out["parts"] = s.parts;
    out["bytes"] = s.bytes;
    out["evictions"] = s.evictions;
    out["files"] = s.files;
    out["file_bytes"] = s.file_bytes;
    out["files_written"] = s.files_written;
    out["files_read"] = s.files_read;
    out["files_evicted"] = s.files_evicted;
    out["files_refused"] = s.files_refused;
    return out;
}

}  // namespace

void define_session(py::module_& m) {
    py::class_<Adapter>(m, "Adapter")
        .def_static("load", &load_adapter, py::arg("model"), py::arg("path"), py::arg("first_layer"), py::arg("last_layer"))
        .def("describe", &describe)
        .def_property_readonly("path",
                               [](const Adapter& self) {
                                   const char* const path = hearth_adapter_path(self.handle.get("adapter").get());
                                   return py::reinterpret_steal<py::str>(PyUnicode_DecodeFSDefault(path));
                               })
        .def("close", [](Adapter& self) { self.handle.close(); });
    py::class_<PrefixStore>(m, "PrefixStore")
        .def(py::init(&open_store), py::arg("runtime"), py::arg("memory_bytes"), py::arg("folder"), py::arg("folder_bytes"))
        .def("stats", &stats)
        .def("clear", [](const PrefixStore& self) { check(hearth_prefix_store_clear(self.handle.get("prefix store").get())); })
        .def("close", [](PrefixStore& self) { self.handle.close(); });
    py::class_<Session>(m, "Session")
        .def(py::init(&make), py::arg("model"), py::arg("context"), py::arg("kv"), py::arg("chunk"))
        .def("close", [](Session& self) { self.state.reset(); })
        .def_property_readonly("closed", [](const Session& self) { return self.state == nullptr; })
        .def("append_tokens",
             [](const Session& self, const Tokens& list) {
                 briefly(self, [&](hearth_session* s) { return hearth_session_append_tokens(s, list.data(), list.size()); });
             },
             py::arg("tokens"))
        .def("append_text",
             [](const Session& self, std::string_view text, std::uint32_t flags) {
                 briefly(self, [&](hearth_session* s) { return hearth_session_append_text(s, text.data(), text.size(), flags); });
             },
             py::arg("text"), py::arg("flags"))
        .def("replace",
             [](const Session& self, std::size_t at, std::size_t removed, const Tokens& list) {
                 briefly(self, [&](hearth_session* s) { return hearth_session_replace(s, at, removed, list.data(), list.size()); });
             },
             py::arg("at"), py::arg("removed"), py::arg("tokens"))
        .def("truncate",
             [](const Session& self, std::size_t length) {
                 briefly(self, [&](hearth_session* s) { return hearth_session_truncate(s, length); });
             },
             py::arg("length"))
        .def_property_readonly("length",
                               [](const Session& self) {
                                   const auto state = self.get();
                                   const Use use(state->busy, kWhat);
                                   return hearth_session_length(state->session);
                               })
        .def_property_readonly("context", [](const Session& self) { return hearth_session_context(self.get()->session); })
        .def_property_readonly("memory",
                               [](const Session& self) {
                                   const auto state = self.get();
                                   const Use use(state->busy, kWhat);
                                   return hearth_session_memory(state->session);
                               })
        .def("tokens", &tokens)
        .def("evaluate", &evaluate)
        .def("eval", &eval, py::arg("all"))
        .def("cancel", [](const Session& self) { check(hearth_session_cancel(self.get()->session)); })
        .def("save", &save)
        .def("save_path", &save_path, py::arg("path"))
        .def("restore", &restore, py::arg("data"))
        .def("restore_path", &restore_path, py::arg("path"))
        .def("fork", &fork)
        .def("use_store", &use_store, py::arg("store").none(true))
        .def("attach",
             [](const Session& self, const Adapter& adapter, double scale) {
                 const auto owner = adapter.handle.get("adapter");
                 briefly(self, [&](hearth_session* s) { return hearth_session_attach(s, owner.get(), scale); });
             },
             py::arg("adapter"), py::arg("scale"))
        .def("detach",
             [](const Session& self, const Adapter& adapter) {
                 const auto owner = adapter.handle.get("adapter");
                 briefly(self, [&](hearth_session* s) { return hearth_session_detach(s, owner.get()); });
             },
             py::arg("adapter"))
        .def("detach_all", [](const Session& self) { briefly(self, [](hearth_session* s) { return hearth_session_detach_all(s); }); })
        .def("adapters", &adapters);
}

}  // namespace hearth_py
