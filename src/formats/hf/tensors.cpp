#include "formats/hf/tensors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <set>

#include "formats/hf/module.hpp"
#include "formats/quote.hpp"
#include "hearth/base/math.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth::formats {

namespace {

constexpr std::array<std::string_view, 13> kParameters = {
    "weight",       "bias",         "qweight",           "qzeros",       "scales",           "g_idx",      "weight_packed",
    "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "weight_scale_inv", "input_scale"};
// Experts of gpt-oss are parameters themselves: "gate_up_proj_blocks".
constexpr std::array<std::string_view, 3> kSuffixes = {"_blocks", "_scales", "_bias"};

struct Split {
    std::string_view module, parameter;  // parameter "": the name is that of the parameter
};
Split split_name(const Safetensors& files, std::string_view name) {
    const std::size_t dot = name.rfind('.');
    // DeepSeek V4 calls the scales of weights so, others a parameter that is none of theirs.
    if (name.ends_with(".scale") && files.find(cat(name.substr(0, dot), ".weight")) != nullptr) return {name.substr(0, dot), "scale"};
    // What old models call the parameters of norms.
    if (name.ends_with(".gamma") || name.ends_with(".beta")) return {name.substr(0, dot), name.ends_with(".gamma") ? "weight" : "bias"};
    if (dot != std::string_view::npos && std::ranges::find(kParameters, name.substr(dot + 1)) != kParameters.end())
        return {name.substr(0, dot), name.substr(dot + 1)};
    for (const std::string_view s : kSuffixes)
        if (name.ends_with(s)) return {name.substr(0, name.size() - s.size()), s.substr(1)};
    return {name, ""};
}

// Of "blk.3.attn_q.weight" 3; 0 where there is none.
std::uint64_t hf_layer(std::string_view name) {
    std::uint64_t layer = 0;
    if (name.starts_with("blk.")) std::from_chars(name.data() + 4, name.data() + name.size(), layer);
    return layer;
}

class Placer {
public:
    Placer(const Safetensors& files, const HfConfig& config, std::vector<HfTensor>& out)
        : files_(files), config_(config), out_(out) {}

    Status placed(std::string_view module, const HfPlace& place, HfMatrix w) {
        HfModule m;
        m.name = module;
        return matrix(m, place, std::move(w));
    }

    Status all() {
        std::map<std::string_view, HfModule> modules;
        for (const StoredTensor& t : files_.tensors()) {
            const Split s = split_name(files_, t.name);
            HfModule& m = modules[s.module];
            m.name = s.module;
            m.parameters.emplace(s.parameter, &t);
        }
        for (const auto& [name, m] : modules) {
            const auto place = place_of(config_.family, config_.layers, m.name);
            Status s = one(m, place);
            if (!s.ok() && !(place && place->layer >= config_.layers)) return s;
        }
        for (auto& [name, experts] : stacks_) {
            Status s = stack(name, experts);
            if (!s.ok() && hf_layer(name) < config_.layers) return s;
        }
        for (const HfFactors& f : config_.factors) add(f.name, {f.values.size()}, made_rows(f.values));
        std::ranges::sort(out_, {}, [](const HfTensor& t) -> const std::string& { return t.info.name; });
        leave_parts();
        const auto same = [](const HfTensor& a, const HfTensor& b) { return a.info.name == b.info.name; };
        const auto twice = std::ranges::adjacent_find(out_, same);
        if (twice == out_.end()) return {};
        return {Code::malformed, cat("tensor ", quote(twice->info.name), " occurs twice, under two names of the folder")};
    }

private:
    // Of predictors without what makes one of their layer, and of those behind such.
    void leave_parts() {
        const std::uint64_t end = config_.layers + hf_predictors(out_, config_.layers);
        std::erase_if(out_, [&](const HfTensor& t) { return hf_layer(t.info.name) >= end; });
    }

    struct Expert {
        std::uint64_t number;
        std::string_view module;
        HfMatrix matrix;
    };

    Status one(const HfModule& m, const std::optional<HfPlace>& place) {
        if (place && place->role == HfRole::ignored) return {};
        if (place && place->role == HfRole::head && !config_.scores) return {};
        const bool whole = m.find("") != nullptr, either = place && (place->role == HfRole::alternate || place->role == HfRole::in_out);
        if (!place || (whole != names_parameter(place->role) && !either)) {
            const StoredTensor& t = *m.parameters.begin()->second;
            return {Code::unsupported, cat("tensor ", quote(t.name), " ", shape_text(t), " has no place in a ", config_.family.name)};
        }
        if (config_.tied && place->name == "output") return {};
        if (place->role == HfRole::router) return router(m, *place);
        if (whole && !either) return vector(m, *m.find(""), place->name, place->role);
        if (const StoredTensor* bias = m.find("bias")) HEARTH_TRY(vector(m, *bias, place->name, place->role));
        if (m.parameters.size() == 1 && m.find("bias") != nullptr) return {};  // of a norm without weights, say
        if (whole) return on_sides(*m.find(""), place->name + ".weight", place->role == HfRole::alternate);
        HEARTH_ASSIGN(HfMatrix w, packed_matrix(files_, m, config_.packing));
        HEARTH_TRY(check_shape(m.name, w));
        return matrix(m, *place, std::move(w));
    }

    static Status check_shape(std::string_view name, const HfMatrix& w) {
        if (!w.shape.empty() && w.shape.size() <= 4) return {};
        return {Code::malformed, cat("tensor ", quote(name), " has ", w.shape.size(), " dimensions, expected 1 to 4")};
    }

    static bool names_parameter(HfRole role) {
        return role == HfRole::whole || role == HfRole::transposed || role == HfRole::decay || role == HfRole::stacked ||
               role == HfRole::stacked_transposed || role == HfRole::token_ids;
    }

    Status router(const HfModule& m, const HfPlace& place) {
        const std::size_t bar = place.name.find('|');
        if (const StoredTensor* bias = m.find("bias")) HEARTH_TRY(vector(m, *bias, place.name.substr(bar + 1), HfRole::plain));
        HEARTH_ASSIGN(HfMatrix w, packed_matrix(files_, m, config_.packing));
        HEARTH_TRY(check_shape(m.name, w));
        add(place.name.substr(0, bar) + ".weight", w.shape, std::move(w.rows));
        return {};
    }

    bool permuted(HfRole role) const {
        return config_.family.rotation == HfRotation::interleave && (role == HfRole::query || role == HfRole::key);
    }
    Result<RowsPtr> permute(std::string_view name, RowsPtr rows, HfRole role) const {
        const std::uint64_t heads = role == HfRole::query ? config_.heads : config_.kv_heads;
        if (heads == 0 || rows->count() % (2 * heads) != 0)
            return Status(Code::malformed, cat("tensor ", quote(name), " has ", rows->count(), " rows, expected an even number for each of ", heads, " heads"));
        return interleaved_rows(std::move(rows), heads);
    }

    // A bias, or a parameter that is no weight.
    Status vector(const HfModule& m, const StoredTensor& t, const std::string& name, HfRole role) {
        if (t.shape.empty() || t.shape.size() > 4 || t.bytes == 0)
            return {Code::malformed, cat("tensor ", quote(t.name), " has the shape ", shape_text(t), ", expected 1 to 4 dimensions with entries")};
        if (role == HfRole::expert) return {Code::unsupported, cat("tensor ", quote(t.name), " is a bias of one expert, which is not supported")};
        const std::string full = names_parameter(role) ? name : name + ".bias";
        if (role == HfRole::decay) return decay(t, name);
        if (role == HfRole::token_ids) {
            HEARTH_ASSIGN(RowsPtr rows, integer_id_rows(files_, t, t.shape.back()));
            add(full, t.shape, std::move(rows));
            return {};
        }
        if (role == HfRole::value_rows) {
            HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, 1));
            HEARTH_ASSIGN(rows, value_rows(m.name, std::move(rows)));
            add(full, t.shape, std::move(rows));
            return {};
        }
        if (role == HfRole::transposed) return on_sides(t, full, false);
        if (role == HfRole::stacked || role == HfRole::stacked_transposed) return stacked_experts(t, name, role == HfRole::stacked_transposed);
        if (role == HfRole::swapped || role == HfRole::by_heads) {
            HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, 1));
            HEARTH_ASSIGN(rows, reordered(m.name, std::move(rows), role));
            add(full, t.shape, std::move(rows));
            return {};
        }
        if (role == HfRole::alternate) {
            HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, 1));
            return two(full, t.shape, t.shape.size() - 1, std::move(rows));
        }
        // Rows that are permuted have one value each in a vector.
        HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, permuted(role) ? 1 : t.shape.back()));
        if (permuted(role)) {
            HEARTH_ASSIGN(rows, permute(m.name, std::move(rows), role));
        }
        add(full, t.shape, std::move(rows));
        return {};
    }

    // Matrices [in, out] on their sides; their outputs may take turns between two tensors, as in two().
    Status on_sides(const StoredTensor& t, const std::string& names, bool alternate) {
        if (t.shape.size() != 3 || t.bytes == 0)
            return {Code::malformed, cat("tensor ", quote(t.name), " has the shape ", shape_text(t), ", expected three dimensions with entries")};
        const std::uint64_t in = t.shape[1], out = t.shape[2];
        HEARTH_ASSIGN(RowsPtr stored, plain_rows(files_, t, out));
        const std::shared_ptr<const Rows> rows = std::move(stored);
        if (!alternate) {
            add(names, {t.shape[0], out, in}, transposed_rows(rows, in));
            return {};
        }
        if (out % 2 != 0) return {Code::malformed, cat("tensor ", quote(t.name), " has ", out, " columns that take turns, expected an even number")};
        const auto [first, second] = both(names);
        add(first, {t.shape[0], out / 2, in}, transposed_rows(rows, in, 0, 2));
        add(second, {t.shape[0], out / 2, in}, transposed_rows(rows, in, 1, 2));
        return {};
    }

    Status matrix(const HfModule& m, const HfPlace& place, HfMatrix w) {
        const std::string full = place.name + ".weight";
        if (config_.most_tokens != 0 && place.name == "token_embd" && w.shape.size() == 2 && w.shape[0] > config_.most_tokens) {
            w.shape[0] = config_.most_tokens;
            w.rows = first_rows(std::move(w.rows), config_.most_tokens);
        }
        switch (place.role) {
            case HfRole::expert:
                stacks_[full].push_back({place.expert, m.name, std::move(w)});
                return {};
            case HfRole::alternate:
                if (w.shape.size() < 2) return {Code::malformed, cat("tensor ", quote(m.name), " has one dimension, expected more")};
                return two(full, w.shape, w.shape.size() - 2, std::move(w.rows));
            case HfRole::delta_inputs:
                return delta_inputs(m, full, w);
            case HfRole::squeezed:
            case HfRole::value_rows:
                if (w.shape.size() == 3 && w.shape[1] == 1) w.shape.erase(w.shape.begin() + 1);  // of a convolution
                if (place.role == HfRole::value_rows) {
                    HEARTH_ASSIGN(w.rows, value_rows(m.name, std::move(w.rows)));
                }
                break;
            case HfRole::value_columns:
                HEARTH_TRY(value_columns(m, w));
                break;
            case HfRole::plus_one:
                w.rows = float_rows(std::move(w.rows), 1);
                break;
            case HfRole::positions:
                if (w.shape.size() != 2 || w.shape[0] <= config_.first_position)
                    return {Code::malformed, cat("tensor ", quote(m.name), " has ", w.shape[0], " rows and ", w.shape.size(), " dimensions, expected more than ", config_.first_position, " rows and two dimensions")};
                if (config_.first_position == 0) break;
                w.shape[0] -= config_.first_position;
                w.rows = ordered_rows(std::move(w.rows), counting(config_.first_position, w.shape[0]));
                break;
            case HfRole::swapped:
            case HfRole::by_heads: {
                HEARTH_ASSIGN(w.rows, reordered(m.name, std::move(w.rows), place.role));
                break;
            }
            default:
                if (permuted(place.role)) {
                    HEARTH_ASSIGN(w.rows, permute(m.name, std::move(w.rows), place.role));
                }
        }
        add(full, w.shape, std::move(w.rows));
        return {};
    }

    static std::vector<std::uint64_t> counting(std::uint64_t first, std::uint64_t count) {
        std::vector<std::uint64_t> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), first);
        return order;
    }

    // Rows of a gate from behind what it gates to before it; or queries, keys and values apart, that stand head by head.
    Result<RowsPtr> reordered(std::string_view name, RowsPtr rows, HfRole role) const {
        const std::uint64_t count = rows->count(), heads = config_.heads, unit = role == HfRole::swapped ? 2 : 3 * heads;
        if (unit == 0 || heads > count || count % unit != 0)
            return Status(Code::malformed, cat("tensor ", quote(name), " has ", count, " rows, expected a multiple of ", unit));
        std::vector<std::uint64_t> order;
        order.reserve(static_cast<std::size_t>(count));
        const std::uint64_t each = count / unit;
        const auto take = [&](std::uint64_t first) {
            for (std::uint64_t i = 0; i < each; ++i) order.push_back(first + i);
        };
        if (role == HfRole::swapped) {
            take(each);
            take(0);
        } else {
            for (std::uint64_t part = 0; part < 3; ++part)
                for (std::uint64_t h = 0; h < heads; ++h) take((3 * h + part) * each);
        }
        return ordered_rows(std::move(rows), std::move(order));
    }

    // Matrices of all experts below each other.
    Status stacked_experts(const StoredTensor& t, const std::string& name, bool transposed) {
        const std::uint64_t n = config_.experts;
        if (t.shape.size() != 2 || n == 0 || t.shape[0] % n != 0)
            return {Code::malformed, cat("tensor ", quote(t.name), " has the shape ", shape_text(t), ", expected two dimensions, the first a multiple of the ", n, " experts")};
        const std::uint64_t height = t.shape[0] / n;
        HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, t.shape[1]));
        if (transposed)
            add(name, {n, t.shape[1], height}, transposed_rows(std::move(rows), height));
        else
            add(name, {n, height, t.shape[1]}, std::move(rows));
        return {};
    }

    // Dimension `halved` takes turns between two tensors, whose names have a '|' between them.
    Status two(const std::string& names, std::vector<std::uint64_t> shape, std::size_t halved, std::shared_ptr<const Rows> rows) {
        if (shape[halved] % 2 != 0) return {Code::malformed, cat("tensor ", quote(names), " has ", shape[halved], " rows that take turns, expected an even number")};
        shape[halved] /= 2;
        const auto [first, second] = both(names);
        add(first, shape, alternate_rows(rows, 0));
        add(second, shape, alternate_rows(rows, 1));
        return {};
    }
    // "a.weight" and "b.weight" of "a|b.weight".
    static std::pair<std::string, std::string> both(const std::string& names) {
        const std::size_t bar = names.find('|'), dot = names.rfind('.');
        return {names.substr(0, bar) + names.substr(dot), names.substr(bar + 1)};
    }

    // What stands first, `fixed` of them, then `each` for every head of values, in hearth's order.
    std::vector<std::uint64_t> heads(std::uint64_t fixed, std::uint64_t each) const {
        const HfDelta& d = config_.delta;
        std::vector<std::uint64_t> order;
        order.reserve(static_cast<std::size_t>(fixed + d.value_heads * each));
        for (std::uint64_t i = 0; i < fixed; ++i) order.push_back(i);
        for (std::uint64_t v = 0; v < d.value_heads; ++v)
            for (std::uint64_t i = 0; i < each; ++i) order.push_back(fixed + d.head(v) * each + i);
        return order;
    }

    // One row for each head of values, or its values' rows, which may follow those of queries and keys.
    Result<RowsPtr> value_rows(std::string_view name, RowsPtr rows) const {
        const HfDelta& d = config_.delta;
        const std::uint64_t values = d.value_heads * d.value_dim, before = 2 * d.key_heads * d.key_dim, count = rows->count();
        if (count == d.value_heads) return ordered_rows(std::move(rows), heads(0, 1));
        if (count == values) return ordered_rows(std::move(rows), heads(0, d.value_dim));
        if (count == before + values) return ordered_rows(std::move(rows), heads(before, d.value_dim));
        return Status(Code::malformed, cat("tensor ", quote(name), " has ", count, " rows, expected ", d.value_heads, ", ", values, " or ", before + values));
    }

    Status value_columns(const HfModule& m, HfMatrix& w) const {
        const HfDelta& d = config_.delta;
        if (w.rows->width() != d.value_heads * d.value_dim || d.value_dim % find_codec(w.rows->type())->block_values != 0)
            return {Code::unsupported, cat("tensor ", quote(m.name), " has rows of ", w.rows->width(), " values, expected ", d.value_heads,
                                           " heads of ", d.value_dim, " in whole blocks")};
        w.rows = ordered_columns(std::move(w.rows), d.value_dim, heads(0, 1));
        return {};
    }

    // Queries, keys, values and gates of each head of keys after each other, brought apart.
    Status delta_inputs(const HfModule& m, const std::string& names, HfMatrix& w) {
        const HfDelta& d = config_.delta;
        const std::uint64_t values = d.value_heads / std::max<std::uint64_t>(1, d.key_heads) * d.value_dim, unit = 2 * d.key_dim + 2 * values;
        if (w.shape.size() != 2 || w.shape[0] != d.key_heads * unit)
            return {Code::malformed, cat("tensor ", quote(m.name), " has ", w.shape[0], " rows, expected ", d.key_heads * unit)};
        std::vector<std::uint64_t> inputs, gates;
        const auto take = [&](std::vector<std::uint64_t>& order, std::uint64_t from, std::uint64_t count) {
            for (std::uint64_t h = 0; h < d.key_heads; ++h)
                for (std::uint64_t i = 0; i < count; ++i) order.push_back(h * unit + from + i);
        };
        take(inputs, 0, d.key_dim);
        take(inputs, d.key_dim, d.key_dim);
        take(inputs, 2 * d.key_dim, values);
        take(gates, 2 * d.key_dim + values, values);
        const auto [first, second] = both(names);
        const std::shared_ptr<const Rows> rows = std::move(w.rows);
        add(first, {inputs.size(), w.shape[1]}, ordered_rows(rows, inputs));
        add(second, {gates.size(), w.shape[1]}, ordered_rows(rows, gates));
        return {};
    }

    // -exp of what a folder has, for each head of values.
    Status decay(const StoredTensor& t, const std::string& name) {
        HEARTH_ASSIGN(RowsPtr rows, plain_rows(files_, t, 1));
        if (rows->count() != config_.delta.value_heads)
            return {Code::malformed, cat("tensor ", quote(t.name), " has ", rows->count(), " values, expected ", config_.delta.value_heads)};
        HEARTH_ASSIGN(rows, value_rows(t.name, std::move(rows)));
        const RowsPtr floats = float_rows(std::move(rows), 0);
        std::vector<float> values(static_cast<std::size_t>(floats->count()));
        HEARTH_TRY(floats->read(0, floats->count(), reinterpret_cast<std::byte*>(values.data())));
        for (float& v : values) v = static_cast<float>(-det_exp(static_cast<double>(v)));
        const std::uint64_t count = values.size();
        add(name, {count}, made_rows(std::move(values)));
        return {};
    }

    Status stack(const std::string& name, std::vector<Expert>& experts) {
        std::ranges::sort(experts, {}, &Expert::number);
        const std::vector<std::uint64_t> shape = experts.front().matrix.shape;
        bool same_type = true;
        for (std::size_t i = 0; i < experts.size(); ++i) {
            const Expert& e = experts[i];
            if (e.number != i) return {Code::malformed, cat("tensor ", quote(name), ": expert ", i, " is missing")};
            if (e.matrix.shape != shape || shape.size() != 2) return {Code::malformed, cat("tensor ", quote(e.module), " has another shape than the first expert")};
            same_type = same_type && e.matrix.rows->type() == experts.front().matrix.rows->type();
        }
        std::vector<RowsPtr> parts;
        parts.reserve(experts.size());
        for (Expert& e : experts) parts.push_back(same_type ? std::move(e.matrix.rows) : float_rows(std::move(e.matrix.rows), 0));
        add(name, {experts.size(), shape[0], shape[1]}, stacked_rows(std::move(parts)));
        return {};
    }

    // shape: row-major
    void add(std::string name, const std::vector<std::uint64_t>& shape, RowsPtr rows) {
        out_.push_back(make_tensor(std::move(name), shape, std::move(rows)));
    }

    const Safetensors& files_;
    const HfConfig& config_;
    std::vector<HfTensor>& out_;
    std::map<std::string, std::vector<Expert>> stacks_;
};

}  // namespace

std::uint64_t hf_predictors(std::span<const HfTensor> tensors, std::uint64_t layers) {
    std::set<std::uint64_t> found;
    for (const HfTensor& t : tensors)
        if (t.info.name.ends_with(".nextn.eh_proj.weight")) found.insert(hf_layer(t.info.name));
    std::uint64_t count = 0;
    while (found.contains(layers + count)) ++count;
    return count;
}

HfTensor make_tensor(std::string name, const std::vector<std::uint64_t>& shape, RowsPtr rows) {
    HfTensor t;
    t.info.name = std::move(name);
    t.info.type = rows->type();
    t.info.dims = static_cast<std::uint32_t>(shape.size());
    std::ranges::reverse_copy(shape, t.info.shape.begin());
    t.info.bytes = rows->bytes();
    t.rows = std::move(rows);
    return t;
}

Status place_tensors(const Safetensors& files, const HfConfig& config, std::vector<HfTensor>& out) {
    return Placer(files, config, out).all();
}

Status place_matrix(const Safetensors& files, const HfConfig& config, const HfPlace& place, std::string_view module,
                    HfMatrix matrix, std::vector<HfTensor>& out) {
    return Placer(files, config, out).placed(module, place, std::move(matrix));
}

}  // namespace hearth::formats
