#include "handles.hpp"

namespace hearth_py {

namespace {

using Tokens = std::vector<hearth_token>;

struct Decoder {
    Handle<hearth_decoder, hearth_decoder_free> handle;
};

Tokenizer open_path(const std::string& path) {
    hearth_tokenizer* made = nullptr;
    run([&] { return hearth_tokenizer_open_path(&made, path.c_str()); }, nullptr);
    return Tokenizer{Handle<hearth_tokenizer, hearth_tokenizer_free>(made)};
}

Tokenizer of_model(const Model& model) {
    hearth_tokenizer* made = nullptr;
    check(hearth_tokenizer_of_model(&made, model.get().get()));
    return Tokenizer{Handle<hearth_tokenizer, hearth_tokenizer_free>(made)};
}

Tokens encode(const Tokenizer& self, std::string_view text, std::uint32_t flags) {
    const auto tokenizer = self.get();
    Tokens out(text.size() + 16);
    std::size_t needed = 0;
    const auto call = [&] {
        return hearth_tokenizer_encode(out.data(), out.size(), &needed, tokenizer.get(), text.data(), text.size(), flags);
    };
    hearth_status status;
    {
        const Unlocked unlocked;
        status = call();
        if (status == HEARTH_EBUFS) {
            out.resize(needed);
            status = call();
        }
    }
    check(status);
    out.resize(needed);
    return out;
}

py::str decode(const Tokenizer& self, const Tokens& tokens, bool special) {
    const auto tokenizer = self.get();
    const auto text = filled<char>([&](char* out, std::size_t capacity, std::size_t* needed) {
        return hearth_tokenizer_decode(out, capacity, needed, tokenizer.get(), tokens.data(), tokens.size(), special);
    });
    return text_of(text.data(), text.size());
}

py::bytes piece(const Tokenizer& self, hearth_token token, bool special) {
    const auto tokenizer = self.get();
    const auto bytes = filled<char>([&](char* out, std::size_t capacity, std::size_t* needed) {
        return hearth_tokenizer_piece(out, capacity, needed, tokenizer.get(), token, special);
    });
    return py::bytes(bytes.data(), bytes.size());
}

Decoder make_decoder(const Tokenizer& tokenizer, bool special) {
    hearth_decoder* made = nullptr;
    check(hearth_decoder_new(&made, tokenizer.get().get(), special));
    return Decoder{Handle<hearth_decoder, hearth_decoder_free>(made)};
}

py::str push(const Decoder& self, hearth_token token) {
    const char* text = nullptr;
    std::size_t length = 0;
    check(hearth_decoder_push(&text, &length, self.handle.get("decoder").get(), token));
    return text_of(text, length);
}

py::str flush(const Decoder& self) {
    const char* text = nullptr;
    std::size_t length = 0;
    check(hearth_decoder_flush(&text, &length, self.handle.get("decoder").get()));
    return text_of(text, length);
}

py::str chat_template(const Tokenizer& self, const std::string& name) {
    hearth_text* text = nullptr;
    check(hearth_chat_template(&text, self.get().get(), name.c_str()));
    return take(text);
}

py::str chat_render(const Tokenizer& self, const std::optional<std::string>& source, const std::string& input) {
    const auto tokenizer = self.get();
    hearth_text* text = nullptr;
    run(
        [&] {
            return hearth_chat_render(&text, tokenizer.get(), source ? source->data() : nullptr, source ? source->size() : 0,
                                      input.data(), input.size());
        },
        nullptr);
    return take(text);
}

Tokens chat_tokens(const Tokenizer& self, const std::optional<std::string>& source, const std::string& input,
                   std::uint32_t flags) {
    const auto tokenizer = self.get();
    // Large enough for nearly all: a second call would render a second time.
    Tokens out(input.size() + (source ? source->size() : 0) + 4096);
    std::size_t needed = 0;
    const auto call = [&] {
        return hearth_chat_tokens(out.data(), out.size(), &needed, tokenizer.get(), source ? source->data() : nullptr,
                                  source ? source->size() : 0, input.data(), input.size(), flags);
    };
    if (run_expecting(HEARTH_EBUFS, call, nullptr) == HEARTH_EBUFS) {
        out.resize(needed);
        run(call, nullptr);
    }
    out.resize(needed);
    return out;
}

}  // namespace

void define_tokenizer(py::module_& m) {
    py::class_<Tokenizer>(m, "Tokenizer")
        .def_static("open_path", &open_path, py::arg("path"))
        .def_static("of_model", &of_model, py::arg("model"))
        .def("close", [](Tokenizer& self) { self.handle.close(); })
        .def_property_readonly("size", [](const Tokenizer& self) { return hearth_tokenizer_size(self.get().get()); })
        .def("encode", &encode, py::arg("text"), py::arg("flags"))
        .def("decode", &decode, py::arg("tokens"), py::arg("special"))
        .def("piece", &piece, py::arg("token"), py::arg("special"))
        .def("special", [](const Tokenizer& self, std::uint32_t which) { return hearth_tokenizer_special(self.get().get(), which); },
             py::arg("which"))
        .def("find",
             [](const Tokenizer& self, std::string_view text) {
                 return hearth_tokenizer_find(self.get().get(), text.data(), text.size());
             },
             py::arg("text"))
        .def("ends_generation",
             [](const Tokenizer& self, hearth_token token) { return hearth_tokenizer_ends_generation(self.get().get(), token); },
             py::arg("token"))
        .def("chat_template", &chat_template, py::arg("name"))
        .def("chat_render", &chat_render, py::arg("source"), py::arg("input"))
        .def("chat_tokens", &chat_tokens, py::arg("source"), py::arg("input"), py::arg("flags"));
    py::class_<Decoder>(m, "Decoder")
        .def(py::init(&make_decoder), py::arg("tokenizer"), py::arg("special"))
        .def("push", &push, py::arg("token"))
        .def("flush", &flush);
}

}  // namespace hearth_py
