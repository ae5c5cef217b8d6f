#include "common.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace cli {

void check(hearth_status status) {
    if (status == HEARTH_OK) return;
    if (status == HEARTH_ECANCELLED) throw Interrupted{};
    throw Failure(hearth_last_error());
}

void throw_if_interrupted() {
    if (interrupted()) throw Interrupted{};
}

std::int32_t ProgressBar::update(std::uint64_t done, std::uint64_t total, void* user) {
    if (interrupted()) return 1;
    auto& bar = *static_cast<ProgressBar*>(user);
    const int percent =
        total > 0 ? static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total)) : 100;
    if (!stderr_is_terminal() || percent == bar.shown_) return 0;
    bar.shown_ = percent;
    const auto filled = static_cast<std::size_t>(percent) * 30 / 100;
    std::fprintf(stderr, "\r%s [%s%s] %3d %%", bar.label_, std::string(filled, '#').c_str(),
                 std::string(30 - filled, ' ').c_str(), percent);
    return 0;
}

ProgressBar::~ProgressBar() {
    if (shown_ >= 0) std::fprintf(stderr, "\r\033[K");
}

void ModelOptions::add(CLI::App& app, bool required) {
    auto* model = app.add_option("MODEL", path, "a GGUF file, of a split model any part, or a folder");
    if (required) model->required();
    app.add_option("--threads", threads, "number of threads; 0: as many as this process may use cores");
    app.add_option("--isa", isa,
                   "instruction set: auto, scalar, avx2, avx2vnni, avx512, amx, neon, dotprod, i8mm; results are the "
                   "same with each");
}

Runtime ModelOptions::runtime() const {
    hearth_runtime_options options;
    check(hearth_runtime_options_init(&options, sizeof options));
    options.threads = threads;
    options.isa = isa.c_str();
    options.log = [](std::int32_t level, const char* text, std::size_t length, void*) {
        if (level <= HEARTH_LOG_WARNING) note("hearth: " + std::string(text, length));
    };
    hearth_runtime* runtime = nullptr;
    check(hearth_runtime_new(&runtime, &options));
    return Runtime(runtime);
}

Model ModelOptions::load(const Runtime& runtime) const {
    ProgressBar bar("loading");
    hearth_model_options options;
    check(hearth_model_options_init(&options, sizeof options));
    options.progress = ProgressBar::update;
    options.progress_user = &bar;
    options.flags = flags;
    hearth_model* model = nullptr;
    check(hearth_model_open_path(&model, runtime.get(), path.c_str(), &options));
    return Model(model);
}

void SessionOptions::add(CLI::App& app) {
    app.add_option("--ctx", context, "tokens that prompt and answer may take together; 0: the model's context length, or what fits of it");
    app.add_option("--kv", kv, "type of the key/value cache: f16, f32 (twice its memory) or q8_0 (half)")
        ->check(CLI::IsMember({"f16", "f32", "q8_0"}))
        ->capture_default_str();
    app.add_option("--lora", lora, "a LoRA adapter, GGUF or PEFT's folder, with its scale (1 unless given); may be repeated")
        ->type_name("FILE[:SCALE]")
        ->allow_extra_args(false);
    app.add_option("--control", control, "a control vector, with its scale (1 unless given); may be repeated")
        ->type_name("FILE[:SCALE]")
        ->allow_extra_args(false);
    app.add_option("--control-layers", control_layers, "layers that control vectors are added behind, counted from 0")
        ->type_name("FIRST-LAST");
}

void SessionOptions::add_chunk(CLI::App& app) {
    app.add_option("--chunk", chunk, "tokens that are evaluated together; 0: 512. Never changes a result");
}

void SessionOptions::add_prefix_store(CLI::App& app) {
    app.add_option("--prefix-store", prefix_store,
                   "a folder where what prompts computed is kept, and taken from by those that begin with the same text")
        ->type_name("FOLDER");
}

Session SessionOptions::make(const Model& model) const {
    hearth_session_options options;
    check(hearth_session_options_init(&options, sizeof options));
    options.context = context;
    options.chunk = chunk;
    options.kv = kv == "q8_0" ? HEARTH_KV_Q8_0 : kv == "f32" ? HEARTH_KV_F32 : HEARTH_KV_F16;
    hearth_session* session = nullptr;
    check(hearth_session_new(&session, model.get(), &options));
    Session made(session);
    hearth_adapter_options adapter;
    check(hearth_adapter_options_init(&adapter, sizeof adapter));
    for (const std::string& text : lora) attach(model, made, text, adapter, HEARTH_ADAPTER_LORA);
    if (!control_layers.empty()) {
        const std::size_t dash = control_layers.find('-');
        const auto number = [&](std::string_view digits, std::uint32_t& to) {
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
            if (error != std::errc() || end != digits.data() + digits.size())
                throw CLI::ValidationError("--control-layers", "expected FIRST-LAST, found '" + control_layers + "'");
        };
        const std::string_view all = control_layers;
        number(all.substr(0, dash), adapter.first_layer);
        number(dash == std::string::npos ? all : all.substr(dash + 1), adapter.last_layer);
    }
    for (const std::string& text : control) attach(model, made, text, adapter, HEARTH_ADAPTER_CONTROL);
    return made;
}

void SessionOptions::attach(const Model& model, const Session& session, const std::string& text,
                            const hearth_adapter_options& options, std::uint32_t kind) {
    double scale = 1;
    std::string path = text;
    if (const std::size_t colon = text.rfind(':'); colon != std::string::npos && !std::filesystem::exists(text)) {
        const char *const begin = text.data() + colon + 1, *const last = text.data() + text.size();
        const auto [end, error] = std::from_chars(begin, last, scale);
        if (error != std::errc() || end != last)
            throw Failure("'" + text + "': the scale behind ':' is no number");
        path.resize(colon);
    }
    hearth_adapter* loaded = nullptr;
    check(hearth_adapter_load(&loaded, model.get(), path.c_str(), &options));
    const Adapter adapter(loaded);
    hearth_adapter_info info{};
    info.struct_size = sizeof info;
    check(hearth_adapter_describe(&info, loaded));
    if (info.kind != kind)
        throw Failure(path + (kind == HEARTH_ADAPTER_LORA ? ": is a control vector, for --control" : ": is a LoRA adapter, for --lora"));
    check(hearth_session_attach(session.get(), loaded, scale));
}

void SessionOptions::use_prefix_store(const Runtime& runtime, const Session& session) const {
    if (prefix_store.empty()) return;
    hearth_prefix_store_options folder;
    check(hearth_prefix_store_options_init(&folder, sizeof folder));
    folder.folder = prefix_store.c_str();
    hearth_prefix_store* store = nullptr;
    check(hearth_prefix_store_open(&store, runtime.get(), &folder));
    const hearth_status used = hearth_session_use_store(session.get(), store);
    hearth_prefix_store_free(store);  // the session keeps it
    check(used);
}

namespace {

std::string trimmed(double value) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::optional<double> parse_number(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// For CLI11: the sentence of what is wrong, or nothing.
std::string check_number(const std::string& text) { return parse_number(text) ? "" : "'" + text + "' is not a number"; }

}  // namespace

void SamplingOptions::add(CLI::App& app) {
    double minimum = 0, maximum = 0, initial = 0;
    const char* doc = nullptr;
    for (std::size_t i = 0; const char* key = hearth_sampling_key(i, &minimum, &maximum, &initial, &doc); ++i) {
        std::string name = key;
        for (char& c : name) c = c == '_' ? '-' : c;
        auto& [stored, text] = values_.emplace_back(key, std::make_unique<std::string>());
        const std::string names = name == "temperature" ? "--temp,--temperature" : "--" + name;
        app.add_option(names, *text,
                       std::string(doc) + " From " + trimmed(minimum) + " to " + trimmed(maximum) + ", " +
                           trimmed(initial) + " unless given.")
            ->type_name("NUMBER")
            ->check(check_number)
            ->group("Sampling");
    }
    for (std::size_t i = 0; const char* key = hearth_sampling_list_key(i, &doc); ++i) {
        std::string name = key, samplers;
        for (char& c : name) c = c == '_' ? '-' : c;
        for (std::size_t j = 0; const char* sampler = hearth_sampling_sampler(j, nullptr); ++j)
            samplers += (j == 0 ? " " : ", ") + std::string(sampler);
        auto& [stored, texts] = lists_.emplace_back(key, std::make_unique<std::vector<std::string>>());
        app.add_option("--" + name, *texts, doc + (name == "order" ? " They are:" + samplers + "." : std::string()))
            ->type_name(name == "order" ? "NAME" : "TEXT")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->group("Sampling");
    }
    app.add_option("--set", set_, "a sampling key of the library by its own name, e.g. --set min_p=0.1")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check([](const std::string& pair) {
            const auto equals = pair.find('=');
            if (equals == std::string::npos) return "'" + pair + "' is not KEY=VALUE";
            return check_number(pair.substr(equals + 1));
        })
        ->group("Sampling");
    add_constraint(app);
}

void SamplingOptions::add_stop(const std::string& text) {
    for (auto& [key, texts] : lists_)
        if (key == "stop") texts->push_back(text);
}

Sampling SamplingOptions::make() const {
    hearth_sampling* made = nullptr;
    check(hearth_sampling_new(&made));
    Sampling sampling(made);
    for (const auto& [key, text] : values_) {
        if (!text->empty()) check(hearth_sampling_set(sampling.get(), key.c_str(), *parse_number(*text)));
    }
    for (const auto& [key, texts] : lists_) {
        if (texts->empty()) continue;
        std::vector<const char*> pointers;
        std::vector<std::size_t> lengths;
        for (const std::string& text : *texts) {
            pointers.push_back(text.data());
            lengths.push_back(text.size());
        }
        check(hearth_sampling_set_list(sampling.get(), key.c_str(), pointers.data(), lengths.data(), texts->size()));
    }
    for (const std::string& pair : set_) {
        const auto equals = pair.find('=');
        check(hearth_sampling_set(sampling.get(), pair.substr(0, equals).c_str(),
                                  *parse_number(pair.substr(equals + 1))));
    }
    constrain(sampling.get());
    return sampling;
}

Finish generate(const Model& model, const Session& session, const Sampling& sampling, std::uint32_t max_tokens,
                std::uint32_t flags, const std::function<bool(std::string_view)>& on_text, const Guessing& guessing) {
    hearth_generator* made = nullptr;
    check(hearth_generator_new(&made, model.get()));
    const Generator generator(made);
    hearth_generate_options options;
    check(hearth_generate_options_init(&options, sizeof options));
    options.max_tokens = max_tokens;
    options.flags = flags;
    options.draft = guessing.draft;
    options.draft_tokens = guessing.tokens;
    options.draft_model = guessing.model;
    check(hearth_generator_submit(generator.get(), session.get(), sampling.get(), &options));
    Finish finish;
    bool cancelled = false;
    const auto cancel = [&] { (void)hearth_generator_cancel(generator.get(), session.get()); };  // it may have ended
    const InterruptWatch watch(cancel);  // a pass over a long prompt takes seconds
    while (true) {
        const hearth_status stepped = hearth_generator_step(generator.get());
        if (stepped == HEARTH_EAGAIN) return finish;
        check(stepped);
        while (true) {
            hearth_event event{};
            event.struct_size = sizeof event;
            const hearth_status next = hearth_generator_next_event(&event, generator.get());
            if (next == HEARTH_EAGAIN) break;
            check(next);
            if (event.kind == HEARTH_EVENT_FINISH) {
                if (event.reason == HEARTH_FINISH_ERROR) throw Failure(event.message);
                finish = {event.reason,           event.token,          event.prompt_tokens,
                          event.generated_tokens, event.prompt_seconds, event.generate_seconds,
                          event.drafted_tokens,   event.accepted_tokens, event.draft_speedup};
            }
            // After a stop the rest is not wanted: what the caller did not ask for must not follow.
            if (event.text_length == 0 || cancelled || interrupted() || on_text({event.text, event.text_length})) continue;
            cancelled = true;
            cancel();
        }
    }
}

void report(const Finish& finish, const Session& session) {
    if (finish.reason == HEARTH_FINISH_CONTEXT) {
        note("hearth: the context of " + std::to_string(hearth_session_context(session.get())) + " tokens is full");
    }
    if (!stderr_is_terminal()) return;
    const auto rate = [](double count, double seconds) {
        return seconds > 0 ? number_text(count / seconds, 1) + " tokens/s" : std::string("no time");
    };
    // The first token comes out of the prompt's last pass; the others are what the decoding time is about.
    note("hearth: prompt " + std::to_string(finish.prompt_tokens) + " tokens, " +
         rate(finish.prompt_tokens, finish.prompt_seconds) + "; answer " + std::to_string(finish.generated_tokens) +
         " tokens, " + rate(finish.generated_tokens > 1 ? finish.generated_tokens - 1 : 0, finish.generate_seconds));
    if (finish.drafted_tokens != 0)
        note("hearth: of " + std::to_string(finish.drafted_tokens) + " guessed tokens " + std::to_string(finish.accepted_tokens) +
             " came true, decoding was " + number_text(finish.draft_speedup, 2) + " times as fast");
}

void DraftOptions::add(CLI::App& app) {
    app.add_option("--draft", by,
                   "guesses the next tokens, which changes nothing but the time: 'lookup' from the text so far, 'mtp' by the "
                   "model's own blocks for it, or a smaller model's file")
        ->type_name("lookup|mtp|FILE");
    app.add_option("--draft-tokens", tokens, "tokens to guess at a time, at most; 0: 8");
}

Model DraftOptions::load(const Runtime& runtime) const {
    if (by.empty() || by == "lookup" || by == "mtp") return Model();
    ModelOptions model;
    model.path = by;
    return model.load(runtime);
}

std::string number_text(double value, int decimals) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    return buffer;
}

std::string bytes_text(double bytes) {
    static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < std::size(kUnits)) {
        bytes /= 1000;
        ++unit;
    }
    return number_text(bytes, unit == 0 ? 0 : 2) + " " + kUnits[unit];
}

std::vector<hearth_token> token_list(const std::string& list) {
    std::vector<hearth_token> ids;
    const char *at = list.data(), *const end = at + list.size();
    while (true) {
        hearth_token id = 0;
        const auto [next, error] = std::from_chars(at, end, id);
        const std::string found(at, std::find(at, end, ','));
        if (error == std::errc::result_out_of_range) throw Failure("token id " + found + " is outside of any vocabulary");
        if (error != std::errc() || (next != end && *next != ',')) {
            throw CLI::ValidationError("--tokens", "'" + found + "' is not a token id; the list is ids with commas between");
        }
        ids.push_back(id);
        if (next == end) return ids;
        at = next + 1;
    }
}

}  // namespace cli
