#include "guard.h"
#include "hearth/text/forced_call.hpp"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

Status constrain(hearth_sampling* sampling, Result<std::shared_ptr<const Grammar>> grammar) {
    if (!grammar.ok()) return std::move(grammar).status();
    sampling->impl.constrain(std::make_shared<ConstraintSource>(*std::move(grammar)));
    return {};
}

hearth_status constrain(hearth_sampling* sampling, const char* text, size_t length,
                        Result<std::shared_ptr<const Grammar>> (*make)(std::string_view)) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(text);
        return constrain(sampling, make(std::string_view(text, length)));
    });
}

}  // namespace

extern "C" {

hearth_status hearth_sampling_set_schema(hearth_sampling* sampling, const char* text, size_t length) {
    return constrain(sampling, text, length, Grammar::from_json_schema);
}

hearth_status hearth_sampling_set_regex(hearth_sampling* sampling, const char* text, size_t length) {
    return constrain(sampling, text, length, Grammar::from_regex);
}

hearth_status hearth_sampling_set_gbnf(hearth_sampling* sampling, const char* text, size_t length) {
    return constrain(sampling, text, length, Grammar::from_gbnf);
}

hearth_status hearth_sampling_set_choices(hearth_sampling* sampling, const char* const* texts, const size_t* lengths,
                                          size_t count) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_ASSIGN(const auto list, list_argument(texts, lengths, count));
        return constrain(sampling, Grammar::from_choices(list));
    });
}

hearth_status hearth_sampling_set_tool_choice(hearth_sampling* sampling, const char* tools, size_t length,
                                              const char* name, const char* dialect) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(tools);
        HEARTH_ASSIGN(auto call, ForcedCall::make(std::string_view(tools, length), name != nullptr ? name : "",
                                                  dialect != nullptr ? dialect : ""));
        sampling->impl.constrain(std::make_shared<ConstraintSource>(std::move(call)));
        return {};
    });
}

hearth_status hearth_sampling_clear_constraint(hearth_sampling* sampling) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        sampling->impl.constrain(nullptr);
        return {};
    });
}

}  // extern "C"
