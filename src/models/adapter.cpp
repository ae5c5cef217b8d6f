#include "hearth/models/adapter.hpp"

#include <algorithm>
#include <bit>
#include <map>

#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth {

namespace {

// A tensor whose values were brought to F32: of a type that float kernels do not read.
class Decoded final : public TensorSource {
public:
    static Result<Decoded> of(const TensorSource& source, const TensorInfo& info) {
        Decoded out;
        HEARTH_ASSIGN(out.values_, read_floats(source, info));
        out.info_ = info;
        out.info_.type = codec_id::F32;
        out.info_.bytes = out.values_.size() * sizeof(float);
        return out;
    }
    const TensorInfo& info() const { return info_; }
    std::span<const TensorInfo> tensors() const override { return {&info_, 1}; }
    const TensorInfo* find(std::string_view) const override { return nullptr; }
    std::span<const std::byte> view(const TensorInfo&) const override { return std::as_bytes(std::span(values_)); }
    bool maps() const override { return false; }
    Status read(const TensorInfo& info, std::uint64_t, std::span<std::byte>) const override {
        return {Code::internal, cat("tensor '", info.name, "' stands in memory and was read")};
    }
    using TensorSource::release;
    void release(const TensorInfo&, std::uint64_t, std::uint64_t) const override {}

private:
    TensorInfo info_;
    std::vector<float> values_;
};

bool is_float(const TensorInfo& info) {
    return info.type == codec_id::F32 || info.type == codec_id::F16 || info.type == codec_id::BF16;
}

std::uint64_t memory_bytes(TensorInfo info) {
    if (!is_float(info)) info.type = codec_id::F32;
    return Linear::memory_bytes(&info);
}

std::string shape(std::initializer_list<std::uint64_t> dims) {
    std::string out = "{";
    for (const std::uint64_t n : dims) out += cat(out.size() > 1 ? ", " : "", n);
    return out + "}";
}

// "blk.3." of "blk.3.attn_q.weight": what is multiplied together lies within.
std::string group(const std::string& name) {
    return name.starts_with("blk.") ? name.substr(0, name.find('.', 4) + 1) : name;
}

// Weights of adapters keep no panels of quantised types, which would round inputs that are exact here.
Result<Linear> load_factor(LoadContext& context, const TensorInfo& info, std::size_t split) {
    if (is_float(info)) return Linear::load(context, &info, nullptr, nullptr, split);
    HEARTH_ASSIGN(const Decoded floats, Decoded::of(context.source, info));
    LoadContext part{floats, context.memory, context.executor, context.log, context.arena};
    part.numbers_matrices = false;
    HEARTH_ASSIGN(Linear out, Linear::load(part, &floats.info(), nullptr, nullptr, split));
    context.matrices.push_back({&info, part.matrices.front().bytes, split});
    return out;
}

struct Place {
    const ModelMatrix* matrix = nullptr;
    std::uint32_t id = 0;
    bool rows = false;
};

Result<Place> place_of(std::span<const ModelMatrix> all, const LowRankTensors& change) {
    using Use = LoadContext::Matrix::Use;
    const auto find = [&](std::string_view name) {
        return static_cast<std::size_t>(std::ranges::find(all, name, &ModelMatrix::name) - all.begin());
    };
    std::size_t at = find(change.base);
    bool rows = at != all.size() && all[at].use == Use::rows;
    if (at == all.size() && change.base == "output.weight") {  // which is the embedding then
        at = find("token_embd.weight");
        rows = false;
    }
    if (at == all.size())
        return Status(Code::bad_state, cat("tensor '", change.a->name, "' changes '", change.base,
                                           "', and the model has no such matrix: the adapter is of another model"));
    if (all[at].use == Use::fixed)
        return Status(Code::unsupported, cat("tensor '", change.a->name, "' changes '", change.base,
                                             "', which adapters cannot change here"));
    return Place{&all[at], static_cast<std::uint32_t>(at), rows};
}

Status check_shapes(const LowRankTensors& change, const Place& place) {
    const auto& m = place.matrix->shape;
    const std::uint64_t stack = m[2] * m[3], rank = change.b->shape[0];
    const std::array<std::uint64_t, 4> a = place.rows ? std::array<std::uint64_t, 4>{rank, m[1], 1, 1}
                                                      : std::array<std::uint64_t, 4>{m[0], rank, stack, 1};
    const std::array<std::uint64_t, 4> b{rank, place.rows ? m[0] : m[1], stack, 1};
    if (rank == 0 || rank > kMostRank)
        return {Code::unsupported, cat("tensor '", change.b->name, "' has rank ", rank, ", expected 1 to ", kMostRank)};
    for (const auto& [info, expected] : {std::pair(change.a, a), std::pair(change.b, b)})
        if (info->shape != expected)
            return {Code::bad_state,
                    cat("tensor '", info->name, "' has shape ", shape_text(*info), ", expected ",
                        expected[2] == 1 ? shape({expected[0], expected[1]})
                                         : shape({expected[0], expected[1], expected[2]}),
                        " for '", place.matrix->name, "' ", shape({m[0], m[1], m[2]}), " of the model")};
    return {};
}

}  // namespace

Result<AdapterContent> load_low_rank(LoadContext& context, std::span<const ModelMatrix> matrices,
                                     std::span<const LowRankTensors> changes) {
    AdapterContent out;
    std::vector<Place> places;
    std::map<std::string, std::size_t> widths;  // of products that run together
    for (const LowRankTensors& change : changes) {
        HEARTH_ASSIGN(const Place place, place_of(matrices, change));
        HEARTH_TRY(check_shapes(change, place));
        places.push_back(place);
        out.rank = std::max<std::size_t>(out.rank, change.b->shape[0]);
        out.bytes += memory_bytes(*change.a) + memory_bytes(*change.b);
        if (!place.rows) widths[group(change.base)] += change.b->shape[0];
    }
    out.parts = places.size();
    context.numbers_matrices = false;
    HEARTH_TRY(context.memory->check(out.bytes, "the adapter"));
    HEARTH_TRY(context.arena->reserve(out.bytes, "the adapter"));
    auto adapter = std::make_shared<Adapter>(matrices.size());
    Hasher hash;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const LowRankTensors& change = changes[i];
        LowRank part;
        part.matrix = places[i].id;
        part.rows = places[i].rows;
        HEARTH_ASSIGN(part.a, load_factor(context, *change.a, 1));
        HEARTH_ASSIGN(part.b, load_factor(context, *change.b, places[i].matrix->split));
        part.scale = static_cast<float>(change.scale);
        hash.add(std::string_view(change.base));
        hash.add(std::uint64_t{std::bit_cast<std::uint32_t>(part.scale)});
        for (const TensorInfo* info : {change.a, change.b})
            for (const std::uint64_t n : info->shape) hash.add(n);
        for (const LoadContext::Matrix& m : std::span(context.matrices).last(2)) hash.add(m.bytes);
        adapter->add(std::move(part));
    }
    std::size_t width = 0;
    for (const auto& [name, sum] : widths) width = std::max(width, sum);
    adapter->set_width(width);
    out.digest = hash.digest();
    out.adapter = std::move(adapter);
    return out;
}

Result<AdapterContent> load_directions(LoadContext& context, const ModelInfo& info,
                                       std::span<const DirectionTensor> directions, std::size_t first,
                                       std::size_t last) {
    if (!info.one_stream)
        return Status(Code::unsupported,
                      cat("a model of architecture '", info.architecture,
                          "' has several residual streams, which no control vector can be added to"));
    AdapterContent out;
    auto adapter = std::make_shared<Adapter>(0);
    Hasher hash;
    for (const DirectionTensor& d : directions) {
        if (d.layer >= info.layers)
            return Status(Code::bad_state,
                          cat("tensor '", d.values->name,
                              "' is of a layer that the model does not have: its layers are 0 to ", info.layers - 1));
        if (d.values->shape != std::array<std::uint64_t, 4>{info.embedding, 1, 1, 1})
            return Status(Code::bad_state, cat("tensor '", d.values->name, "' has shape ", shape_text(*d.values),
                                               ", expected {", info.embedding, "}, the width of the model"));
        if (d.layer < first || d.layer > last) continue;
        HEARTH_TRY(context.arena->charge(info.embedding * sizeof(float), "the control vector"));
        HEARTH_ASSIGN(std::vector<float> values, read_floats(context.source, *d.values));
        hash.add(std::uint64_t{d.layer});
        hash.add(std::as_bytes(std::span(values)));
        out.bytes += values.size() * sizeof(float);
        adapter->add_direction(d.layer, std::move(values));
        ++out.parts;
    }
    adapter->keep(context.arena);
    out.digest = hash.digest();
    out.adapter = std::move(adapter);
    return out;
}

}  // namespace hearth
