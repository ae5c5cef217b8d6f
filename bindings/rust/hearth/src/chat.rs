//! Conversations with chat models.

use std::collections::VecDeque;
use std::fmt;

use serde_json::{json, Map, Value};

use crate::error::{Error, Result};
use crate::generate::{Event, Finish, GenerateOptions};
use crate::generation::Generation;
use crate::message::{Content, Message, Tool};
use crate::model::Model;
use crate::parser::{ChatEvent, ChatParser, ChatParserOptions};
use crate::sampling::Sampling;
use crate::session::{CancelHandle, Session};
use crate::tokenizer::Tokenizer;

/// A conversation with a chat model, in the model's own template: messages, tools, and a session that keeps what it has
/// computed from turn to turn. `Send`, not `Sync`.
///
/// ```
/// use hearth::{Chat, ChatEvent, Message};
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let mut chat = Chat::new(&model)?;
/// chat.push(Message::system("Answer briefly."));
/// chat.options.max_tokens = 32;
/// for event in chat.send("What is the capital of France?")? {
///     match event? {
///         ChatEvent::Content(text) => print!("{text}"),
///         ChatEvent::Finish(finish) => println!("\n{} tokens", finish.generated_tokens),
///         _ => {}
///     }
/// }
/// assert_eq!(chat.messages().len(), 3); // the answer is the third
/// # Ok(())
/// # }
/// ```
///
/// With tools, the calls come as [`ChatEvent::ToolEnd`]; run them, [`push`](Chat::push) what they came to as
/// [`Message::tool`], and ask for the next [`reply`](Chat::reply).
pub struct Chat {
    session: Session,
    tokenizer: Tokenizer,
    messages: Vec<Message>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What each turn is asked for. Control tokens are always written out for the parser.
    pub options: GenerateOptions,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Further variables of the template, such as `enable_thinking`.
    pub variables: Map<String, Value>,
    /// A template in place of the model's own.
    pub template: Option<String>,
}

impl Chat {
    /// In a new session of the model.
    ///
    /// # Errors
    /// As [`Model::session_with`].
    pub fn new(model: &Model) -> Result<Chat> {
        Chat::with_session(model.session()?)
    }

    /// In a session: with its context, cache, adapters and prefix store. Its tokens are replaced with the first turn.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn with_session(session: Session) -> Result<Chat> {
        Ok(Chat {
            tokenizer: session.model().tokenizer()?,
            session,
            messages: Vec::new(),
            sampling: Sampling::new()?,
            options: GenerateOptions::default(),
            tools: Vec::new(),
            variables: Map::new(),
            template: None,
        })
    }

    /// Adds a message.
    pub fn push(&mut self, message: Message) -> &mut Self {
        self.messages.push(message);
        self
    }

    /// All messages so far.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// All messages, to change them: what stays the same up to the first difference is not computed again.
    pub fn messages_mut(&mut self) -> &mut Vec<Message> {
        &mut self.messages
    }

    /// The session that it runs in.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The same, for adapters and stores.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Stops the turn, from another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.session.cancel_handle()
    }

    /// What the template is given for the next turn.
    pub fn input(&self) -> Value {
        let mut input = self.variables.clone();
        input.insert("messages".into(), json!(self.messages));
        if let Some(tools) = self.tools_value() {
            input.insert("tools".into(), tools);
        }
        input.entry("add_generation_prompt").or_insert(true.into());
        Value::Object(input)
    }

    fn tools_value(&self) -> Option<Value> {
        (!self.tools.is_empty()).then(|| self.tools.iter().map(Tool::to_value).collect())
    }

    /// Says something, and lets the model answer.
    ///
    /// # Errors
    /// As [`Chat::reply`]; the message stays.
    pub fn send(&mut self, text: impl Into<Content>) -> Result<Reply<'_>> {
        self.push(Message::user(text));
        self.reply()
    }

    /// Lets the model take its turn: an iterator of its parts. The answer is added to the messages at its end, or what
    /// there is of it when the iterator is dropped before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model without a template, [`Error::InvalidArgument`] where the template does not take
    /// the messages, [`Error::OutOfRange`] where they are longer than the context, and as [`Session::generate`].
    pub fn reply(&mut self) -> Result<Reply<'_>> {
        let prompt = self.tokenizer.chat_tokens(&self.input(), self.template.as_deref())?;
        self.session.set_tokens(&prompt)?;
        let parser = ChatParser::new(
            Some(&self.tokenizer),
            &ChatParserOptions {
                template: self.template.clone(),
                tools: self.tools_value(),
                prompt,
                ..Default::default()
            },
        )?;
        let options = GenerateOptions {
            special: true,
            ..self.options.clone()
        };
        let generation = self.session.generate(&self.sampling, &options)?;
        Ok(Reply {
            generation,
            parser,
            messages: &mut self.messages,
            finish: None,
            told: VecDeque::new(),
            kept: false,
        })
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat")
            .field("messages", &self.messages)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A turn of the model: an iterator of its parts, of which [`ChatEvent::Finish`] or an error is the last. Dropping it
/// stops the turn and keeps what there is.
pub struct Reply<'a> {
    generation: Generation<'a>,
    parser: ChatParser,
    messages: &'a mut Vec<Message>,
    finish: Option<Finish>,
    told: VecDeque<ChatEvent>, // parts that the parser has given, before the next are computed
    kept: bool,
}

/// A turn that has ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Turn {
    /// What the model said, thought and called; it is among the messages of the chat.
    pub message: Message,
    /// Why it ended, and its figures.
    pub finish: Finish,
}

impl Reply<'_> {
    /// Goes on to the end.
    ///
    /// # Errors
    /// What ends the turn.
    pub fn complete(mut self) -> Result<Turn> {
        let mut finish = None;
        for event in self.by_ref() {
            if let ChatEvent::Finish(end) = event? {
                finish = Some(end);
            }
        }
        let finish = finish.ok_or_else(|| Error::State("the turn has ended before".into()))?;
        Ok(Turn {
            message: self.parser.message()?,
            finish,
        })
    }

    /// Stops it, from another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.generation.cancel_handle()
    }

    /// Parts that the parser can tell of now.
    fn take_parts(&mut self) -> Result<()> {
        for part in self.parser.by_ref() {
            self.told.push_back(part?);
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.kept, true) {
            self.parser.finish()?;
            self.messages.push(self.parser.message()?);
        }
        Ok(())
    }

    /// Computes until there is a part, or the end.
    fn advance(&mut self) -> Result<Option<ChatEvent>> {
        loop {
            if let Some(part) = self.told.pop_front() {
                return Ok(Some(part));
            }
            if let Some(finish) = self.finish.take() {
                self.keep()?;
                return Ok(Some(ChatEvent::Finish(finish)));
            }
            match self.generation.next().transpose()? {
                None => return Ok(None),
                Some(event) => {
                    self.parser.feed_event(&event)?;
                    self.take_parts()?;
                    if let Event::Finish(finish) = event {
                        self.finish = Some(finish);
                    }
                }
            }
        }
    }
}

impl Iterator for Reply<'_> {
    type Item = Result<ChatEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        // What cannot be kept for want of memory is not kept.
        let _ = self.keep();
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("parser", &self.parser)
            .finish_non_exhaustive()
    }
}
