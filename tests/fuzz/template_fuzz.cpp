// libFuzzer entry for chat templates (clang++ -fsanitize=fuzzer,address): the bytes up to the first zero are a
// template, those behind it its input. tests/text runs mutations of templates in every build. Any bytes either give a
// text or a Status with a sentence, within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hearth/text/chat_template.hpp"

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hearth;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t zero = all.find('\0');
    const auto compiled = ChatTemplate::compile(all.substr(0, zero));
    if (!compiled.ok()) {
        require(!compiled.status().message().empty());
        return 0;
    }
    TemplateLimits limits;
    limits.steps = 200'000;
    limits.memory_bytes = limits.output_bytes = 8u << 20;
    const std::string_view input = zero == std::string_view::npos ? std::string_view("{}") : all.substr(zero + 1);
    const auto text = compiled->render(input, {}, limits);
    require(text.ok() ? text->size() <= limits.output_bytes : !text.status().message().empty());
    return 0;
}
