// hello_cpp MODEL.gguf [PROMPT]: answers a prompt through hearth.h, with C++ handles that free themselves.
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hearth.h"

namespace {

// unique_ptr for each kind of object: Handle<hearth_model, hearth_model_free>.
template <class T, void (*free_)(T*)>
struct Free {
    void operator()(T* object) const { free_(object); }
};
template <class T, void (*free_)(T*)>
using Handle = std::unique_ptr<T, Free<T, free_>>;

void check(hearth_status status) {
    if (status != HEARTH_OK) throw std::runtime_error(hearth_last_error());
}

// make<T, free>(create, arguments…): calls create(&object, arguments…) and owns the object.
template <class T, void (*free_)(T*), class Create, class... Arguments>
Handle<T, free_> make(Create create, Arguments... arguments) {
    T* object = nullptr;
    check(create(&object, arguments...));
    return Handle<T, free_>(object);
}

void run(const char* path, const std::string& prompt) {
    const auto runtime = make<hearth_runtime, hearth_runtime_free>(hearth_runtime_new, nullptr);
    const auto model = make<hearth_model, hearth_model_free>(hearth_model_open_path, runtime.get(), path, nullptr);
    const auto session = make<hearth_session, hearth_session_free>(hearth_session_new, model.get(), nullptr);
    const auto generator = make<hearth_generator, hearth_generator_free>(hearth_generator_new, model.get());
    check(hearth_session_append_text(session.get(), prompt.data(), prompt.size(), 0));

    hearth_generate_options options;
    check(hearth_generate_options_init(&options, sizeof options));
    options.max_tokens = 100;
    check(hearth_generator_submit(generator.get(), session.get(), nullptr, &options));  // no sampling: greedy
    while (hearth_generator_step(generator.get()) == HEARTH_OK) {
        hearth_event event{};
        event.struct_size = sizeof event;
        while (hearth_generator_next_event(&event, generator.get()) == HEARTH_OK) {
            std::cout << std::string_view(event.text, event.text_length) << std::flush;
            if (event.kind == HEARTH_EVENT_FINISH && event.reason == HEARTH_FINISH_ERROR)
                throw std::runtime_error(event.message);
        }
    }
    std::cout << '\n' << std::flush;
    if (!std::cout) throw std::runtime_error("cannot write the answer");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::cerr << "usage: " << argv[0] << " MODEL.gguf [PROMPT]\n";
        return 2;
    }
    try {
        run(argv[1], argc > 2 ? argv[2] : "Once upon a time");
        return 0;
    } catch (const std::exception& error) {
        std::cerr << argv[0] << ": " << error.what() << '\n';
        return 1;
    }
}
