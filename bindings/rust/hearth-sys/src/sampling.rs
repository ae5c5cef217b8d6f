//! Samplers by string keys, and constraints.

use crate::{hearth_status, hearth_token};
use core::ffi::c_char;

opaque! {
    /// How to choose tokens: string keys with bounds. \[object\]; copied by submit.
    hearth_sampling
}

extern "C" {
    pub fn hearth_sampling_new(out: *mut *mut hearth_sampling) -> hearth_status;
    pub fn hearth_sampling_free(sampling: *mut hearth_sampling);
    /// HEARTH_EINVAL, with the known keys or the bounds in the sentence. @since 0.1
    pub fn hearth_sampling_set(sampling: *mut hearth_sampling, key: *const c_char, value: f64) -> hearth_status;
    pub fn hearth_sampling_get(value: *mut f64, sampling: *const hearth_sampling, key: *const c_char) -> hearth_status;
    /// Lists of texts, by key; what was there goes. "order": names of samplers; "stop": texts that end a generation; "ban": texts
    /// that are never generated; "dry_breakers": see hearth_sampling_list_key. lengths may be null for zero-terminated texts.
    /// HEARTH_EINVAL for unknown keys, samplers that do not exist or stand twice, and empty texts. @since 0.1
    pub fn hearth_sampling_set_list(
        sampling: *mut hearth_sampling,
        key: *const c_char,
        texts: *const *const c_char,
        lengths: *const usize,
        count: usize,
    ) -> hearth_status;
    /// Is added to the token's logit before all samplers, -1000 to 1000; -INFINITY: it is never chosen; 0: none. HEARTH_ERANGE for
    /// negative tokens here, for those outside the vocabulary when it is used. @since 0.1
    pub fn hearth_sampling_set_bias(sampling: *mut hearth_sampling, token: hearth_token, bias: f64) -> hearth_status;
    /// List number i, sampler number i in the order in which they are applied: null beyond the last. doc may be null. \[any\]
    /// @since 0.1
    pub fn hearth_sampling_list_key(i: usize, doc: *mut *const c_char) -> *const c_char;
    pub fn hearth_sampling_sampler(i: usize, doc: *mut *const c_char) -> *const c_char;
    /// Key number i: null beyond the last. Each out-parameter may be null. \[any\] @since 0.1
    pub fn hearth_sampling_key(
        i: usize,
        minimum: *mut f64,
        maximum: *mut f64,
        initial: *mut f64,
        doc: *mut *const c_char,
    ) -> *const c_char;
    /// What a generation's text must be; one of these, the last call stands, and where it fails what was there stays. The text
    /// begins with the first generated token. It ends with HEARTH_FINISH_STOP where it is whole and nothing may follow, or with
    /// an end-of-generation token, which is allowed exactly where it is whole; so it always belongs to what was asked for, but
    /// for HEARTH_FINISH_LENGTH, _CONTEXT, _CANCELLED and the stop texts of "stop". Where biases and "ban" forbid every token
    /// that it needs, it ends with HEARTH_FINISH_ERROR. HEARTH_GENERATE_IGNORE_EOS with it is refused by submit. Which tokens
    /// are allowed is worked out when it is first asked for, and kept for all generations with these settings: up to 64 MB, and
    /// in the model some 100 bytes per token.
    ///
    /// schema: JSON Schema, draft 2020-12. Members come in the schema's order. Keywords that are not supported are named in the
    /// sentence, with their JSON pointer: HEARTH_EUNSUPPORTED. regex: ECMA-262 with its `u` flag, without lookaround and
    /// backreferences; the whole text matches. gbnf: the grammars of llama.cpp, from `root`. choices: it is one of these texts;
    /// lengths may be null for zero-terminated ones. All UTF-8, at most 1 MiB, a schema 256 KiB. HEARTH_EINVAL, HEARTH_EFORMAT and
    /// HEARTH_EUTF8 tell the line and column, the byte or the JSON pointer. @since 0.1
    pub fn hearth_sampling_set_schema(
        sampling: *mut hearth_sampling,
        text: *const c_char,
        length: usize,
    ) -> hearth_status;
    pub fn hearth_sampling_set_regex(
        sampling: *mut hearth_sampling,
        text: *const c_char,
        length: usize,
    ) -> hearth_status;
    pub fn hearth_sampling_set_gbnf(
        sampling: *mut hearth_sampling,
        text: *const c_char,
        length: usize,
    ) -> hearth_status;
    pub fn hearth_sampling_set_choices(
        sampling: *mut hearth_sampling,
        texts: *const *const c_char,
        lengths: *const usize,
        count: usize,
    ) -> hearth_status;
    /// The text is one call of a tool: of the one that is named, or, name null, of any of `tools`, a JSON array as chat templates
    /// take it; its arguments are valid for the tool's parameters. It is written as the model writes calls: dialect null asks
    /// the model's chat template when it is submitted, and submit refuses with HEARTH_EUNSUPPORTED those that do not write
    /// arguments as JSON. Control tokens of that notation are in the text with HEARTH_GENERATE_SPECIAL only. HEARTH_ENOTFOUND:
    /// there is no such tool. @since 0.1
    pub fn hearth_sampling_set_tool_choice(
        sampling: *mut hearth_sampling,
        tools: *const c_char,
        length: usize,
        name: *const c_char,
        dialect: *const c_char,
    ) -> hearth_status;
    /// Any text again. @since 0.1
    pub fn hearth_sampling_clear_constraint(sampling: *mut hearth_sampling) -> hearth_status;
}
