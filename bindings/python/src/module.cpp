// hearth._hearth: hearth.h for Python. What is pleasant to use stands in the package around it.
#include "support.hpp"

PYBIND11_MODULE(_hearth, m) {
    using namespace hearth_py;
    m.doc() = "hearth.h as Python classes; use the package hearth.";
    // hearth._errors must be loaded: it knows the class of each status.
    py::register_local_exception_translator([](std::exception_ptr pending) {
        try {
            if (pending) std::rethrow_exception(pending);
        } catch (const Failure& failure) {
            const py::object make = py::module_::import("hearth._errors").attr("error_of");
            const py::object error = make(failure.status, text_of(failure.message.data(), failure.message.size()));
            PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
        }
    });
#define HEARTH_CONSTANT(name) m.attr(#name) = py::int_(HEARTH_##name)
    HEARTH_CONSTANT(TOKENIZE_NO_SPECIAL);
    HEARTH_CONSTANT(TOKENIZE_PARSE_SPECIAL);
    HEARTH_CONSTANT(TOKEN_BOS);
    HEARTH_CONSTANT(TOKEN_EOS);
    HEARTH_CONSTANT(TOKEN_EOT);
    HEARTH_CONSTANT(TOKEN_EOM);
    HEARTH_CONSTANT(TOKEN_UNKNOWN);
    HEARTH_CONSTANT(TOKEN_SEPARATOR);
    HEARTH_CONSTANT(TOKEN_PADDING);
    HEARTH_CONSTANT(TOKEN_MASK);
    HEARTH_CONSTANT(KV_F16);
    HEARTH_CONSTANT(KV_F32);
    HEARTH_CONSTANT(KV_Q8_0);
    HEARTH_CONSTANT(EVENT_TOKEN);
    HEARTH_CONSTANT(EVENT_FINISH);
    HEARTH_CONSTANT(EVENT_PREFILL);
    HEARTH_CONSTANT(FINISH_STOP);
    HEARTH_CONSTANT(FINISH_LENGTH);
    HEARTH_CONSTANT(FINISH_CONTEXT);
    HEARTH_CONSTANT(FINISH_CANCELLED);
    HEARTH_CONSTANT(FINISH_ERROR);
    HEARTH_CONSTANT(FINISH_DEADLINE);
    HEARTH_CONSTANT(GENERATE_IGNORE_EOS);
    HEARTH_CONSTANT(GENERATE_SPECIAL);
    HEARTH_CONSTANT(GENERATE_LOGITS);
    HEARTH_CONSTANT(GENERATE_PREFILL);
    HEARTH_CONSTANT(GENERATE_LOGPROBS);
    HEARTH_CONSTANT(DRAFT_NONE);
    HEARTH_CONSTANT(DRAFT_LOOKUP);
    HEARTH_CONSTANT(DRAFT_MODEL);
    HEARTH_CONSTANT(DRAFT_MTP);
    HEARTH_CONSTANT(MODEL_MTP);
    HEARTH_CONSTANT(CHAT_REASONING_OPEN);
    HEARTH_CONSTANT(CHAT_CONTENT);
    HEARTH_CONSTANT(CHAT_REASONING);
    HEARTH_CONSTANT(CHAT_TOOL_BEGIN);
    HEARTH_CONSTANT(CHAT_TOOL_ARGUMENTS);
    HEARTH_CONSTANT(CHAT_TOOL_END);
    HEARTH_CONSTANT(POOLING_DEFAULT);
    HEARTH_CONSTANT(POOLING_NONE);
    HEARTH_CONSTANT(POOLING_MEAN);
    HEARTH_CONSTANT(POOLING_CLS);
    HEARTH_CONSTANT(POOLING_LAST);
    HEARTH_CONSTANT(POOLING_RANK);
    HEARTH_CONSTANT(EMBED_NORMALIZE);
    HEARTH_CONSTANT(EMBED_NO_SPECIAL);
    HEARTH_CONSTANT(EMBED_PARSE_SPECIAL);
    HEARTH_CONSTANT(EMBED_TRUNCATE);
    HEARTH_CONSTANT(ADAPTER_LORA);
    HEARTH_CONSTANT(ADAPTER_CONTROL);
    HEARTH_CONSTANT(STEER_MEAN);
    HEARTH_CONSTANT(STEER_PCA);
#undef HEARTH_CONSTANT
    define_runtime(m);
    define_model(m);
    define_tokenizer(m);
    define_session(m);
    define_sampling(m);
    define_generator(m);
    define_chat(m);
}
