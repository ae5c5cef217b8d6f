// Messages for the host's log. There is no global logger: whoever may speak holds a Logger by reference.
#pragma once

#include <string_view>

namespace hearth {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };

// Thread class: the host's function is called from any thread, one call at a time is not promised.
struct Logger {
    using Fn = void (*)(int level, const char* text, std::size_t length, void* user);
    Fn fn = nullptr;
    void* user = nullptr;

    void operator()(LogLevel level, std::string_view text) const {
        if (fn) fn(static_cast<int>(level), text.data(), text.size(), user);
    }
};

}  // namespace hearth
