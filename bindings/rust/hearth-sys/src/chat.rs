//! Chat templates, and the parser of what a chat model writes.

use crate::{hearth_event, hearth_status, hearth_text, hearth_token, hearth_tokenizer};
use core::ffi::c_char;

opaque! {
    /// Takes apart what a model writes, as it arrives: answer, reasoning, and calls of tools with their arguments as JSON, in the
    /// dialect of its template; it runs nothing. One parser reads one turn. Give it the tokens of hearth_chat_tokens as prompt,
    /// generate with HEARTH_GENERATE_SPECIAL (many marks are control tokens), feed it the generator's events, and take its own. The
    /// next input has hearth_chat_parser_message and {"role": "tool", "tool_call_id", "name", "content"} after it. \[object\]
    hearth_chat_parser
}

/// flag: the turn begins within the reasoning, whatever the prompt says
pub const HEARTH_CHAT_REASONING_OPEN: u32 = 1;
/// event: text is the next part of the answer
pub const HEARTH_CHAT_CONTENT: u32 = 1;
/// text: the next part of the reasoning
pub const HEARTH_CHAT_REASONING: u32 = 2;
/// a call: name and id are known
pub const HEARTH_CHAT_TOOL_BEGIN: u32 = 3;
/// text: the next part of its arguments; together they are one JSON value
pub const HEARTH_CHAT_TOOL_ARGUMENTS: u32 = 4;
/// text: all of its arguments; `complete` tells whether the call stands
pub const HEARTH_CHAT_TOOL_END: u32 = 5;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_chat_parser_options {
    pub struct_size: usize,
    pub flags: u32,
    /// HEARTH_CHAT_REASONING_OPEN or 0; reserved must be 0
    pub reserved: u32,
    /// one of hearth_chat_dialect; null or "": that of the template
    pub dialect: *const c_char,
    pub source: *const c_char,
    /// the template, as for hearth_chat_tokens; null: the model's own
    pub source_length: usize,
    pub tools: *const c_char,
    /// the JSON array that the template was given; null: none
    pub tools_length: usize,
    pub prompt: *const c_char,
    /// what the turn goes on from, as text or tokens: its end tells whether it opened
    pub prompt_length: usize,
    pub prompt_tokens: *const hearth_token,
    /// the reasoning; ids are made of it, for each turn others
    pub prompt_token_count: usize,
}

/// Pointers are not null and borrowed until the parser's next call. The events of a call follow each other.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_chat_event {
    pub struct_size: usize,
    pub kind: u32,
    /// HEARTH_CHAT_…; number of the call within the turn, from 0
    pub index: u32,
    pub complete: u32,
    /// 0: TOOL_END of a broken call. It is withdrawn; what the model wrote follows as content.
    pub reserved: u32,
    pub text: *const c_char,
    pub text_length: usize,
    pub name: *const c_char,
    /// of the tool, as the model wrote it
    pub name_length: usize,
    pub id: *const c_char,
    /// the model's own, else one made here; TOOL_END has the one to keep, as it may come late
    pub id_length: usize,
}

extern "C" {
    /// The Jinja template that the model's file carries for conversations: name null or "" for the default one, "tool_use"
    /// and the like for others. HEARTH_ENOTFOUND. \[any\] @since 0.1
    pub fn hearth_chat_template(
        out: *mut *mut hearth_text,
        tokenizer: *const hearth_tokenizer,
        name: *const c_char,
    ) -> hearth_status;
    /// A conversation as the text that the model was trained on; tokenize it with HEARTH_TOKENIZE_PARSE_SPECIAL, and where it
    /// begins with BOS itself with HEARTH_TOKENIZE_NO_SPECIAL too. `source` is a template, or null for the model's own (the
    /// one named tool_use where there is one and the input has tools); tokenizer may be null where source is not.
    /// `input` is a JSON object. Its members are the variables of the template:
    ///   "messages": \[{"role", "content": text or parts, "tool_calls", "reasoning_content"…}…\], "tools": \[definitions\] or null,
    ///   "add_generation_prompt": bool, "bos_token", "eos_token"… (without them those of the vocabulary), and any other, but for
    ///   "extra": {…}, whose members are further variables ("enable_thinking", "documents"…), and
    ///   "now": "2025-06-15T12:34:56", the time that strftime_now() tells (without it the clock's).
    /// It is rendered as Hugging Face transformers renders it, Python's printing of values included. A rendering takes
    /// 20 million steps, 256 MiB of values, 64 MiB of text and half a megabyte of stack at most: HEARTH_EBUDGET. HEARTH_EFORMAT for what is no
    /// template or no JSON, HEARTH_EINVAL where the template fails or raises an exception; the sentence has line and column.
    /// \[any\] @since 0.1
    pub fn hearth_chat_render(
        out: *mut *mut hearth_text,
        tokenizer: *const hearth_tokenizer,
        source: *const c_char,
        source_length: usize,
        input: *const c_char,
        input_length: usize,
    ) -> hearth_status;
    /// The same as tokens, in which only the template names control tokens: "\<|im_end|>" in a message stays text. Without
    /// HEARTH_TOKENIZE_NO_SPECIAL, the one flag, the vocabulary's BOS is added where the text does not begin with it; templates
    /// of models bring their own. For hearth_session_replace. tokenizer must not be null. \[any\] @since 0.1
    pub fn hearth_chat_tokens(
        tokens: *mut hearth_token,
        capacity: usize,
        needed: *mut usize,
        tokenizer: *const hearth_tokenizer,
        source: *const c_char,
        source_length: usize,
        input: *const c_char,
        input_length: usize,
        flags: u32,
    ) -> hearth_status;
    pub fn hearth_chat_parser_options_init(
        options: *mut hearth_chat_parser_options,
        struct_size: usize,
    ) -> hearth_status;
    /// tokenizer may be null where options have a dialect or a source; options may be null where it is not. HEARTH_EINVAL for unknown
    /// dialects and tools that are no array of definitions (with the place); HEARTH_ERANGE for unknown tokens. @since 0.1
    pub fn hearth_chat_parser_new(
        out: *mut *mut hearth_chat_parser,
        tokenizer: *const hearth_tokenizer,
        options: *const hearth_chat_parser_options,
    ) -> hearth_status;
    pub fn hearth_chat_parser_free(parser: *mut hearth_chat_parser);
    /// Any bytes, cut anywhere; what may begin a mark waits for the text that tells. HEARTH_ESTATE after the end. @since 0.1
    pub fn hearth_chat_parser_feed(
        parser: *mut hearth_chat_parser,
        text: *const c_char,
        length: usize,
    ) -> hearth_status;
    /// FINISH ends
    pub fn hearth_chat_parser_feed_event(parser: *mut hearth_chat_parser, event: *const hearth_event) -> hearth_status;
    /// what waited comes out; twice is fine
    pub fn hearth_chat_parser_finish(parser: *mut hearth_chat_parser) -> hearth_status;
    /// or HEARTH_EAGAIN
    pub fn hearth_chat_parser_next_event(
        event: *mut hearth_chat_event,
        parser: *mut hearth_chat_parser,
    ) -> hearth_status;
    /// What was fed, and a zero; \*length (may be null) without it. Borrowed until the next feed; "" for null. @since 0.1
    pub fn hearth_chat_parser_raw(parser: *const hearth_chat_parser, length: *mut usize) -> *const c_char;
    /// null for null
    pub fn hearth_chat_parser_dialect(parser: *const hearth_chat_parser) -> *const c_char;
    /// What came so far: {"role": "assistant", "content", "reasoning_content", "tool_calls": \[{"id", "type", "function": {"name",
    /// "arguments"}}…\]}; arguments are an object, or a string of JSON where the template takes only that. @since 0.1
    pub fn hearth_chat_parser_message(out: *mut *mut hearth_text, parser: *const hearth_chat_parser) -> hearth_status;
    /// Dialect i, null beyond the last; that of a template's source, "plain" where nothing tells. \[any\] @since 0.1
    pub fn hearth_chat_dialect(i: usize) -> *const c_char;
    pub fn hearth_chat_detect(source: *const c_char, length: usize) -> *const c_char;
}
