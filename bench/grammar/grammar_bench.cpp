// bench_grammar VOCABULARY.gguf...: for each of some schemas and grammars one line of JSON with what the masks along
// random texts cost in microseconds of CPU time: those that had to be computed, the dearest of them, those that were
// kept, and the mean over all of the first few texts, which is what a new session pays for each token. The tokens of
// all vocabularies are one vocabulary, filled up to 128k with words of two of them.
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "bench/support.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/text/constraint.hpp"

namespace hearth {
namespace {

constexpr std::size_t kVocabulary = 128'256;

using bench::fail;
double micros() { return bench::micros(CLOCK_PROCESS_CPUTIME_ID); }

Status add_pieces(const char* path, std::vector<std::string>& pieces, std::unordered_set<std::string>& seen) {
    HEARTH_ASSIGN(const auto file, Gguf::open_path(path));
    HEARTH_ASSIGN(const auto tokenizer, Tokenizer::make(file->metadata()));
    for (std::size_t i = 0; i < tokenizer->size() && pieces.size() + 1 < kVocabulary; ++i) {
        std::string piece = tokenizer->piece(static_cast<Token>(i));
        if (!piece.empty() && seen.insert(piece).second) pieces.push_back(std::move(piece));
    }
    return {};
}

int measure(const char* name, Result<std::shared_ptr<const Grammar>> grammar,
            const std::shared_ptr<const TokenBytes>& tokens) {
    if (!grammar) return fail(grammar.status().message());
    const Token end = tokens->ends().front();
    std::mt19937 random(1);
    const Constraint fresh(*grammar, tokens);
    double computed = 0, dearest = 0, kept = 0, first = 0, accepted = 0;
    std::size_t computed_count = 0, kept_count = 0, first_count = 0, total = 0;
    for (int text = 0; text < 12; ++text) {
        Constraint constraint = fresh;
        for (int i = 0; i < 200; ++i) {
            const double start = micros();
            const auto mask = constraint.mask();
            const double took = micros() - start;
            if (!mask) return fail(mask.status().message());
            std::vector<Token> ways;
            for (std::size_t t = 0; t < tokens->size(); ++t)
                if ((((*mask)[t / 64] >> (t % 64)) & 1) != 0) ways.push_back(static_cast<Token>(t));
            const bool cached = took < 20;
            (cached ? kept : computed) += took;
            ++(cached ? kept_count : computed_count);
            dearest = std::max(dearest, took);
            if (text < 3) {
                first += took;
                ++first_count;
            }
            if (ways.empty()) return fail("no token continues the text");
            // Short tokens close what long ones open, or strings would fill the text.
            const Token chosen = *std::min_element(
                ways.begin(), ways.end(),
                [&, drawn = ways[random() % ways.size()]](Token a, Token b) { return (a == drawn) > (b == drawn); });
            const double before = micros();
            const Status status = constraint.accept(chosen);
            accepted += micros() - before;
            ++total;
            if (!status) return fail(status.message());
            if (chosen == end) break;
        }
    }
    std::printf(
        "{\"grammar\": \"%s\", \"tokens\": %zu, \"computed\": %zu, \"computed_us\": %.1f, \"dearest_us\": %.1f, "
        "\"kept_us\": %.2f, "
        "\"accept_us\": %.2f, \"first_texts_us\": %.1f}\n",
        name, total, computed_count, computed_count == 0 ? 0.0 : computed / static_cast<double>(computed_count),
        dearest, kept_count == 0 ? 0.0 : kept / static_cast<double>(kept_count), accepted / static_cast<double>(total),
        first / static_cast<double>(first_count));
    return 0;
}

int run(int count, char** paths) {
    std::vector<std::string> pieces;
    std::unordered_set<std::string> seen;
    for (int byte = 0; byte < 256; ++byte) {
        pieces.emplace_back(1, static_cast<char>(byte));
        seen.insert(pieces.back());
    }
    for (int i = 0; i < count; ++i)
        if (const Status status = add_pieces(paths[i], pieces, seen); !status) return fail(status.message());
    std::mt19937 random(2);
    const std::size_t words = pieces.size();
    while (pieces.size() + 1 < kVocabulary) {
        std::string piece = pieces[random() % words] + pieces[random() % words];
        if (piece.size() < 16 && seen.insert(piece).second) pieces.push_back(std::move(piece));
    }
    pieces.emplace_back();
    const double start = micros();
    const auto tokens = TokenBytes::make(std::move(pieces), {static_cast<Token>(kVocabulary - 1)});
    std::printf("{\"vocabulary\": %zu, \"own\": %zu, \"build_ms\": %.1f}\n", tokens->size(), words,
                (micros() - start) / 1000);
    const char* person =
        R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
        "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":20}},
        "kind":{"enum":["friend","colleague","other"]},"note":{"type":"string","maxLength":500}},
        "required":["name","age","kind"],"additionalProperties":false})";
    const char* tree =
        R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"label":{"type":"string"},
        "children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["label","children"]}}})";
    int result = measure("any json", Grammar::from_json_schema("true"), tokens);
    result |= measure("person", Grammar::from_json_schema(person), tokens);
    result |= measure("tree", Grammar::from_json_schema(tree), tokens);
    result |= measure("gbnf list", Grammar::from_gbnf("root ::= (\"- \" [^\\n]{1,80} \"\\n\"){3,10}"), tokens);
    result |= measure("regex", Grammar::from_regex("(?:\\w+ ){4,20}\\d{4}-\\d{2}-\\d{2}"), tokens);
    return result;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
    if (argc < 2) return hearth::bench::fail("usage: bench_grammar VOCABULARY.gguf...");
    return hearth::run(argc - 1, argv + 1);
}
