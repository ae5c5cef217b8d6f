#include "handles.hpp"

namespace hearth_py {

namespace {

Sampling make() {
    hearth_sampling* made = nullptr;
    check(hearth_sampling_new(&made));
    return Sampling{Handle<hearth_sampling, hearth_sampling_free>(made)};
}

double value_of(const Sampling& self, const std::string& key) {
    double value = 0;
    check(hearth_sampling_get(&value, self.get().get(), key.c_str()));
    return value;
}

void set_list(const Sampling& self, const std::string& key, const std::vector<std::string>& texts) {
    const Texts list(texts);
    check(hearth_sampling_set_list(self.get().get(), key.c_str(), list.data.data(), list.lengths.data(), texts.size()));
}

using SetText = hearth_status (*)(hearth_sampling*, const char*, std::size_t);

// Grammars are compiled, which may take a while.
template <SetText Set>
void set_text(const Sampling& self, std::string_view text) {
    const auto sampling = self.get();
    run([&] { return Set(sampling.get(), text.data(), text.size()); }, nullptr);
}

void set_choices(const Sampling& self, const std::vector<std::string>& texts) {
    const auto sampling = self.get();
    const Texts list(texts);
    run([&] { return hearth_sampling_set_choices(sampling.get(), list.data.data(), list.lengths.data(), texts.size()); }, nullptr);
}

void set_tool_choice(const Sampling& self, std::string_view tools, const std::optional<std::string>& name,
                     const std::optional<std::string>& dialect) {
    const auto sampling = self.get();
    run(
        [&] {
            return hearth_sampling_set_tool_choice(sampling.get(), tools.data(), tools.size(), name ? name->c_str() : nullptr,
                                                   dialect ? dialect->c_str() : nullptr);
        },
        nullptr);
}

py::list keys() {
    py::list out;
    double low = 0, high = 0, initial = 0;
    const char* doc = nullptr;
    for (std::size_t i = 0; const char* const key = hearth_sampling_key(i, &low, &high, &initial, &doc); ++i) {
        out.append(py::make_tuple(key, low, high, initial, doc));
    }
    return out;
}

template <const char* (*Next)(std::size_t, const char**)>
py::list named() {
    py::list out;
    const char* doc = nullptr;
    for (std::size_t i = 0; const char* const name = Next(i, &doc); ++i) out.append(py::make_tuple(name, doc));
    return out;
}

}  // namespace

void define_sampling(py::module_& m) {
    py::class_<Sampling>(m, "Sampling")
        .def(py::init(&make))
        .def("set",
             [](const Sampling& self, const std::string& key, double value) {
                 check(hearth_sampling_set(self.get().get(), key.c_str(), value));
             },
             py::arg("key"), py::arg("value"))
        .def("get", &value_of, py::arg("key"))
        .def("set_list", &set_list, py::arg("key"), py::arg("texts"))
        .def("set_bias",
             [](const Sampling& self, hearth_token token, double bias) {
                 check(hearth_sampling_set_bias(self.get().get(), token, bias));
             },
             py::arg("token"), py::arg("bias"))
        .def("set_schema", &set_text<hearth_sampling_set_schema>, py::arg("text"))
        .def("set_regex", &set_text<hearth_sampling_set_regex>, py::arg("text"))
        .def("set_gbnf", &set_text<hearth_sampling_set_gbnf>, py::arg("text"))
        .def("set_choices", &set_choices, py::arg("texts"))
        .def("set_tool_choice", &set_tool_choice, py::arg("tools"), py::arg("name"), py::arg("dialect"))
        .def("clear_constraint", [](const Sampling& self) { check(hearth_sampling_clear_constraint(self.get().get())); });
    m.def("sampling_keys", &keys);
    m.def("sampling_lists", &named<hearth_sampling_list_key>);
    m.def("samplers", &named<hearth_sampling_sampler>);
}

}  // namespace hearth_py
