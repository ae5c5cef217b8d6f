#include "models/reader.hpp"

namespace hearth {

namespace {

std::string shape_text(std::initializer_list<std::uint64_t> shape) {
    std::string out = "{";
    for (std::uint64_t n : shape) out += cat(out.size() > 1 ? ", " : "", n);
    return out + "}";
}

Status missing(const std::string& key) { return {Code::malformed, cat("metadata key '", key, "' is missing")}; }

}  // namespace

Result<std::uint32_t> Hparams::count(std::string_view key, std::uint64_t limit) const {
    if (!has(key)) return missing(full(key));
    return count(key, limit, 0);
}

Result<std::uint32_t> Hparams::count(std::string_view key, std::uint64_t limit, std::uint32_t fallback) const {
    // Some converters write one value per layer where all are the same.
    HEARTH_ASSIGN(auto values, metadata_.get_uints(full(key)));
    if (!values) return fallback;
    for (std::uint64_t v : *values) {
        if (v != values->front())
            return Status(Code::unsupported, cat("metadata key '", full(key), "' differs between layers, which architecture '",
                                                 architecture_, "' does not support here"));
    }
    if (values->empty() || values->front() == 0 || values->front() > limit)
        return Status(Code::malformed, cat("metadata key '", full(key), "' is ",
                                           values->empty() ? std::string("an empty array") : cat(values->front()),
                                           ", expected 1 to ", limit));
    return static_cast<std::uint32_t>(values->front());
}

Result<std::vector<std::uint32_t>> Hparams::counts(std::string_view key, std::uint64_t limit, std::size_t n,
                                                   std::uint32_t fallback, std::uint32_t least) const {
    HEARTH_ASSIGN(auto values, metadata_.get_uints(full(key)));
    if (!values && fallback == 0) return missing(full(key));
    if (!values) return std::vector<std::uint32_t>(n, fallback);
    if (values->size() != 1 && values->size() != n)
        return Status(Code::malformed, cat("metadata key '", full(key), "' is ",
                                           values->empty() ? std::string("an empty array")
                                                           : cat("an array of ", values->size(), " values"),
                                           ", expected one value for each of ", n, " layers"));
    std::vector<std::uint32_t> out(n);
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t v = (*values)[values->size() == 1 ? 0 : i];
        if (v < least || v > limit)
            return Status(Code::malformed,
                          cat("metadata key '", full(key), "' is ", v, ", expected ", least, " to ", limit));
        out[i] = static_cast<std::uint32_t>(v);
    }
    return out;
}

Result<double> Hparams::number(std::string_view key) const {
    if (!has(key)) return missing(full(key));
    return number(key, 0);
}

Result<double> Hparams::number(std::string_view key, double fallback) const {
    HEARTH_ASSIGN(auto value, metadata_.get_float(full(key)));
    if (value && !(*value > -1e30 && *value < 1e30))
        return Status(Code::malformed, cat("metadata key '", full(key), "' is ", *value, ", expected a finite number"));
    return value.value_or(fallback);
}

Result<bool> Hparams::flag(std::string_view key, bool fallback) const {
    HEARTH_ASSIGN(auto value, metadata_.get_bool(full(key)));
    return value.value_or(fallback);
}

Result<std::string> Hparams::text(std::string_view key, std::string_view fallback) const {
    HEARTH_ASSIGN(auto value, metadata_.get_string(full(key)));
    return value.value_or(std::string(fallback));
}

Result<const TensorInfo*> TensorFinder::need(const std::string& name, std::initializer_list<std::uint64_t> shape) {
    HEARTH_ASSIGN(const TensorInfo* info, want(name, shape));
    if (info == nullptr)
        return Status(Code::malformed, cat("tensor '", name, "' is missing, expected shape ", shape_text(shape)));
    return info;
}

Result<const TensorInfo*> TensorFinder::want(const std::string& name, std::initializer_list<std::uint64_t> shape) {
    const TensorInfo* info = source_.find(name);
    if (info == nullptr) return info;
    used_.insert(name);
    bool same = info->dims <= 4;
    for (std::size_t i = 0; i < 4; ++i) same = same && info->shape[i] == (i < shape.size() ? shape.begin()[i] : 1);
    if (!same)
        return Status(Code::malformed,
                      cat("tensor '", name, "' has shape ", hearth::shape_text(*info), ", expected ", shape_text(shape)));
    return info;
}

Result<MatrixInfo> TensorFinder::matrix(const std::string& name, std::initializer_list<std::uint64_t> shape) {
    MatrixInfo m;
    HEARTH_ASSIGN(m.weight, need(name + ".weight", shape));
    HEARTH_TRY(extras(m, name, shape));
    return m;
}

Status TensorFinder::extras(MatrixInfo& m, const std::string& name, std::initializer_list<std::uint64_t> shape) {
    const std::uint64_t rows = shape.begin()[1], matrices = shape.size() > 2 ? shape.begin()[2] : 1;
    HEARTH_ASSIGN(m.bias, want(name + ".bias", {rows, matrices}));
    HEARTH_ASSIGN(m.scale, want(name + ".scale", {matrices}));
    ignore(name + ".input_scale");  // for engines that quantise inputs with a fixed scale
    return {};
}

void TensorFinder::ignore_prefix(std::string_view prefix) {
    for (const TensorInfo& t : source_.tensors())
        if (t.name.starts_with(prefix)) used_.insert(t.name);
}

Status TensorFinder::all_used(std::string_view prefix) const {
    for (const TensorInfo& t : source_.tensors())
        if (t.name.starts_with(prefix) && !used_.contains(t.name))
            return {Code::unsupported, cat("tensor '", t.name, "' ", hearth::shape_text(t), " has no place in this architecture")};
    return {};
}

}  // namespace hearth
