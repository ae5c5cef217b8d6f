#include "handles.hpp"

namespace hearth_py {

namespace {

struct Parser {
    Handle<hearth_chat_parser, hearth_chat_parser_free> handle;
    std::shared_ptr<hearth_chat_parser> get() const { return handle.get("chat parser"); }
};

Parser make(const Tokenizer& tokenizer, const std::string& dialect, const std::optional<std::string>& source,
            const std::optional<std::string>& tools, const std::vector<hearth_token>& prompt, std::uint32_t flags) {
    hearth_chat_parser_options options;
    check(hearth_chat_parser_options_init(&options, sizeof options));
    options.flags = flags;
    options.dialect = dialect.c_str();
    if (source) {
        options.source = source->data();
        options.source_length = source->size();
    }
    if (tools) {
        options.tools = tools->data();
        options.tools_length = tools->size();
    }
    if (!prompt.empty()) {
        options.prompt_tokens = prompt.data();
        options.prompt_token_count = prompt.size();
    }
    hearth_chat_parser* made = nullptr;
    check(hearth_chat_parser_new(&made, tokenizer.get().get(), &options));
    return Parser{Handle<hearth_chat_parser, hearth_chat_parser_free>(made)};
}

// (kind, index, complete, text, name, id) of each event that waits.
py::list events(const Parser& self) {
    const auto parser = self.get();
    py::list out;
    while (true) {
        hearth_chat_event event{};
        event.struct_size = sizeof event;
        const hearth_status next = hearth_chat_parser_next_event(&event, parser.get());
        if (next == HEARTH_EAGAIN) return out;
        check(next);
        out.append(py::make_tuple(event.kind, event.index, event.complete != 0, text_of(event.text, event.text_length),
                                  text_of(event.name, event.name_length), text_of(event.id, event.id_length)));
    }
}

py::str message(const Parser& self) {
    hearth_text* text = nullptr;
    check(hearth_chat_parser_message(&text, self.get().get()));
    return take(text);
}

py::str raw(const Parser& self) {
    const auto parser = self.get();
    std::size_t length = 0;
    const char* const text = hearth_chat_parser_raw(parser.get(), &length);
    return text_of(text, length);
}

}  // namespace

void define_chat(py::module_& m) {
    py::class_<Parser>(m, "ChatParser")
        .def(py::init(&make), py::arg("tokenizer"), py::arg("dialect"), py::arg("source"), py::arg("tools"), py::arg("prompt"),
             py::arg("flags"))
        .def("feed", [](const Parser& self, std::string_view text) { check(hearth_chat_parser_feed(self.get().get(), text.data(), text.size())); },
             py::arg("text"))
        .def("finish", [](const Parser& self) { check(hearth_chat_parser_finish(self.get().get())); })
        .def("events", &events)
        .def("message", &message)
        .def_property_readonly("raw", &raw)
        .def_property_readonly("dialect", [](const Parser& self) { return hearth_chat_parser_dialect(self.get().get()); });
    m.def("chat_dialects", [] {
        py::list out;
        for (std::size_t i = 0; const char* const name = hearth_chat_dialect(i); ++i) out.append(name);
        return out;
    });
    m.def("chat_detect", [](std::string_view source) { return hearth_chat_detect(source.data(), source.size()); }, py::arg("source"));
}

}  // namespace hearth_py
