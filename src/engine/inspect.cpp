#include <algorithm>
#include <map>
#include <set>

#include "engine/inspect.hpp"
#include "engine/json_text.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/engine/engine.hpp"
#include "hearth/models/packing.hpp"

namespace hearth {

namespace {

void write_vocabulary(JsonText& j, const Tokenizer& t) {
    j.key("vocabulary").begin_object().member("model", t.model()).member("size", t.size());
    static constexpr std::pair<const char*, SpecialToken> kSpecials[] = {
        {"bos", SpecialToken::bos}, {"eos", SpecialToken::eos}, {"eot", SpecialToken::eot}, {"unknown", SpecialToken::unknown},
        {"separator", SpecialToken::separator}, {"padding", SpecialToken::padding}, {"mask", SpecialToken::mask}};
    for (auto [name, which] : kSpecials)
        if (auto id = t.special(which)) j.member(name, *id);
    j.member("adds_bos", t.adds_bos()).member("adds_eos", t.adds_eos()).end_object();
}

void write_quantization(JsonText& j, const ModelFile& file) {
    struct Share {
        std::uint64_t tensors = 0, bytes = 0, parameters = 0;
    };
    std::map<std::string_view, Share> shares;
    Share all;
    for (const TensorInfo& t : file.tensors()) {
        const Codec* codec = find_codec(t.type);
        Share& s = shares[codec->name];
        for (Share* to : {&s, &all}) {
            to->tensors += 1;
            to->bytes += t.bytes;
            to->parameters += t.elements();
        }
    }
    std::vector<std::pair<std::string_view, Share>> sorted(shares.begin(), shares.end());
    std::ranges::sort(sorted, [](const auto& a, const auto& b) {
        return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes : a.first < b.first;
    });
    j.key("quantization").begin_array();
    for (const auto& [name, s] : sorted)
        j.begin_object().member("type", name).member("tensors", s.tensors).member("bytes", s.bytes).member("parameters", s.parameters).end_object();
    j.end_array();
    j.member("bits_per_weight", all.parameters != 0 ? 8.0 * static_cast<double>(all.bytes) / static_cast<double>(all.parameters) : 0.0);
}

// The types whose tensors are stored as panels, or null.
void write_packed(JsonText& j, const ModelFile& file) {
    std::set<std::string_view> types;
    for (const TensorInfo& t : file.tensors())
        if (t.packed) types.insert(find_codec(t.type)->name);
    j.key("packed");
    if (types.empty()) {
        j.null();
        return;
    }
    j.begin_object().member("version", kPackVersion).key("types").begin_array();
    for (const std::string_view type : types) j.value(type);
    j.end_array().end_object();
}

constexpr std::size_t kPassTokens = 512;  // a session's chunk, unless it asks for another

void write_embeddings(JsonText& j, const EmbeddingInfo& e) {
    constexpr const char* kPoolings[] = {"none", "mean", "cls", "last", "rank"};
    j.key("embeddings").begin_object().member("width", e.width).member("causal", e.causal).member("generates", e.logits);
    j.member("pooling", kPoolings[static_cast<std::size_t>(e.pooling)]).member("scores", e.scores).key("labels").begin_array();
    for (const std::string& label : e.labels) j.value(label);
    j.end_array().end_object();
}

std::uint64_t kv_bytes_per_token(const KvLayout& layout) {
    std::uint64_t bytes = 0;
    for (const KvLayout::Group& g : layout.groups) bytes += g.page_bytes / g.span();
    return bytes;
}

// Blocks that predict further tokens. Null where there are none, or none that would load.
void write_predictors(JsonText& j, const Blueprint& blueprint) {
    std::uint64_t bytes = 0, per_token = 0;
    bool all = blueprint.info().predictors != 0;
    for (std::uint32_t i = 0; all && i < blueprint.info().predictors; ++i) {
        const auto one = blueprint.predictor(i);
        all = one.ok();
        if (!all) break;
        bytes += (*one)->info().weight_bytes;
        per_token += kv_bytes_per_token(KvLayout::make(KvType::f16, (*one)->info().kv));
    }
    j.key("mtp");
    if (!all) {
        j.null();
        return;
    }
    j.begin_object().member("blocks", blueprint.info().predictors).member("weights", bytes);
    j.member("kv_bytes_per_token", per_token).end_object();
}

void write_memory_plan(JsonText& j, const Blueprint& blueprint, std::size_t workers) {
    const ModelInfo& info = blueprint.info();
    const KvLayout layout = KvLayout::make(KvType::f16, info.kv);
    j.key("memory").begin_object().member("weights", info.weight_bytes).member("decode_reads", info.decode_bytes);
    j.member("kv_type", "f16").member("kv_bytes_per_token", kv_bytes_per_token(layout)).member("kv_page_tokens", kSpan);
    j.key("kv_groups").begin_array();
    for (const KvLayout::Group& g : layout.groups) {
        j.begin_object().member("window", std::uint64_t{g.reach.window}).member("chunk", std::uint64_t{g.reach.chunk});
        j.member("bytes_per_token", g.page_bytes / g.span()).end_object();
    }
    j.end_array().member("state", layout.state_bytes);
    j.member("scratch", blueprint.workspace_bytes({kPassTokens, std::min<std::uint64_t>(info.context, 4096), workers}));
    j.key("kv_at_context").begin_array();
    std::uint64_t last = 0;
    for (std::uint64_t tokens : {std::uint64_t{2048}, std::uint64_t{8192}, std::uint64_t{32768}, std::uint64_t{131072}, info.context}) {
        if (tokens > info.context || tokens == last) continue;
        last = tokens;
        const std::uint64_t kv = KvCache::bytes_for(layout, tokens, kPassTokens);
        j.begin_object().member("tokens", tokens).member("kv", kv);
        const bool bounded = std::ranges::any_of(layout.groups, [](const auto& g) { return !g.reach.all(); });
        const bool checkpoints = bounded || layout.state_bytes != 0;
        j.member("checkpoints", checkpoints ? KvCache::allowance_for(layout, tokens, kPassTokens) : 0);
        j.member("total", info.weight_bytes + kv + blueprint.workspace_bytes({kPassTokens, tokens, workers})).end_object();
    }
    j.end_array().end_object();
}

}  // namespace

std::string metadata_text(const MetaValue& value) {
    if (const auto* s = std::get_if<std::string>(&value)) return *s;
    JsonText j;
    std::visit([&](const auto& v) { j.value(v); }, value);
    return j.take();
}

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const ModelFile& file, const Stop* stop) {
    if (!file.troubles().tokenizer.ok()) return file.troubles().tokenizer;
    return Tokenizer::make(file.metadata(), stop);
}

Understanding understand(const ModelFile& file, const Stop* stop) {
    Trouble part{};
    const FileTroubles& t = file.troubles();
    for (const auto& [trouble, where] : {std::pair(&t.architecture, Trouble::architecture), std::pair(&t.key, Trouble::key), std::pair(&t.tensor, Trouble::tensor)})
        if (!trouble->ok()) return {*trouble, make_tokenizer(file, stop), where};
    auto blueprint = describe_model(file.metadata(), file, &part);
    return {std::move(blueprint), make_tokenizer(file, stop), part};
}

std::string inspection_text(const ModelFile& file, const Understanding& model, std::size_t workers) {
    JsonText j;
    const auto& [blueprint, tokenizer, part] = model;
    j.begin_object().member("supported", blueprint.ok() && tokenizer.ok());
    if (!blueprint.ok() || !tokenizer.ok()) {
        const Status& s = !blueprint.ok() ? blueprint.status() : tokenizer.status();
        const std::string_view where = !blueprint.ok() ? trouble_name(part) : std::string_view("tokenizer");
        j.key("why").begin_object().member("part", where).member("message", s.message()).end_object();
    }
    j.member("file", file.name()).member("format", file.format()).member("format_version", file.version()).member("file_bytes", file.file_bytes());
    for (const char* key : {"architecture", "name"}) {
        const MetaValue* v = file.metadata().find(std::string("general.") + key);
        j.key(key);
        if (v != nullptr)
            j.value(metadata_text(*v));
        else
            j.null();
    }
    write_packed(j, file);
    std::uint64_t parameters = 0;
    for (const TensorInfo& t : file.tensors()) parameters += t.elements();
    j.member("parameters", parameters).member("tensors", file.tensors().size());
    if (blueprint.ok()) {
        const ModelInfo& info = (*blueprint)->info();
        j.member("context_length", info.context).member("embedding_length", info.embedding).member("layers", info.layers);
        j.member("heads", info.heads).member("kv_heads", info.kv_heads).member("feed_forward_length", info.feed_forward);
        j.member("experts", info.experts).member("experts_used", info.experts_used);
        write_embeddings(j, info.embeddings);
        write_predictors(j, **blueprint);
    }
    if (tokenizer.ok()) write_vocabulary(j, **tokenizer);
    write_quantization(j, file);
    if (blueprint.ok()) write_memory_plan(j, **blueprint, workers);
    j.end_object();
    return j.take();
}

Result<std::string> inspect(const ModelFile& file, std::size_t workers) {
    return inspection_text(file, understand(file), workers);
}

}  // namespace hearth
