#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/codecs/codec.hpp"
#include "hearth/engine/engine.hpp"

namespace hearth {

namespace {

using Json = nlohmann::ordered_json;

// File contents may be any bytes: what is not UTF-8 is replaced, never thrown at.
std::string dump(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json vocabulary(const Tokenizer& t) {
    Json j;
    j["model"] = t.model();
    j["size"] = t.size();
    static constexpr std::pair<const char*, SpecialToken> kSpecials[] = {
        {"bos", SpecialToken::bos}, {"eos", SpecialToken::eos}, {"eot", SpecialToken::eot}, {"unknown", SpecialToken::unknown},
        {"separator", SpecialToken::separator}, {"padding", SpecialToken::padding}, {"mask", SpecialToken::mask}};
    for (auto [name, which] : kSpecials)
        if (auto id = t.special(which)) j[name] = *id;
    j["adds_bos"] = t.adds_bos();
    j["adds_eos"] = t.adds_eos();
    return j;
}

Json quantization(const Gguf& file, double& bits_per_weight) {
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
    bits_per_weight = all.parameters != 0 ? 8.0 * static_cast<double>(all.bytes) / static_cast<double>(all.parameters) : 0;
    std::vector<std::pair<std::string_view, Share>> sorted(shares.begin(), shares.end());
    std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
    Json list = Json::array();
    for (const auto& [name, s] : sorted)
        list.push_back({{"type", name}, {"tensors", s.tensors}, {"bytes", s.bytes}, {"parameters", s.parameters}});
    return list;
}

Json memory_plan(const Blueprint& blueprint, std::size_t workers) {
    const ModelInfo& info = blueprint.info();
    Json j;
    j["weights"] = info.weight_bytes;
    j["decode_reads"] = info.decode_bytes;
    const KvLayout layout = KvLayout::make(KvType::f16, info.kv);
    j["kv_type"] = "f16";
    j["kv_bytes_per_token"] = layout.page_bytes / kSpan;
    j["kv_page_tokens"] = kSpan;
    j["scratch"] = blueprint.workspace_bytes({512, std::min<std::uint64_t>(info.context, 4096), workers});
    Json depths = Json::array();
    for (std::uint64_t tokens : {std::uint64_t{2048}, std::uint64_t{8192}, std::uint64_t{32768}, std::uint64_t{131072}, info.context}) {
        if (tokens > info.context || (tokens == info.context && !depths.empty() && depths.back()["tokens"] == tokens)) continue;
        const std::uint64_t kv = KvCache::bytes_for(layout, tokens);
        depths.push_back({{"tokens", tokens}, {"kv", kv},
                          {"total", info.weight_bytes + kv + blueprint.workspace_bytes({512, tokens, workers})}});
    }
    j["kv_at_context"] = depths;
    return j;
}

template <class T>
Json as_json(const T& value) {
    return Json(value);
}

}  // namespace

std::string metadata_text(const MetaValue& value) {
    if (const auto* s = std::get_if<std::string>(&value)) return *s;
    return dump(std::visit([](const auto& v) { return as_json(v); }, value));
}

Result<std::string> inspect(const Gguf& file, std::size_t workers) {
    Json j;
    j["supported"] = true;
    Trouble part{};
    auto blueprint = describe_model(file.metadata(), file, &part);
    auto tokenizer = Tokenizer::make(file.metadata());
    if (!blueprint.ok() || !tokenizer.ok()) {
        const Status& s = !blueprint.ok() ? blueprint.status() : tokenizer.status();
        j["supported"] = false;
        j["why"] = {{"part", !blueprint.ok() ? trouble_name(part) : std::string_view("tokenizer")}, {"message", s.message()}};
    }
    j["file"] = file.name();
    j["format"] = "GGUF";
    j["format_version"] = file.version();
    j["file_bytes"] = file.file_bytes();
    for (const char* key : {"architecture", "name"}) {
        const MetaValue* v = file.metadata().find(std::string("general.") + key);
        j[key] = v != nullptr ? Json(metadata_text(*v)) : Json(nullptr);
    }
    std::uint64_t parameters = 0;
    for (const TensorInfo& t : file.tensors()) parameters += t.elements();
    j["parameters"] = parameters;
    j["tensors"] = file.tensors().size();
    if (blueprint.ok()) {
        const ModelInfo& info = (*blueprint)->info();
        j["context_length"] = info.context;
        j["embedding_length"] = info.embedding;
        j["layers"] = info.layers;
        j["heads"] = info.heads;
        j["kv_heads"] = info.kv_heads;
        j["feed_forward_length"] = info.feed_forward;
    }
    if (tokenizer.ok()) j["vocabulary"] = vocabulary(**tokenizer);
    double bits = 0;
    j["quantization"] = quantization(file, bits);
    j["bits_per_weight"] = bits;
    if (blueprint.ok()) j["memory"] = memory_plan(**blueprint, workers);
    return dump(j);
}

}  // namespace hearth
