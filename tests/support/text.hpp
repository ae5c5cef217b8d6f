// Helpers of the tests of text: tokenizers from files and from small hand-made vocabularies, random Unicode text.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "hearth/base/utf8.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth::test {

inline std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
    auto file = Gguf::open_path(path.string());
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    auto tokenizer = Tokenizer::make((*file)->metadata());
    REQUIRE_MESSAGE(tokenizer.ok(), tokenizer.status().message());
    return *std::move(tokenizer);
}

// A mixture of scripts, digits, punctuation, white space of all kinds, combining marks, emoji and contractions.
inline std::string random_text(std::mt19937& random, std::size_t length) {
    static constexpr struct {
        std::uint32_t first, last;
    } ranges[] = {{'a', 'z'},       {'a', 'z'},         {'A', 'Z'},         {'0', '9'},         {' ', ' '},
                  {' ', ' '},       {' ', '~'},         {'\t', '\r'},       {0xa0, 0xff},       {0x370, 0x3ff},
                  {0x400, 0x4ff},   {0x5d0, 0x5ea},     {0x600, 0x6ff},     {0x900, 0x97f},     {0xe00, 0xe3a},
                  {0x1100, 0x11ff}, {0x2000, 0x206f},   {0x2150, 0x218b},   {0x2190, 0x21ff},   {0x3000, 0x30ff},
                  {0x4e00, 0x9fa5}, {0xac00, 0xd7a3},   {0x300, 0x36f},     {0x1f300, 0x1f64f}, {0x1f1e6, 0x1f1ff},
                  {0xe000, 0xe0ff}, {0x10000, 0x100ff}, {0x1d400, 0x1d7ff}, {0x200b, 0x200d},   {0xfe00, 0xfe0f}};
    static constexpr const char* words[] = {" the",   " and",     "'s",           "'LL",      "'Re",          "\r\n",
                                            "\n\n",   "    ",     " 12345",       "...",      "\xe2\x80\x8d", "//",
                                            " don't", "\xc2\x85", "\xe2\x80\xa8", "'\xc5\xbf"};
    std::string out;
    for (std::size_t i = 0; i < length; ++i) {
        if (random() % 4 == 0) {
            out += words[random() % std::size(words)];
            continue;
        }
        const auto& r = ranges[random() % std::size(ranges)];
        const std::size_t run = 1 + random() % 4;
        for (std::size_t k = 0; k < run; ++k)
            utf8_append(out, r.first + static_cast<std::uint32_t>(random() % (r.last - r.first + 1)));
    }
    return out;
}

}  // namespace hearth::test
