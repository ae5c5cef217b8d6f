// Weights of a model as named arrays, and folders made of them.
#pragma once

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "capi/support.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/formats/gguf.hpp"

namespace hearth::test {

struct Array {
    std::vector<std::size_t> shape;  // row-major
    std::vector<float> values;
    std::string type = "F32";  // of safetensors; or I32 or I64
};
using Arrays = std::map<std::string, Array>;

inline Arrays arrays_of(const std::filesystem::path& path) {
    auto source = open_path(path);
    REQUIRE(source.ok());
    const auto file = Gguf::open(*std::move(source));
    REQUIRE(file.ok());
    Arrays out;
    for (const TensorInfo& t : (*file)->tensors()) {
        Array a;
        for (std::uint32_t d = t.dims; d-- != 0;) a.shape.push_back(t.shape[d]);
        std::vector<std::byte> stored(t.bytes);
        REQUIRE((*file)->read(t, 0, stored).ok());
        a.values.resize(t.elements());
        const Codec& codec = *find_codec(t.type);
        codec.decode(stored.data(), a.values.size() / codec.block_values, a.values.data());
        if (codec.name == std::string_view("I32")) a.type = "I32";
        out[t.name] = std::move(a);
    }
    return out;
}

// Reorders rows [count, width] by heads: row of halves h * n + i was 2 i + h.
inline void to_halves(Array& a, std::size_t heads) {
    const std::size_t rows = a.shape[0], width = a.values.size() / rows, half = rows / heads / 2;
    Array out = a;
    for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t head = r / (2 * half), within = r % (2 * half);
        const std::size_t from = head * 2 * half + within % half * 2 + within / half;
        std::copy_n(a.values.begin() + static_cast<std::ptrdiff_t>(from * width), width, out.values.begin() + static_cast<std::ptrdiff_t>(r * width));
    }
    a = std::move(out);
}

inline void transpose_last(Array& a) {
    const std::size_t n = a.shape.size(), rows = a.shape[n - 2], columns = a.shape[n - 1];
    const std::vector<float> from = a.values;
    for (std::size_t m = 0; m < from.size() / (rows * columns); ++m)
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < columns; ++c) a.values[(m * columns + c) * rows + r] = from[(m * rows + r) * columns + c];
    std::swap(a.shape[n - 2], a.shape[n - 1]);
}

inline void put_number(std::string& text, const std::string& hole, const std::string& number) {
    if (const auto at = text.find(hole); at != std::string::npos) text.replace(at, hole.size(), number);
}

inline void write_safetensors(const std::filesystem::path& path, const Arrays& arrays) {
    std::filesystem::create_directories(path.parent_path());
    nlohmann::json header;
    std::size_t at = 0;
    for (const auto& [name, a] : arrays) {
        const std::size_t bytes = (a.type == "I64" ? 8 : 4) * a.values.size();
        header[name] = {{"dtype", a.type}, {"shape", a.shape}, {"data_offsets", {at, at + bytes}}};
        at += bytes;
    }
    const std::string text = header.dump();
    std::ofstream out(path, std::ios::binary);
    const std::uint64_t size = text.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out << text;
    const auto write = [&](const auto& values) {
        out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(sizeof values[0] * values.size()));
    };
    for (const auto& [name, a] : arrays) {
        if (a.type == "I64")
            write(std::vector<std::int64_t>(a.values.begin(), a.values.end()));
        else if (a.type == "I32")
            write(std::vector<std::int32_t>(a.values.begin(), a.values.end()));
        else
            write(a.values);
    }
}

inline void write_folder(const std::filesystem::path& folder, const nlohmann::json& config, const Arrays& arrays) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "config.json") << config.dump();
    // Of any vocabulary: this is about the model.
    std::filesystem::copy_file(golden("hf/qwen3/tokenizer.json"), folder / "tokenizer.json", std::filesystem::copy_options::overwrite_existing);
    write_safetensors(folder / "model.safetensors", arrays);
}

}  // namespace hearth::test
