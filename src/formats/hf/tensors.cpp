#include "formats/hf/tensors.hpp"

#include <algorithm>

#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec.hpp"

namespace hearth::formats {

namespace {

class Placer {
public:
    Placer(const Safetensors& files, const HfConfig& config, std::vector<HfTensor>& out)
        : files_(files), config_(config), out_(out) {}

    Status all() {
        for (const StoredTensor& t : files_.tensors()) HEARTH_TRY(one(t));
        for (const HfFactors& f : config_.factors)
            add(f.name, {f.values.size()}, made_rows(f.values));
        std::ranges::sort(out_, {}, [](const HfTensor& t) -> const std::string& { return t.info.name; });
        const auto same = [](const HfTensor& a, const HfTensor& b) { return a.info.name == b.info.name; };
        const auto twice = std::ranges::adjacent_find(out_, same);
        if (twice == out_.end()) return {};
        return {Code::malformed, cat("tensor ", quote(twice->info.name), " occurs twice, under two names of the folder")};
    }

private:
    Status one(const StoredTensor& t) {
        const std::size_t dot = t.name.rfind('.');
        const std::string_view module = std::string_view(t.name).substr(0, dot == std::string::npos ? 0 : dot),
                               parameter = std::string_view(t.name).substr(dot == std::string::npos ? 0 : dot + 1);
        const auto place = place_of(config_.family, module);
        if (!place || (place->role != HfRole::ignored && parameter != "weight" && parameter != "bias"))
            return {Code::unsupported, cat("tensor ", quote(t.name), " ", shape_text(t), " has no place in a ", config_.family.name)};
        if (place->role == HfRole::ignored || (config_.tied && place->name == "output")) return {};
        if (t.shape.empty() || t.shape.size() > 4 || t.bytes == 0)
            return {Code::malformed, cat("tensor ", quote(t.name), " has the shape ", shape_text(t), ", expected 1 to 4 dimensions with entries")};
        const bool vector = t.shape.size() == 1;
        const bool permuted = config_.family.rotation == HfRotation::interleave && (place->role == HfRole::query || place->role == HfRole::key);
        // Rows that are permuted have one value each in a vector.
        HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, vector && permuted ? 1 : t.shape.back()));
        if (permuted) {
            const std::uint64_t heads = place->role == HfRole::query ? config_.heads : config_.kv_heads;
            if (heads == 0 || rows->count() % (2 * heads) != 0)
                return {Code::malformed, cat("tensor ", quote(t.name), " has ", rows->count(), " rows, expected an even number for each of ", heads, " heads")};
            rows = interleaved_rows(std::move(rows), heads);
        }
        add(cat(place->name, ".", parameter), t.shape, std::move(rows));
        return {};
    }

    // shape: row-major
    void add(std::string name, std::vector<std::uint64_t> shape, RowsPtr rows) {
        HfTensor t;
        t.info.name = std::move(name);
        t.info.type = rows->type();
        t.info.dims = static_cast<std::uint32_t>(shape.size());
        std::ranges::reverse_copy(shape, t.info.shape.begin());
        t.info.bytes = rows->bytes();
        t.rows = std::move(rows);
        out_.push_back(std::move(t));
    }

    const Safetensors& files_;
    const HfConfig& config_;
    std::vector<HfTensor>& out_;
};

}  // namespace

Status place_tensors(const Safetensors& files, const HfConfig& config, std::vector<HfTensor>& out) {
    return Placer(files, config, out).all();
}

}  // namespace hearth::formats
