//! Messages and tools, as chat templates take them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};

/// A message of a conversation, in the JSON that chat templates take.
///
/// ```
/// use hearth::Message;
/// let message = Message::user("Hello");
/// assert_eq!(serde_json::to_value(&message).unwrap(), serde_json::json!({"role": "user", "content": "Hello"}));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// "system", "user", "assistant", "tool", or what the template knows.
    pub role: String,
    /// The text.
    #[serde(default)]
    pub content: Content,
    /// What an assistant thought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Calls that an assistant made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Of the call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Of the tool that answers, or of a speaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whatever else the template asks for.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Text.
    Text(String),
    /// Parts, as templates of some models take them.
    Parts(Vec<Value>),
    /// Nothing: `null`.
    None,
}

impl Default for Content {
    fn default() -> Self {
        Content::Text(String::new())
    }
}

impl Content {
    /// The text; "" for anything else.
    pub fn text(&self) -> &str {
        match self {
            Content::Text(text) => text,
            _ => "",
        }
    }
}

impl<T: Into<String>> From<T> for Content {
    fn from(text: T) -> Self {
        Content::Text(text.into())
    }
}

impl Message {
    /// A message of any role.
    pub fn new(role: impl Into<String>, content: impl Into<Content>) -> Message {
        Message {
            role: role.into(),
            content: content.into(),
            ..Message::default()
        }
    }

    /// What the model is told about its part.
    pub fn system(content: impl Into<Content>) -> Message {
        Message::new("system", content)
    }

    /// What the user says.
    pub fn user(content: impl Into<Content>) -> Message {
        Message::new("user", content)
    }

    /// What the model said.
    pub fn assistant(content: impl Into<Content>) -> Message {
        Message::new("assistant", content)
    }

    /// What a call came to.
    pub fn tool(call: &ToolCall, content: impl Into<Content>) -> Message {
        let mut message = Message::new("tool", content);
        message.tool_call_id = Some(call.id.clone());
        message.name = Some(call.function.name.clone());
        message
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tells the calls of a conversation apart.
    #[serde(default)]
    pub id: String,
    /// "function".
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// Which, and with what.
    pub function: FunctionCall,
}

/// The tool and the arguments of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// Of the tool.
    pub name: String,
    /// An object, or a string of JSON where the template takes only that.
    pub arguments: Value,
}

fn function() -> String {
    "function".into()
}

impl ToolCall {
    pub(crate) fn new(id: String, name: String, arguments: &str) -> ToolCall {
        // Complete calls have arguments that are JSON; anything else stays the text that it is.
        let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.into()));
        ToolCall {
            id,
            kind: function(),
            function: FunctionCall { name, arguments },
        }
    }

    /// The tool's name.
    pub fn name(&self) -> &str {
        &self.function.name
    }

    /// The arguments as JSON, also where they are written as a string of it.
    pub fn arguments(&self) -> Value {
        match &self.function.arguments {
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
            value => value.clone(),
        }
    }

    /// The arguments as a Rust type.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_value(self.arguments())
    }
}

/// A tool that a model may call.
///
/// ```
/// let tool = hearth::Tool::new("clock", "Tells the time", serde_json::json!({
///     "type": "object",
///     "properties": {"zone": {"type": "string"}},
///     "required": ["zone"],
/// }));
/// assert_eq!(tool.to_value()["function"]["name"], "clock");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
}

impl Tool {
    /// With the JSON Schema of its arguments.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Tool {
        Tool {
            name: name.into(),
            description: description.into(),
            parameters,
        }
    }

    /// With a Rust type for its arguments: [`ToolCall::parse`] gives it back.
    ///
    /// ```
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Clock {
    ///     /// Such as "UTC".
    ///     zone: String,
    /// }
    /// let tool = hearth::Tool::of::<Clock>("clock", "Tells the time");
    /// assert_eq!(tool.parameters["properties"]["zone"]["type"], "string");
    /// # let _ = |clock: Clock| clock.zone;
    /// ```
    #[cfg(feature = "schemars")]
    pub fn of<T: schemars::JsonSchema>(name: impl Into<String>, description: impl Into<String>) -> Tool {
        Tool::new(name, description, crate::schema::of::<T>())
    }

    /// As chat templates take it.
    pub fn to_value(&self) -> Value {
        json!({"type": "function", "function": {
            "name": self.name, "description": self.description, "parameters": self.parameters,
        }})
    }
}
