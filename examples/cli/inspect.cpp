// hearth inspect: what a model file is and what it would take to run it, without loading weights.
#include <nlohmann/json.hpp>

#include "common.hpp"

namespace cli {
namespace {

using Json = nlohmann::ordered_json;

void row(std::string& out, std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out += std::string(name) + std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') + value + "\n";
}

std::string text_of(const Json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? value.get<std::string>() : value.dump();
}
std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? "" : text_of(*found);
}
double number_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::string count_text(double count) {
    if (count >= 1e9) return number_text(count / 1e9, 2) + " billion";
    if (count >= 1e6) return number_text(count / 1e6, 2) + " million";
    return number_text(count, 0);
}

std::string table(const Json& info) {
    std::string out;
    row(out, "file", text_of(info, "file"));
    row(out, "format",
        text_of(info, "format") + (number_of(info, "format_version") > 0 ? " version " + text_of(info, "format_version") : "") + ", " +
            bytes_text(number_of(info, "file_bytes")));
    row(out, "architecture", text_of(info, "architecture"));
    row(out, "name", text_of(info, "name"));
    const Json why = info.value("why", Json::object());
    row(out, "supported",
        info.value("supported", false) ? "yes" : "no (" + text_of(why, "part") + "): " + text_of(why, "message"));
    row(out, "parameters", count_text(number_of(info, "parameters")) + " in " + text_of(info, "tensors") + " tensors");
    row(out, "context", info.contains("context_length") ? text_of(info, "context_length") + " tokens" : "");
    if (info.contains("layers")) {
        row(out, "layers", text_of(info, "layers"));
        row(out, "width", text_of(info, "embedding_length") + ", feed-forward " + text_of(info, "feed_forward_length"));
        if (number_of(info, "experts") != 0)
            row(out, "experts", text_of(info, "experts") + ", " + text_of(info, "experts_used") + " used by a token");
        row(out, "heads", text_of(info, "heads") + ", key/value " + text_of(info, "kv_heads"));
    }
    if (const Json vocabulary = info.value("vocabulary", Json::object()); !vocabulary.empty()) {
        std::string special;
        for (const char* name : {"bos", "eos", "eot"}) {
            if (vocabulary.contains(name)) special += std::string(", ") + name + " " + text_of(vocabulary, name);
        }
        row(out, "vocabulary",
            text_of(vocabulary, "size") + " tokens (" + text_of(vocabulary, "model") + ")" + special);
    }
    std::string_view label = "quantization";
    for (const Json& share : info.value("quantization", Json::array())) {
        row(out, label,
            text_of(share, "type") + ": " + text_of(share, "tensors") + " tensors, " +
                bytes_text(number_of(share, "bytes")));
        label = "";
    }
    if (const Json packed = info.value("packed", Json()); packed.is_object()) {
        std::string types;
        for (const Json& type : packed.value("types", Json::array())) types += (types.empty() ? "" : ", ") + text_of(type);
        row(out, "packed", "panels of " + types + " (version " + text_of(packed, "version") + "), used without loading");
    }
    row(out, "bits per weight", number_text(number_of(info, "bits_per_weight"), 2));
    if (const Json memory = info.value("memory", Json::object()); !memory.empty()) {
        row(out, "memory: weights", bytes_text(number_of(memory, "weights")));
        row(out, "memory: cache",
            bytes_text(number_of(memory, "kv_bytes_per_token")) + " per token (" + text_of(memory, "kv_type") + ")");
        for (const Json& group : memory.value("kv_groups", Json::array()))
            for (const auto& [bound, words] : {std::pair("window", " of them in a window of "), std::pair("chunk", " of them in chunks of ")})
                if (number_of(group, bound) != 0)
                    row(out, "", bytes_text(number_of(group, "bytes_per_token")) + words + text_of(group, bound) + " tokens");
        if (number_of(memory, "state") != 0) row(out, "memory: state", bytes_text(number_of(memory, "state")));
        row(out, "memory: scratch", bytes_text(number_of(memory, "scratch")));
        for (const Json& depth : memory.value("kv_at_context", Json::array())) {
            row(out, "memory: total",
                bytes_text(number_of(depth, "total")) + " at " + text_of(depth, "tokens") + " tokens");
        }
    }
    return out;
}

}  // namespace

void add_inspect(Commands& commands) {
    struct Inspect {
        ModelOptions model;
        bool json = false;
    };
    auto inspect = std::make_shared<Inspect>();
    CLI::App* app = commands.app.add_subcommand("inspect", "tells about a model file without loading its weights");
    app->add_option("MODEL", inspect->model.path, "a GGUF file, of a split model any part, or a folder")->required();
    app->add_flag("--json", inspect->json, "prints one JSON object");
    app->callback([&commands, inspect] {
        commands.action = [inspect] {
            const Runtime runtime = inspect->model.runtime();
            hearth_text* made = nullptr;
            check(hearth_inspect_path(&made, runtime.get(), inspect->model.path.c_str()));
            const Text text(made);
            std::size_t length = 0;
            const char* data = hearth_text_data(text.get(), &length);
            const std::string json(data, length);
            write_stdout(inspect->json ? json + "\n" : table(Json::parse(json)));
        };
    });
}

}  // namespace cli
