// Folders of encoders and embedders: the weights of a GGUF under the names of Hugging Face's classes, with what
// sentence-transformers stores beside them, give the vectors of the GGUF.
#include <algorithm>
#include <cmath>

#include "capi/folder_arrays.hpp"
#include "capi/folder_encoders.hpp"
#include "models/random_encoder.hpp"
#include "support/figures.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

using Ids = std::vector<std::int32_t>;

void put_json(const std::filesystem::path& path, const nlohmann::json& j) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << j.dump();
}

// Rows [first, first + count) behind `out`'s.
void take(const Array& a, std::size_t first, std::size_t count, Array& out) {
    const std::size_t width = a.values.size() / a.shape[0];
    const auto begin = a.values.begin() + static_cast<std::ptrdiff_t>(first * width);
    out.values.insert(out.values.end(), begin, begin + static_cast<std::ptrdiff_t>(count * width));
}

Array changed(How how, Array a, std::size_t heads) {
    const std::size_t rows = a.shape[0];
    Array out{a.shape, {}};
    switch (how) {
        case How::halves:
            to_halves(a, heads);
            return a;
        case How::minus_one:
            for (float& v : a.values) v -= 1;
            return a;
        case How::swapped:
            take(a, rows / 2, rows / 2, out);
            take(a, 0, rows / 2, out);
            return out;
        case How::by_heads:
            for (std::size_t h = 0; h < 4; ++h)
                for (std::size_t part = 0; part < 3; ++part) take(a, (part * 4 + h) * (rows / 12), rows / 12, out);
            return out;
        case How::stacked_transposed:
            transpose_last(a);
            [[fallthrough]];
        case How::stacked:
            a.shape = {a.shape[0] * a.shape[1], a.shape[2]};
            return a;
        case How::padded:
            out.shape[0] += 2;
            take(a, 0, 2, out);
            take(a, 0, rows, out);
            return out;
        default:
            return a;
    }
}

Arrays under_names(const EncoderCase& c, Arrays from) {
    Arrays out;
    if (c.source == "jina-bert-v2")  // the gate stands in one matrix with what it gates
        for (const char* blk : {"blk.0.", "blk.1.", "blk.2."})
            for (const char* parameter : {".weight", ".bias"}) {
                const auto gate = from.extract(std::string(blk) + "ffn_gate" + parameter);
                Array &up = from.at(std::string(blk) + "ffn_up" + parameter), both{up.shape, gate.mapped().values};
                both.shape[0] *= 2;
                both.values.insert(both.values.end(), up.values.begin(), up.values.end());
                up = std::move(both);
            }
    for (const auto& [full, a] : from) {
        std::string name = full, layer;
        if (name.starts_with("blk.")) {
            layer = name.substr(4, name.find('.', 4) - 4);
            name.replace(4, layer.size(), "{L}");
        }
        const Rename* found = nullptr;
        std::string parameter;
        for (const std::string& wanted : {name, name.substr(0, name.rfind('.'))})
            for (const Rename& r : c.renames)
                if (found == nullptr && r.from == wanted) {
                    found = &r;
                    parameter = wanted == name ? "" : name.substr(name.rfind('.'));
                }
        REQUIRE_MESSAGE(found != nullptr, full);
        if (found->how == How::gone) continue;
        std::string to = found->to + parameter;
        put_number(to, "{L}", layer);
        out[to] = changed(found->how, a, c.config.value(name.starts_with("blk.{L}.attn_k.") ? "num_key_value_heads" : "num_attention_heads", 0U));
    }
    return out;
}

void write_case(const std::filesystem::path& folder, const EncoderCase& c, const Arrays& weights) {
    write_folder(folder, c.config, under_names(c, weights));
    for (const auto& [name, j] : c.files) put_json(folder / name, j);
    for (const char* n : {"2", "3"})
        if (weights.contains(std::string("dense_") + n + ".weight"))
            write_safetensors(folder / (std::string(n) + "_Dense") / "model.safetensors", {{"linear.weight", weights.at(std::string("dense_") + n + ".weight")}});
}

Ids some_ids(std::size_t n) {
    Ids ids;
    for (std::size_t i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>((i * i * 31 + 7 * i + 5) % 260));
    return ids;
}

std::vector<float> embed(hearth_model* model, const std::vector<Ids>& texts) {
    hearth_embed_options o;
    CHECK_OK(hearth_embed_options_init(&o, sizeof o));
    std::vector<const std::int32_t*> starts;
    std::vector<std::size_t> lengths;
    for (const Ids& t : texts) {
        starts.push_back(t.data());
        lengths.push_back(t.size());
    }
    std::size_t needed = 0;
    float none = 0;
    CHECK(hearth_model_embed(&none, 0, &needed, model, starts.data(), lengths.data(), starts.size(), &o) == HEARTH_EBUFS);
    std::vector<float> out(needed);
    CHECK_OK(hearth_model_embed(out.data(), out.size(), &needed, model, starts.data(), lengths.data(), starts.size(), &o));
    return out;
}

hearth_embedding_info info_of(hearth_model* model) {
    hearth_embedding_info info{};
    info.struct_size = sizeof info;
    CHECK_OK(hearth_model_embedding_info(&info, model));
    return info;
}

// The GGUF of a case; nothing where its golden is missing.
std::string source_of(const EncoderCase& c, const TemporaryDirectory& directory) {
    if (c.golden) {
        const auto path = shared_or_golden("families/" + c.source + ".gguf");
        return std::filesystem::exists(path) ? path.string() : "";
    }
    const bool decoder = std::find(std::begin(kArchitectures), std::end(kArchitectures), c.source) != std::end(kArchitectures);
    ModelShape shape;
    shape.arch = c.source;
    ModelFile file = decoder ? ModelFile(shape) : encoder_file(c.source, "F32", c.head);
    file.set("pooling_type", std::uint64_t{c.head ? 4U : 1U});
    if (decoder) file.erase_tensor("output.weight");
    if (decoder && c.head) {
        file.add_floats("cls.output.weight", Draws(3).many(shape.embd, 0.1F));
        file.reshape("cls.output.weight", {shape.embd, 1});
    }
    return directory.write("source.gguf", file.bytes());
}

}  // namespace

TEST_CASE("folders: encoders' weights under the names of their classes give the vectors of the GGUF" * doctest::test_suite("figures")) {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    std::size_t missing = 0;
    for (const EncoderCase& c : encoder_cases()) {
        CAPTURE(c.name());
        CAPTURE(c.source);
        const std::string file = source_of(c, directory);
        if (file.empty()) {
            ++missing;
            continue;
        }
        const auto folder = directory.path() / c.name();
        std::filesystem::remove_all(folder);
        write_case(folder, c, arrays_of(file));
        const auto model = open_model(runtime.get(), folder), same = open_model(runtime.get(), file);
        const auto info = info_of(model.get()), other = info_of(same.get());
        CHECK(info.pooling == other.pooling);
        CHECK(info.width == other.width);
        CHECK(info.scores == other.scores);
        const std::vector<Ids> texts = {some_ids(40), some_ids(7)};
        const auto got = embed(model.get(), texts), want = embed(same.get(), texts);
        REQUIRE(got.size() == want.size());
        double worst = 0, most = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double e = std::fabs(static_cast<double>(got[i]) - want[i]);
            worst = e <= worst ? worst : e;
            most = std::max(most, std::fabs(static_cast<double>(want[i])));
        }
        MESSAGE(c.source << " as " << c.name() << ": from the GGUF " << worst / most << " of the largest value");
        CHECK(worst / most <= 1e-5);
        CHECK(most > 0);
        record({c.source == "qwen3-embedding" ? "qwen3" : c.source, "folder", c.source, c.name(), "max", worst / most, 1e-5});
    }
    if (missing != 0) skipped("embedding goldens", missing);
}

TEST_CASE("folders: a reranker's texts meet as its tokenizer.json says") {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    const std::vector<EncoderCase> cases = bert_cases();
    const EncoderCase& c = *std::find_if(cases.begin(), cases.end(), [](const EncoderCase& e) { return e.name() == "BertForSequenceClassification"; });
    const std::string file = source_of(c, directory);
    const auto folder = directory.path() / "reranker";
    const Arrays weights = arrays_of(file);
    write_case(folder, c, weights);
    const auto special = [](const char* name) { return nlohmann::json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
    const auto text = [](const char* name, int type = 0) { return nlohmann::json{{"Sequence", {{"id", name}, {"type_id", type}}}}; };
    // Types of tokens differ by as much as an embedding: with all rows of the embedding made those of a document, tokens of
    // the first type score as those of the second.
    Arrays as_second = weights;
    const std::vector<float>& types = weights.at("token_types.weight").values;
    for (std::size_t i = 0; i < as_second["token_embd.weight"].values.size(); ++i)
        if (i / kWidth >= 100) as_second["token_embd.weight"].values[i] = weights.at("token_embd.weight").values[i - 100 * kWidth] + types[kWidth + i % kWidth] - types[i % kWidth];
    const auto other_folder = directory.path() / "second";
    write_case(other_folder, c, as_second);
    const auto other = open_model(runtime.get(), other_folder);
    for (const bool twice : {false, true}) {
        CAPTURE(twice);
        nlohmann::json pair = {special("[CLS]"), text("A"), special("[SEP]"), text("B", twice ? 0 : 1), special("[SEP]")};
        if (twice) pair.insert(pair.begin() + 2, special("[SEP]"));
        put_json(folder / "tokenizer.json",
                 {{"added_tokens", nlohmann::json::array()},
                  {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
                  {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                  {"model",
                   {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", {{"[UNK]", 0}, {"[CLS]", 1}, {"[SEP]", 2}, {"one", 3}, {"two", 4}, {"##s", 5}}}}},
                  {"post_processor",
                   {{"type", "TemplateProcessing"},
                    {"single", {special("[CLS]"), text("A"), special("[SEP]")}},
                    {"pair", pair},
                    {"special_tokens", {{"[CLS]", {{"ids", {1}}}}, {"[SEP]", {{"ids", {2}}}}}}}}});
        const auto model = open_model(runtime.get(), folder);
        const char* const document = "two twos";
        const std::size_t length = 8;
        float score = 0;
        std::size_t needed = 0;
        CHECK_OK(hearth_model_rerank(&score, 1, &needed, model.get(), "one", 3, &document, &length, 1, nullptr));
        const Ids ids = twice ? Ids{1, 3, 2, 2, 4, 4, 5, 2} : Ids{1, 3, 2, 4, 4, 5, 2};
        Ids typed = ids;
        const auto outputs = embed(model.get(), {ids});
        CHECK(outputs.size() == 3);
        if (twice) CHECK(same_bits(std::span(outputs).first(1), {&score, 1}));
        if (!twice) {  // whose template gives the document a type of its own
            for (std::size_t i = 3; i < typed.size(); ++i) typed[i] += 100;
            CHECK(outputs[0] != score);
            CHECK(static_cast<double>(embed(other.get(), {typed})[0]) == doctest::Approx(static_cast<double>(score)).epsilon(1e-4));
        }
        hearth_text* label = nullptr;
        CHECK_OK(hearth_model_score_label(&label, model.get(), 2));
        CHECK(std::string(hearth_text_data(label, nullptr)) == "bad");
        hearth_text_free(label);
    }
}
