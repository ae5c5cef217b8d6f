#include "hearth/engine/adapter.hpp"

#include <bit>

#include "hearth/base/cat.hpp"

namespace hearth {

Result<std::shared_ptr<const LoadedAdapter>> LoadedAdapter::load(std::shared_ptr<LoadedModel> model,
                                                                 const std::string& path,
                                                                 const AdapterOptions& options) {
    const ModelInfo& info = model->info();
    if (!info.embeddings.logits)
        return Status(Code::unsupported, cat("a model of architecture '", info.architecture,
                                             "' that sees both ways has no sessions, and so no adapters"));
    HEARTH_ASSIGN(const AdapterFile file, open_adapter(path, model->metadata()));
    auto out = std::make_shared<LoadedAdapter>();
    out->model_ = std::move(model);
    out->name_ = path;
    out->kind_ = file.kind;
    const auto read = [&]() -> Status {
        // What a control vector says is a hint, which other tools fill with names of their own.
        const bool low_rank = file.kind == AdapterFile::Kind::low_rank;
        if (!file.model.empty() && file.model != info.architecture && (low_rank || is_architecture(file.model)))
            return {Code::bad_state,
                    cat("is of a model of architecture '", file.model, "', this model's is '", info.architecture, "'")};
        std::vector<LowRankTensors> changes;
        for (const AdapterFile::Change& c : file.changes) changes.push_back({c.base, c.a, c.b, c.scale});
        std::vector<DirectionTensor> directions;
        for (const AdapterFile::Direction& d : file.directions) directions.push_back({d.layer, d.values});
        Runtime& runtime = *out->model_->runtime();
        const auto guard = runtime.lock();
        LoadContext context{*file.source, runtime.memory(), runtime.executor(), runtime.log()};
        HEARTH_ASSIGN(out->content_,
                      low_rank ? load_low_rank(context, out->model_->matrices(), changes)
                               : load_directions(context, info, directions, options.first_layer, options.last_layer));
        return {};
    };
    HEARTH_TRY(read().in(path));
    out->model_->runtime()->log()(
        LogLevel::info, cat(path, ": an adapter of ", out->content_.parts, " parts, ", out->content_.bytes, " bytes"));
    return std::shared_ptr<const LoadedAdapter>(std::move(out));
}

std::shared_ptr<const AdapterSet> make_set(std::span<const AttachedAdapter> attached) {
    auto set = std::make_shared<AdapterSet>();
    Hasher hash;
    for (const AttachedAdapter& a : attached) {
        if (a.scale == 0) continue;  // adding 0 times something could still change the sign of a zero, or make a NaN
        set->entries.push_back({a.adapter->content().adapter, a.scale});
        hash.add(a.adapter->content().digest);
        hash.add(std::uint64_t{std::bit_cast<std::uint32_t>(a.scale)});
    }
    if (set->entries.empty()) return nullptr;
    set->digest = hash.digest();
    return set;
}

}  // namespace hearth
