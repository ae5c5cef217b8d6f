//! Takes apart what a chat model writes.

use std::fmt;
use std::ptr::{self, NonNull};

use hearth_sys as sys;
use serde_json::Value;

use crate::error::{check, Result};
use crate::ffi;
use crate::generate::{Event, Finish};
use crate::message::{Message, ToolCall};
use crate::model::json;
use crate::tokenizer::{pair, Token, Tokenizer};

/// Part of a turn, as it arrives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// The next part of the answer.
    Content(String),
    /// The next part of the reasoning.
    Reasoning(String),
    /// A call of a tool begins. The events of a call follow each other.
    ToolBegin {
        /// Number of the call within the turn, from 0.
        index: usize,
        /// Of the tool, as the model wrote it.
        name: String,
        /// The model's own, or one that was made here.
        id: String,
    },
    /// The next part of a call's arguments; together they are one JSON value.
    ToolArguments {
        /// Number of the call.
        index: usize,
        /// The part.
        text: String,
    },
    /// A call is whole.
    ToolEnd {
        /// Number of the call.
        index: usize,
        /// The call, with the id to keep and all of its arguments.
        call: ToolCall,
    },
    /// A call was broken, and is withdrawn; what the model wrote follows as content.
    ToolBroken {
        /// Number of the call.
        index: usize,
    },
    /// The end of the turn: of [`Reply`](crate::Reply) only.
    Finish(Finish),
}

/// What a [`ChatParser`] is told before the first text.
#[derive(Clone, Debug, Default)]
pub struct ChatParserOptions {
    /// One of [`dialects`]; empty: that of the template.
    pub dialect: String,
    /// The template, where it is not the model's own.
    pub template: Option<String>,
    /// The JSON array of tools that the template was given.
    pub tools: Option<Value>,
    /// The tokens that the turn goes on from: their end tells whether the reasoning is open.
    pub prompt: Vec<Token>,
    /// The turn begins within the reasoning, whatever the prompt says.
    pub reasoning_open: bool,
}

/// Takes apart what a model writes in one turn: answer, reasoning, calls of tools. It runs nothing. [`Chat`](crate::Chat)
/// has one inside. `Send`, not `Sync`.
///
/// ```
/// use hearth::{ChatEvent, ChatParser, ChatParserOptions};
/// # fn main() -> hearth::Result<()> {
/// let options = ChatParserOptions { dialect: "hermes".into(), ..Default::default() };
/// let mut parser = ChatParser::new(None, &options)?;
/// parser.feed("Let me see. <tool_call>{\"name\": \"clock\", \"arg")?;
/// parser.feed("uments\": {\"zone\": \"UTC\"}}</tool_call>")?;
/// parser.finish()?;
/// let events: Vec<ChatEvent> = parser.by_ref().collect::<hearth::Result<_>>()?;
/// let call = events.iter().find_map(|e| match e {
///     ChatEvent::ToolEnd { call, .. } => Some(call),
///     _ => None,
/// });
/// assert_eq!(call.unwrap().arguments()["zone"], "UTC");
/// # Ok(())
/// # }
/// ```
pub struct ChatParser {
    raw: NonNull<sys::hearth_chat_parser>,
    _tokenizer: Option<Tokenizer>,
}

// The header's class of parsers is [object]: one thread at a time, whichever it is.
unsafe impl Send for ChatParser {}

impl ChatParser {
    /// For one turn. Without a tokenizer the options must have a dialect or a template.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for unknown dialects and tools that are no array of
    /// definitions, with the place; [`Error::OutOfRange`](crate::Error::OutOfRange) for unknown tokens.
    pub fn new(tokenizer: Option<&Tokenizer>, options: &ChatParserOptions) -> Result<ChatParser> {
        let dialect = ffi::c_string("the dialect", &options.dialect)?;
        let tools = options.tools.as_ref().map(Value::to_string);
        let mut c: sys::hearth_chat_parser_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_chat_parser_options_init(&mut c, std::mem::size_of_val(&c)) })?;
        if options.reasoning_open {
            c.flags = sys::HEARTH_CHAT_REASONING_OPEN;
        }
        c.dialect = dialect.as_ptr();
        (c.source, c.source_length) = pair(options.template.as_deref());
        (c.tools, c.tools_length) = pair(tools.as_deref());
        if !options.prompt.is_empty() {
            (c.prompt_tokens, c.prompt_token_count) = (options.prompt.as_ptr(), options.prompt.len());
        }
        let own = tokenizer.map_or(ptr::null(), |t| t.raw().cast_const());
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_chat_parser_new(&mut raw, own, &c) }, raw)?;
        Ok(ChatParser {
            raw,
            _tokenizer: tokenizer.cloned(),
        })
    }

    /// The next part of what the model writes, cut anywhere; what may begin a mark waits for the text that tells.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) after the end.
    pub fn feed(&mut self, text: impl AsRef<[u8]>) -> Result<()> {
        let text = text.as_ref();
        check(unsafe { sys::hearth_chat_parser_feed(self.raw.as_ptr(), text.as_ptr().cast(), text.len()) })
    }

    /// The same from a generation, whose end is the turn's.
    ///
    /// # Errors
    /// As [`ChatParser::feed`].
    pub fn feed_event(&mut self, event: &Event) -> Result<()> {
        self.feed(event.text())?;
        match event {
            Event::Finish(_) => self.finish(),
            _ => Ok(()),
        }
    }

    /// The end of the turn: what waited comes out.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn finish(&mut self) -> Result<()> {
        check(unsafe { sys::hearth_chat_parser_finish(self.raw.as_ptr()) })
    }

    /// All that was fed.
    pub fn raw_text(&self) -> String {
        let mut length = 0;
        // Borrowed until the next feed, and copied here.
        unsafe {
            let text = sys::hearth_chat_parser_raw(self.raw.as_ptr(), &mut length);
            ffi::borrowed(text, length)
        }
    }

    /// The dialect that it reads.
    pub fn dialect(&self) -> &'static str {
        unsafe { ffi::literal(sys::hearth_chat_parser_dialect(self.raw.as_ptr())) }.unwrap_or("")
    }

    /// What came so far as a message of the assistant, for the template's next input.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn message(&self) -> Result<Message> {
        json(&ffi::text(|out| unsafe {
            sys::hearth_chat_parser_message(out, self.raw.as_ptr())
        })?)
    }

    fn take(&mut self) -> Result<Option<ChatEvent>> {
        let mut e: sys::hearth_chat_event = unsafe { std::mem::zeroed() };
        e.struct_size = std::mem::size_of_val(&e);
        match unsafe { sys::hearth_chat_parser_next_event(&mut e, self.raw.as_ptr()) } {
            sys::HEARTH_EAGAIN => return Ok(None),
            status => check(status)?,
        }
        let index = e.index as usize;
        // Borrowed until the parser's next call, and copied here.
        let (text, name, id) = unsafe {
            (
                ffi::borrowed(e.text, e.text_length),
                ffi::borrowed(e.name, e.name_length),
                ffi::borrowed(e.id, e.id_length),
            )
        };
        Ok(Some(match e.kind {
            sys::HEARTH_CHAT_REASONING => ChatEvent::Reasoning(text),
            sys::HEARTH_CHAT_TOOL_BEGIN => ChatEvent::ToolBegin { index, name, id },
            sys::HEARTH_CHAT_TOOL_ARGUMENTS => ChatEvent::ToolArguments { index, text },
            sys::HEARTH_CHAT_TOOL_END if e.complete == 0 => ChatEvent::ToolBroken { index },
            sys::HEARTH_CHAT_TOOL_END => ChatEvent::ToolEnd {
                index,
                call: ToolCall::new(id, name, &text),
            },
            _ => ChatEvent::Content(text),
        }))
    }
}

impl Iterator for ChatParser {
    type Item = Result<ChatEvent>;

    /// None until more is fed.
    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

impl Drop for ChatParser {
    fn drop(&mut self) {
        unsafe { sys::hearth_chat_parser_free(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for ChatParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatParser")
            .field("dialect", &self.dialect())
            .finish_non_exhaustive()
    }
}

/// The dialects of tools' calls that parsers read.
pub fn dialects() -> Vec<&'static str> {
    (0..)
        .map_while(|i| unsafe { ffi::literal(sys::hearth_chat_dialect(i)) })
        .collect()
}

/// The dialect of a template; "plain" where nothing tells.
pub fn detect_dialect(template: &str) -> &'static str {
    let name = unsafe { sys::hearth_chat_detect(template.as_ptr().cast(), template.len()) };
    unsafe { ffi::literal(name) }.unwrap_or("plain")
}
