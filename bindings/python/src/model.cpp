#include <algorithm>

#include "handles.hpp"

namespace hearth_py {

namespace {

Model open_model(const Runtime& runtime, const py::object& progress, std::uint32_t flags,
                 const std::function<hearth_status(hearth_model**, hearth_runtime*, const hearth_model_options*)>& open) {
    const auto owner = runtime.handle.get("runtime");
    Progress state;
    state.callable = progress;
    hearth_model_options options;
    check(hearth_model_options_init(&options, sizeof options));
    options.flags = flags;
    options.progress = &Progress::tell;
    options.progress_user = &state;
    hearth_model* made = nullptr;
    try {
        run([&] { return open(&made, owner.get(), &options); }, nullptr, &state);
    } catch (...) {
        hearth_model_free(made);
        throw;
    }
    return Model{Handle<hearth_model, hearth_model_free>(made)};
}

Model open_path(const Runtime& runtime, const std::string& path, const py::object& progress, std::uint32_t flags) {
    return open_model(runtime, progress, flags, [&](hearth_model** out, hearth_runtime* r, const hearth_model_options* options) {
        return hearth_model_open_path(out, r, path.c_str(), options);
    });
}

Model open_fd(const Runtime& runtime, int fd, const py::object& progress, std::uint32_t flags) {
    return open_model(runtime, progress, flags, [&](hearth_model** out, hearth_runtime* r, const hearth_model_options* options) {
        return hearth_model_open_fd(out, r, fd, options);
    });
}

Model open_memory(const Runtime& runtime, const py::buffer& data, const py::object& progress, std::uint32_t flags) {
    const py::buffer_info bytes = data.request();
    return open_model(runtime, progress, flags, [&](hearth_model** out, hearth_runtime* r, const hearth_model_options* options) {
        return hearth_model_open_memory(out, r, bytes.ptr, static_cast<std::size_t>(bytes.size * bytes.itemsize), options);
    });
}

// A Python function read(offset, count) -> bytes; its first exception is the one that is raised.
struct PythonReader {
    py::object read;
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;

    static std::int32_t call(std::uint64_t offset, void* dst, std::size_t bytes, void* user) {
        auto* self = static_cast<PythonReader*>(user);
        const py::gil_scoped_acquire lock;
        try {
            const py::bytes got = self->read(offset, bytes);
            const std::string_view view = got;
            if (view.size() != bytes) {
                throw py::value_error("the reader gave " + std::to_string(view.size()) + " bytes instead of " +
                                      std::to_string(bytes) + " at offset " + std::to_string(offset));
            }
            view.copy(static_cast<char*>(dst), bytes);
            return 0;
        } catch (py::error_already_set& error) {
            error.restore();
        } catch (const std::exception& error) {
            PyErr_SetString(PyExc_ValueError, error.what());
        }
        if (self->type == nullptr) {
            PyErr_Fetch(&self->type, &self->value, &self->trace);
        } else {
            PyErr_Clear();
        }
        return 1;
    }
    ~PythonReader() {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
    }
};

// work(reader), with what `read` raised in place of the failure that followed from it.
template <class Work>
auto with_reader(std::uint64_t size, const py::object& read, Work&& work) {
    PythonReader state{read};
    hearth_reader reader{};
    reader.struct_size = sizeof reader;
    reader.size = size;
    reader.read = &PythonReader::call;
    reader.user = &state;
    try {
        return work(&reader);
    } catch (const Failure&) {
        if (state.type == nullptr) throw;
        PyErr_Restore(state.type, state.value, state.trace);
        state.type = state.value = state.trace = nullptr;
        throw py::error_already_set();
    }
}

Model open_reader(const Runtime& runtime, std::uint64_t size, const py::object& read, const py::object& progress,
                  std::uint32_t flags) {
    return with_reader(size, read, [&](const hearth_reader* reader) {
        return open_model(runtime, progress, flags, [&](hearth_model** out, hearth_runtime* r, const hearth_model_options* options) {
            return hearth_model_open_reader(out, r, reader, options);
        });
    });
}

void pack(const Runtime& runtime, const std::string& path, const std::string& packed, const py::object& progress) {
    const auto owner = runtime.handle.get("runtime");
    Progress state;
    state.callable = progress;
    hearth_pack_options options;
    check(hearth_pack_options_init(&options, sizeof options));
    options.progress = &Progress::tell;
    options.progress_user = &state;
    run([&] { return hearth_model_pack(owner.get(), path.c_str(), packed.c_str(), &options); }, nullptr, &state);
}

py::str inspected(const Runtime& runtime, const std::function<hearth_status(hearth_text**, hearth_runtime*)>& call) {
    const auto owner = runtime.handle.get("runtime");
    hearth_text* text = nullptr;
    run([&] { return call(&text, owner.get()); }, nullptr);
    return take(text);
}

py::str inspect_path(const Runtime& runtime, const std::string& path) {
    return inspected(runtime, [&](hearth_text** out, hearth_runtime* r) { return hearth_inspect_path(out, r, path.c_str()); });
}

py::str inspect_fd(const Runtime& runtime, int fd) {
    return inspected(runtime, [&](hearth_text** out, hearth_runtime* r) { return hearth_inspect_fd(out, r, fd); });
}

py::str inspect_memory(const Runtime& runtime, const py::buffer& data) {
    const py::buffer_info bytes = data.request();
    return inspected(runtime, [&](hearth_text** out, hearth_runtime* r) {
        return hearth_inspect_memory(out, r, bytes.ptr, static_cast<std::size_t>(bytes.size * bytes.itemsize));
    });
}

py::str inspect_reader(const Runtime& runtime, std::uint64_t size, const py::object& read) {
    return with_reader(size, read, [&](const hearth_reader* reader) {
        return inspected(runtime, [&](hearth_text** out, hearth_runtime* r) { return hearth_inspect_reader(out, r, reader); });
    });
}

py::str inspect(const Model& self) {
    const auto model = self.get();
    hearth_text* text = nullptr;
    check(hearth_model_inspect(&text, model.get()));
    return take(text);
}

py::bytes digest(const Model& self) {
    const auto model = self.get();
    std::uint8_t bytes[16] = {};
    run([&] { return hearth_model_digest(bytes, model.get()); }, nullptr);
    return py::bytes(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

py::str metadata(const Model& self, const std::string& key) {
    const auto model = self.get();
    hearth_text* text = nullptr;
    check(hearth_model_metadata(&text, model.get(), key.c_str()));
    return take(text);
}

hearth_embedding_info info_of(const hearth_model* model) {
    hearth_embedding_info info{};
    info.struct_size = sizeof info;
    check(hearth_model_embedding_info(&info, model));
    return info;
}

py::dict embedding_info(const Model& self) {
    const auto model = self.get();
    const hearth_embedding_info info = info_of(model.get());
    py::dict out;
    out["pooling"] = info.pooling;
    out["width"] = info.width;
    out["token_width"] = info.token_width;
    out["scores"] = info.scores;
    out["generates"] = info.generates != 0;
    out["context"] = info.context;
    return out;
}

py::str score_label(const Model& self, std::uint32_t i) {
    const auto model = self.get();
    hearth_text* text = nullptr;
    check(hearth_model_score_label(&text, model.get(), i));
    return take(text);
}

using Floats = py::array_t<float, py::array::c_style>;
using EmbedCall = std::function<hearth_status(float*, std::size_t, std::size_t*, const hearth_embed_options*)>;

// Vectors go straight into NumPy's memory: a flat array, float32. `guess` is how many there are as a rule: to ask for their
// number is to make tokens of all texts once more.
Floats embedded(std::size_t guess, std::uint32_t pooling, std::uint32_t flags, std::uint32_t dimensions, std::uint32_t pass_tokens,
                const py::object& progress, const EmbedCall& call) {
    Progress state;
    state.callable = progress;
    hearth_embed_options options;
    check(hearth_embed_options_init(&options, sizeof options));
    options.pooling = pooling;
    options.flags = flags;
    options.dimensions = dimensions;
    options.pass_tokens = pass_tokens;
    options.progress = &Progress::tell;
    options.progress_user = &state;
    const auto fill = [&](Floats& out, std::size_t& needed) {
        const auto capacity = static_cast<std::size_t>(out.size());
        float* const data = capacity == 0 ? nullptr : out.mutable_data();
        return run_expecting(HEARTH_EBUFS, [&] { return call(data, capacity, &needed, &options); }, nullptr, &state);
    };
    Floats out(static_cast<py::ssize_t>(guess));
    std::size_t needed = 0;
    const hearth_status first = fill(out, needed);
    if (needed == guess) return out;
    Floats exact(static_cast<py::ssize_t>(needed));
    if (first == HEARTH_EBUFS) {
        fill(exact, needed);
    } else {
        std::copy_n(out.data(), needed, exact.mutable_data());
    }
    return exact;
}

std::size_t width_of(const hearth_model* model, std::uint32_t pooling, std::uint32_t dimensions) {
    const hearth_embedding_info info = info_of(model);
    if (pooling == HEARTH_POOLING_DEFAULT) pooling = info.pooling;
    if (pooling == HEARTH_POOLING_NONE) return 0;  // as many as there are tokens
    if (pooling == HEARTH_POOLING_RANK) return info.scores;
    return dimensions != 0 ? dimensions : info.width;
}

Floats embed_texts(const Model& self, const std::vector<std::string>& texts, std::uint32_t pooling, std::uint32_t flags,
                   std::uint32_t dimensions, std::uint32_t pass_tokens, const py::object& progress) {
    const auto model = self.get();
    const Texts list(texts);
    const std::size_t guess = texts.size() * width_of(model.get(), pooling, dimensions);
    return embedded(guess, pooling, flags, dimensions, pass_tokens, progress,
                    [&](float* out, std::size_t capacity, std::size_t* needed, const hearth_embed_options* options) {
                        return hearth_model_embed_texts(out, capacity, needed, model.get(), list.data.data(),
                                                        list.lengths.data(), texts.size(), options);
                    });
}

Floats embed_tokens(const Model& self, const std::vector<std::vector<hearth_token>>& tokens, std::uint32_t pooling,
                    std::uint32_t flags, std::uint32_t dimensions, std::uint32_t pass_tokens, const py::object& progress) {
    const auto model = self.get();
    std::vector<const hearth_token*> data;
    std::vector<std::size_t> lengths;
    for (const auto& sequence : tokens) {
        data.push_back(sequence.data());
        lengths.push_back(sequence.size());
    }
    const std::size_t guess = tokens.size() * width_of(model.get(), pooling, dimensions);
    return embedded(guess, pooling, flags, dimensions, pass_tokens, progress,
                    [&](float* out, std::size_t capacity, std::size_t* needed, const hearth_embed_options* options) {
                        return hearth_model_embed(out, capacity, needed, model.get(), data.data(), lengths.data(),
                                                  tokens.size(), options);
                    });
}

Floats rerank(const Model& self, const std::string& query, const std::vector<std::string>& documents, std::uint32_t flags,
              std::uint32_t pass_tokens, const py::object& progress) {
    const auto model = self.get();
    const Texts list(documents);
    return embedded(documents.size(), 0, flags, 0, pass_tokens, progress,
                    [&](float* out, std::size_t capacity, std::size_t* needed, const hearth_embed_options* options) {
                        return hearth_model_rerank(out, capacity, needed, model.get(), query.data(), query.size(),
                                                   list.data.data(), list.lengths.data(), documents.size(), options);
                    });
}

void steer_train(const Model& self, const std::vector<std::vector<hearth_token>>& positive,
                 const std::vector<std::vector<hearth_token>>& negative, const std::string& path, std::uint32_t method,
                 const py::object& progress) {
    const auto model = self.get();
    if (positive.size() != negative.size()) throw Failure{HEARTH_EINVAL, "there are not as many negative prompts as positive ones"};
    std::vector<const hearth_token*> data[2];
    std::vector<std::size_t> lengths[2];
    for (int side = 0; side < 2; ++side) {
        for (const auto& sequence : side == 0 ? positive : negative) {
            data[side].push_back(sequence.data());
            lengths[side].push_back(sequence.size());
        }
    }
    Progress state;
    state.callable = progress;
    hearth_steer_options options;
    check(hearth_steer_options_init(&options, sizeof options));
    options.method = method;
    options.progress = &Progress::tell;
    options.progress_user = &state;
    run(
        [&] {
            return hearth_steer_train(model.get(), data[0].data(), lengths[0].data(), data[1].data(), lengths[1].data(),
                                      positive.size(), path.c_str(), &options);
        },
        nullptr, &state);
}

}  // namespace

void define_model(py::module_& m) {
    py::class_<Model>(m, "Model")
        .def_static("open_path", &open_path, py::arg("runtime"), py::arg("path"), py::arg("progress"), py::arg("flags"))
        .def_static("open_fd", &open_fd, py::arg("runtime"), py::arg("fd"), py::arg("progress"), py::arg("flags"))
        .def_static("open_memory", &open_memory, py::arg("runtime"), py::arg("data"), py::arg("progress"), py::arg("flags"))
        .def_static("open_reader", &open_reader, py::arg("runtime"), py::arg("size"), py::arg("read"), py::arg("progress"), py::arg("flags"))
        .def("close", [](Model& self) { self.handle.close(); })
        .def_property_readonly("closed", [](const Model& self) { return self.handle.closed(); })
        .def_property_readonly("vocab_size", [](const Model& self) { return hearth_model_vocab_size(self.get().get()); })
        .def_property_readonly("context_length", [](const Model& self) { return hearth_model_context_length(self.get().get()); })
        .def_property_readonly("weight_bytes", [](const Model& self) { return hearth_model_weight_bytes(self.get().get()); })
        .def_property_readonly("decode_bytes", [](const Model& self) { return hearth_model_decode_bytes(self.get().get()); })
        .def("inspect", &inspect)
        .def("digest", &digest)
        .def("metadata", &metadata, py::arg("key"))
        .def("embedding_info", &embedding_info)
        .def("score_label", &score_label, py::arg("index"))
        .def("embed_texts", &embed_texts, py::arg("texts"), py::arg("pooling"), py::arg("flags"), py::arg("dimensions"),
             py::arg("pass_tokens"), py::arg("progress"))
        .def("embed_tokens", &embed_tokens, py::arg("tokens"), py::arg("pooling"), py::arg("flags"), py::arg("dimensions"),
             py::arg("pass_tokens"), py::arg("progress"))
        .def("rerank", &rerank, py::arg("query"), py::arg("documents"), py::arg("flags"), py::arg("pass_tokens"),
             py::arg("progress"))
        .def("steer_train", &steer_train, py::arg("positive"), py::arg("negative"), py::arg("path"), py::arg("method"),
             py::arg("progress"));
    m.def("inspect_path", &inspect_path, py::arg("runtime"), py::arg("path"));
    m.def("inspect_fd", &inspect_fd, py::arg("runtime"), py::arg("fd"));
    m.def("inspect_memory", &inspect_memory, py::arg("runtime"), py::arg("data"));
    m.def("inspect_reader", &inspect_reader, py::arg("runtime"), py::arg("size"), py::arg("read"));
    m.def("pack", &pack, py::arg("runtime"), py::arg("path"), py::arg("packed_path"), py::arg("progress"));
}

}  // namespace hearth_py
