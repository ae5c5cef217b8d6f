// What the text must be: --schema, --regex, --grammar, --choices.
#include "common.hpp"

namespace cli {

void SamplingOptions::add_constraint(CLI::App& app) {
    const std::string group = "Constrained output";
    CLI::Option* const options[] = {
        app.add_option("--schema", schema_, "the text is JSON that is valid for this JSON Schema (draft 2020-12)")
            ->type_name("FILE")
            ->check(CLI::ExistingFile),
        app.add_option("--regex", regex_, "the whole text matches this regular expression (ECMA-262)")
            ->type_name("PATTERN")
            ->allow_extra_args(false),
        app.add_option("--grammar", grammar_, "the text belongs to this GBNF grammar")
            ->type_name("FILE")
            ->check(CLI::ExistingFile),
        app.add_option("--choices", choices_, "the text is one of those that this option is given with")
            ->type_name("TEXT")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)};
    for (CLI::Option* const option : options) {
        option->group(group);
        for (CLI::Option* const other : options)
            if (other != option) option->excludes(other);
    }
}

void SamplingOptions::constrain(hearth_sampling* sampling) const {
    const auto named = [](const std::string& path, hearth_status status) {
        if (status != HEARTH_OK) throw Failure(path + ": " + hearth_last_error());
    };
    if (!schema_.empty()) {
        const std::string text = read_file(schema_);
        named(schema_, hearth_sampling_set_schema(sampling, text.data(), text.size()));
    }
    if (!grammar_.empty()) {
        const std::string text = read_file(grammar_);
        named(grammar_, hearth_sampling_set_gbnf(sampling, text.data(), text.size()));
    }
    if (!regex_.empty()) named("--regex", hearth_sampling_set_regex(sampling, regex_.data(), regex_.size()));
    if (!choices_.empty()) {
        std::vector<const char*> texts;
        std::vector<std::size_t> lengths;
        for (const std::string& text : choices_) {
            texts.push_back(text.data());
            lengths.push_back(text.size());
        }
        named("--choices", hearth_sampling_set_choices(sampling, texts.data(), lengths.data(), texts.size()));
    }
}

}  // namespace cli
