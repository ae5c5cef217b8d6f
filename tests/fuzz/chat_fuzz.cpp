// libFuzzer entry for turns of chat models (clang++ -fsanitize=fuzzer,address): the first byte chooses the dialect, the
// second the cuts, tools and whether reasoning is open; the rest is what a model wrote. tests/text runs mutations of
// turns in every build. Nothing is lost whatever the bytes, and no cut changes what is read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hearth/text/chat_parser.hpp"

namespace {

using namespace hearth;

void require(bool condition) {
    if (!condition) std::abort();
}

constexpr const char* kTools =
    R"([{"name": "f", "parameters": {"properties": {"s": {"type": "string"}, "n": {"type": "integer"}}}}])";

// What was read, in one text that the places of the cuts do not show in.
std::string read(const ChatParserOptions& options, std::string_view text, std::size_t step) {
    auto parser = ChatParser::create(options);
    require(parser.ok());
    std::string seen;
    ChatEvent::Kind last = ChatEvent::Kind::tool_end;
    std::size_t shown = 0;
    const auto drain = [&] {
        ChatEvent event;
        while (parser->next(event)) {
            if (event.kind != last || event.kind == ChatEvent::Kind::tool_end)
                seen += "\n#" + std::to_string(static_cast<int>(event.kind)) + event.name + event.id +
                        (event.complete ? "" : "!");
            last = event.kind;
            seen += event.text;
            if (event.kind == ChatEvent::Kind::content || event.kind == ChatEvent::Kind::reasoning)
                shown += event.text.size();
        }
    };
    for (std::size_t at = 0; at < text.size(); at += step) {
        parser->feed(text.substr(at, step));
        drain();
    }
    parser->finish();
    drain();
    require(parser->raw() == text);
    require(shown <= text.size());
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto dialects = ChatParser::dialects();
    ChatParserOptions options;
    options.dialect = dialects[data[0] % dialects.size()];
    options.reasoning_open = (data[1] & 1) != 0;
    if ((data[1] & 2) != 0) options.tools = kTools;
    if ((data[1] & 4) != 0) options.control = {"</s>"};
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string whole = read(options, text, text.size() + 1);
    require(read(options, text, 1) == whole);
    require(read(options, text, std::size_t{2} + data[1] / 8) == whole);
    return 0;
}
