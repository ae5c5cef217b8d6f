// bench_constrained MODEL: what constrained output takes of the decode steps of a real model. For each of some schemas
// and grammars one line of JSON: milliseconds of a step, microseconds of the mask and the accepting of the token, of
// the choice among what the mask allows and of the free choice from the same logits, and the share of a step that
// constraining adds, in the first text, which computes masks, and in those that find them.
#include <algorithm>
#include <cstdio>
#include <string>

#include "bench/support.hpp"
#include "hearth/engine/generator.hpp"

namespace hearth {
namespace {

constexpr int kTexts = 4;
constexpr int kTokens = 96;

using bench::fail;
// Of this thread, which takes part in every pass from its beginning to its end.
double micros() { return bench::micros(CLOCK_THREAD_CPUTIME_ID); }

struct Sums {
    double step = 0, mask = 0, choice = 0, free_choice = 0;
    int tokens = 0;
    double share() const { return 100 * (mask + choice - free_choice) / step; }
    double mean(double sum) const { return sum / std::max(tokens, 1); }
};

Status add_text(const std::shared_ptr<LoadedModel>& model, const Sampling& sampling, ConstraintSource& source,
                const std::string& prompt, Sums& sums) {
    HEARTH_ASSIGN(const auto session, Session::make(model, {.context = 512}));
    HEARTH_ASSIGN(const auto tokens, model->tokenizer()->encode(prompt));
    HEARTH_TRY(session->sequence().append(tokens));
    HEARTH_TRY(session->evaluate(false, nullptr));
    const KernelTable& kernels = model->runtime()->kernels();
    HEARTH_ASSIGN(const auto sampler, Sampler::make(sampling, model->info().vocab, kernels));
    HEARTH_ASSIGN(const auto free_sampler, Sampler::make(sampling, model->info().vocab, kernels));
    HEARTH_ASSIGN(const auto bytes, model->token_bytes());
    HEARTH_ASSIGN(Constraint constraint, source.begin(bytes));
    for (int i = 0; i < kTokens; ++i) {
        const auto logits = session->sequence().logits();
        const std::size_t position = session->sequence().length();
        double start = micros();
        static_cast<void>(free_sampler->choose(logits, position));
        sums.free_choice += micros() - start;
        start = micros();
        HEARTH_ASSIGN(const auto mask, constraint.mask());
        sums.mask += micros() - start;
        start = micros();
        const Token token = sampler->choose(logits, position, {}, mask);
        sums.choice += micros() - start;
        if (token < 0) return {Code::bad_state, "no token is left"};
        if (model->tokenizer()->ends_generation(token)) break;
        start = micros();
        HEARTH_TRY(constraint.accept(token));
        HEARTH_ASSIGN(const bool end, constraint.must_end());
        sums.mask += micros() - start;
        sampler->accept(token);
        free_sampler->accept(token);
        if (end) break;
        HEARTH_TRY(session->sequence().append({&token, 1}));
        start = micros();
        HEARTH_TRY(session->evaluate(false, nullptr));
        sums.step += micros() - start;
        ++sums.tokens;
    }
    return {};
}

Status measure(const char* name, const std::shared_ptr<LoadedModel>& model,
               Result<std::shared_ptr<const Grammar>> grammar) {
    if (!grammar.ok()) return std::move(grammar).status();
    ConstraintSource source(*grammar);
    Sums first, later;
    for (int text = 0; text < kTexts; ++text) {
        Sampling sampling;
        HEARTH_TRY(sampling.set("seed", text));
        HEARTH_TRY(add_text(model, sampling, source, "The answer, in the form that was asked for:\n",
                            text == 0 ? first : later));
    }
    std::printf(
        "{\"grammar\": \"%s\", \"tokens\": %d, \"step_ms\": %.2f, \"first_mask_us\": %.1f, \"mask_us\": %.1f, "
        "\"choice_us\": %.1f, \"free_choice_us\": %.1f, \"first_share_percent\": %.2f, \"share_percent\": %.2f}\n",
        name, first.tokens + later.tokens, later.mean(later.step) / 1000, first.mean(first.mask),
        later.mean(later.mask), later.mean(later.choice), later.mean(later.free_choice), first.share(), later.share());
    std::fflush(stdout);
    return {};
}

Status run(const char* path) {
    HEARTH_ASSIGN(const auto runtime, Runtime::make({}));
    HEARTH_ASSIGN(auto file, open_model(std::string(path)));
    HEARTH_ASSIGN(const auto model, LoadedModel::load(runtime, std::move(file), {}));
    const double start = micros();
    HEARTH_ASSIGN(const auto bytes, model->token_bytes());
    std::printf("{\"vocabulary\": %zu, \"build_ms\": %.1f, \"bytes\": %llu}\n", bytes->size(),
                (micros() - start) / 1000, static_cast<unsigned long long>(bytes->bytes()));
    const char* person =
        R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
        "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":20}},
        "kind":{"enum":["friend","colleague","other"]},"note":{"type":"string","maxLength":500}},
        "required":["name","age","kind"],"additionalProperties":false})";
    const char* tree =
        R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"label":{"type":"string"},
        "children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["label","children"]}}})";
    HEARTH_TRY(measure("any json", model, Grammar::from_json_schema("true")));
    HEARTH_TRY(measure("person", model, Grammar::from_json_schema(person)));
    HEARTH_TRY(measure("tree", model, Grammar::from_json_schema(tree)));
    HEARTH_TRY(measure("gbnf list", model, Grammar::from_gbnf("root ::= (\"- \" [^\\n]{1,80} \"\\n\"){3,10}")));
    return measure("regex", model, Grammar::from_regex("(?:\\w+ ){4,20}\\d{4}-\\d{2}-\\d{2}"));
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
    if (argc != 2) return hearth::bench::fail("usage: bench_constrained MODEL");
    const hearth::Status status = hearth::run(argv[1]);
    return status ? 0 : hearth::bench::fail(status.message());
}
