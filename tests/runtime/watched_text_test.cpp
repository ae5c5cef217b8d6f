#include "hearth/runtime/watched_text.hpp"

#include <doctest/doctest.h>

#include "hearth/base/rng.hpp"

using namespace hearth;

namespace {

struct Given {
    std::string text;
    int stop = -1;
};
// In pieces of `size` bytes.
Given watch(std::vector<std::string> stops, const std::string& text, std::size_t size) {
    StopTexts watcher(std::move(stops));
    Given g;
    for (std::size_t at = 0; at < text.size() && g.stop < 0; at += size)
        g.stop = watcher.push(text.substr(at, size), g.text);
    if (g.stop < 0) g.text += watcher.flush();
    return g;
}

}  // namespace

TEST_CASE("stop texts: end the text before them however it is cut, and never show a part of themselves") {
    for (std::size_t size = 1; size < 30; ++size) {
        CAPTURE(size);
        Given g = watch({"STOP"}, "one STO two STOP three", size);
        CHECK(g.text == "one STO two ");
        CHECK(g.stop == 0);
        g = watch({"</s>", "\n\n"}, "a\nb</\n\nc</s>", size);
        CHECK(g.text == "a\nb</");
        CHECK(g.stop == 1);
        g = watch({"aab"}, "xaaab", size);
        CHECK(g.text == "xa");
        CHECK(g.stop == 0);
        g = watch({"end"}, "not the en", size);
        CHECK(g.text == "not the en");
        CHECK(g.stop == -1);
    }
    // What comes is never taken back.
    StopTexts watcher({"abc", "bcd"});
    std::string out;
    CHECK(watcher.push("xab", out) == -1);
    CHECK(out == "x");
    CHECK(watcher.push("c", out) == 0);
    CHECK(out == "x");
}

TEST_CASE("stop texts: agree with a search of the whole text") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::string text;
        for (std::uint64_t i = 0; i < 30; ++i) text += "ab"[uniform_draw(seed, i) < 0.5 ? 0 : 1];
        const std::string stop = text.substr(static_cast<std::size_t>(uniform_draw(seed, 100) * 20), 1 + seed % 6);
        const Given g = watch({stop}, text, 1 + seed % 4);
        CHECK(g.stop == 0);
        CHECK(g.text == text.substr(0, text.find(stop)));
    }
}
