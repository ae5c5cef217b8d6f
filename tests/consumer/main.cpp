// An app in C++20 over the C ABI; linked statically it may use the floors' C++ headers too.
#include <hearth.h>

#include <iostream>
#include <memory>
#include <string>

#ifdef CONSUMER_STATIC
#include <hearth/base/cpu.hpp>
#include <hearth/codecs/codec.hpp>
#endif

namespace {
struct Free {
    void operator()(hearth_runtime* r) const { hearth_runtime_free(r); }
    void operator()(hearth_text* t) const { hearth_text_free(t); }
};
}  // namespace

int main(int argc, char** argv) {
    hearth_runtime* raw = nullptr;
    if (hearth_runtime_new(&raw, nullptr) != HEARTH_OK) return 1;
    const std::unique_ptr<hearth_runtime, Free> runtime(raw);
    for (int i = 1; i < argc; ++i) {
        hearth_text* text = nullptr;
        if (hearth_inspect_path(&text, runtime.get(), argv[i]) != HEARTH_OK) {
            std::cerr << hearth_last_error() << "\n";
            return 1;
        }
        const std::unique_ptr<hearth_text, Free> holder(text);
        const std::string json = hearth_text_data(text, nullptr);
        if (json.find("\"architecture\"") == std::string::npos) return 1;
        std::cout << json << "\n";
    }
#ifdef CONSUMER_STATIC
    if (hearth::isa_list().empty() || !hearth::isa_by_name("scalar").ok()) return 1;
#endif
    return hearth_isa_count() > 0 ? 0 : 1;
}
