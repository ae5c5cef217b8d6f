use hearth::{Chat, ChatEvent, ChatParser, ChatParserOptions, Content, Error, FinishReason, Message, Tool};
use serde_json::{json, Value};

use super::{model, tokens};

fn chat() -> Chat {
    let options = hearth::SessionOptions {
        context: 512,
        ..Default::default()
    };
    let mut chat = Chat::with_session(model().session_with(&options).unwrap()).unwrap();
    chat.options = tokens(12);
    chat.sampling.set("seed", 9.0).unwrap();
    chat
}

fn clock() -> Tool {
    let parameters = json!({"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"]});
    Tool::new("clock", "Tells the time", parameters)
}

#[test]
fn turns_are_added_and_the_past_is_reused() {
    let mut chat = chat();
    chat.push(Message::system("Answer."));
    let mut content = String::new();
    let mut finish = None;
    for event in chat.send("Hello").unwrap() {
        match event.unwrap() {
            ChatEvent::Content(text) => content += &text,
            ChatEvent::Finish(end) => finish = Some(end),
            _ => {}
        }
    }
    let finish = finish.unwrap();
    assert_eq!((finish.reason, finish.generated_tokens), (FinishReason::Length, 12));
    assert_eq!(chat.messages().len(), 3);
    assert_eq!(chat.messages()[2].role, "assistant");
    assert_eq!(chat.messages()[2].content.text().trim(), content.trim());
    let turn = chat.send("And now?").unwrap().complete().unwrap();
    assert_eq!(chat.messages().last(), Some(&turn.message));
    assert!(turn.finish.reused_tokens > 10, "{:?}", turn.finish);
}

#[test]
fn a_turn_that_is_dropped_is_kept_as_far_as_it_came() {
    let mut chat = chat();
    chat.options.max_tokens = 100;
    {
        let mut reply = chat.send("Hello").unwrap();
        for _ in 0..3 {
            reply.next().unwrap().unwrap();
        }
    }
    assert_eq!(chat.messages().len(), 2);
    assert!(!chat.messages()[1].content.text().is_empty());
    chat.options.max_tokens = 3;
    chat.send("Again").unwrap().complete().unwrap();
    assert_eq!(chat.messages().len(), 4);
}

#[test]
fn a_forced_call_comes_as_events_and_is_answered() {
    let mut chat = chat();
    chat.template = Some(
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}\
         <tool_call>{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}</tool_call>\
         {% endfor %}{% endfor %}{% if tools %}{{ tools | tojson }}<tool_call></tool_call>{% endif %}"
            .into(),
    );
    chat.tools.push(clock());
    chat.options = Default::default();
    let tools = Value::Array(vec![clock().to_value()]);
    chat.sampling
        .tool_choice(&tools, Some("clock"), Some("hermes"))
        .unwrap();
    let mut arguments = String::new();
    let mut calls = Vec::new();
    let mut kinds = Vec::new();
    for event in chat.send("What time is it?").unwrap() {
        match event.unwrap() {
            ChatEvent::ToolBegin { index, name, .. } => {
                assert_eq!((index, name.as_str()), (0, "clock"));
                kinds.push("begin");
            }
            ChatEvent::ToolArguments { text, .. } => arguments += &text,
            ChatEvent::ToolEnd { call, .. } => {
                kinds.push("end");
                calls.push(call);
            }
            ChatEvent::Finish(_) => kinds.push("finish"),
            _ => {}
        }
    }
    assert_eq!(kinds, ["begin", "end", "finish"]);
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), calls[0].arguments());
    assert!(calls[0].arguments()["zone"].is_string());
    assert_eq!(chat.messages()[1].tool_calls, calls);

    #[derive(serde::Deserialize)]
    struct Clock {
        zone: String,
    }
    let asked: Clock = calls[0].parse().unwrap();
    chat.push(Message::tool(&calls[0], format!("noon in {}", asked.zone)));
    chat.sampling.unconstrained().unwrap();
    chat.options = tokens(4);
    chat.reply().unwrap().complete().unwrap();
    assert_eq!(chat.messages().len(), 4);
    assert_eq!(chat.messages()[2].tool_call_id.as_deref(), Some(calls[0].id.as_str()));
}

#[test]
fn parsers_tell_reasoning_calls_and_broken_calls() {
    let options = ChatParserOptions {
        dialect: "hermes".into(),
        reasoning_open: true,
        ..Default::default()
    };
    let mut parser = ChatParser::new(None, &options).unwrap();
    assert_eq!(parser.dialect(), "hermes");
    let text = "I think</think>So.<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}</tool_call>";
    let mut events = Vec::new();
    for byte in text.as_bytes().chunks(3) {
        parser.feed(byte).unwrap();
        events.extend(parser.by_ref().map(Result::unwrap));
    }
    parser.finish().unwrap();
    events.extend(parser.by_ref().map(Result::unwrap));
    let joined = |of: fn(&ChatEvent) -> Option<&str>| events.iter().filter_map(of).collect::<String>();
    let reasoning = joined(|e| if let ChatEvent::Reasoning(t) = e { Some(t) } else { None });
    let content = joined(|e| if let ChatEvent::Content(t) = e { Some(t) } else { None });
    assert_eq!((reasoning.trim(), content.trim()), ("I think", "So."));
    let message = parser.message().unwrap();
    assert_eq!(message.tool_calls[0].arguments(), json!({"x": 1}));
    assert_eq!(message.reasoning_content.as_deref().map(str::trim), Some("I think"));
    assert_eq!(parser.raw_text(), text);
    assert!(matches!(parser.feed("more"), Err(Error::State(_))));
    assert!(hearth::dialects().contains(&"hermes"));
    assert_eq!(hearth::detect_dialect("{{ nothing }}"), "plain");
    let unknown = ChatParserOptions {
        dialect: "klingon".into(),
        ..Default::default()
    };
    assert!(matches!(
        ChatParser::new(None, &unknown),
        Err(Error::InvalidArgument(_))
    ));
}

#[test]
fn templates_render_and_fail_with_their_place() {
    let tokenizer = model().tokenizer().unwrap();
    let input = json!({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true});
    let text = tokenizer.render_chat(&input, None).unwrap();
    assert!(text.contains("Hi"));
    assert!(!tokenizer.chat_template(None).unwrap().is_empty());
    assert!(matches!(
        tokenizer.chat_template(Some("no such")),
        Err(Error::NotFound(_))
    ));
    let broken = tokenizer.render_chat(&input, Some("{% if %}")).unwrap_err();
    assert!(matches!(broken, Error::Format(_)), "{broken:?}");
    let raised = tokenizer
        .render_chat(&input, Some("{{ raise_exception('no') }}"))
        .unwrap_err();
    assert!(
        matches!(&raised, Error::InvalidArgument(m) if m.contains("no")),
        "{raised:?}"
    );
    let mut failing = chat();
    failing.template = Some("{{ raise_exception('not so') }}".into());
    assert!(matches!(failing.send("x"), Err(Error::InvalidArgument(_))));
}

#[test]
fn messages_go_through_json() {
    let text = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",
        "function":{"name":"f","arguments":"{\"a\": [1]}"}}],"weight":2}"#;
    let message: Message = serde_json::from_str(text).unwrap();
    assert_eq!(message.content, Content::None);
    assert_eq!(message.tool_calls[0].arguments(), json!({"a": [1]}));
    assert_eq!(message.more["weight"], 2);
    let again: Message = serde_json::from_value(serde_json::to_value(&message).unwrap()).unwrap();
    assert_eq!(again, message);
    let parts: Message = serde_json::from_value(json!({"role": "user", "content": [{"type": "text"}]})).unwrap();
    assert!(matches!(parts.content, Content::Parts(_)));
}

#[cfg(feature = "schemars")]
#[test]
fn arguments_of_rust_types_are_forced_and_parsed() {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)]
    enum Shade {
        Plain,
        Mixed { red: u8, light: bool },
    }
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Paint {
        first: Shade,
        second: Option<Shade>,
    }
    let paint = Tool::of::<Paint>("paint", "Paints a wall");
    let tools = Value::Array(vec![clock().to_value(), paint.to_value()]);
    let mut sampling = hearth::Sampling::new().unwrap();
    sampling.tool_choice(&tools, Some("paint"), Some("hermes")).unwrap();
    for seed in 0..3 {
        sampling.set("seed", f64::from(seed)).unwrap();
        let options = hearth::GenerateOptions {
            special: true,
            ..Default::default()
        };
        let text = crate::session("Paint it").complete(&sampling, &options).unwrap().text;
        let mut parser = ChatParser::new(
            None,
            &ChatParserOptions {
                dialect: "hermes".into(),
                tools: Some(tools.clone()),
                ..Default::default()
            },
        )
        .unwrap();
        parser.feed(&text).unwrap();
        parser.finish().unwrap();
        let call = &parser.message().unwrap().tool_calls[0];
        assert_eq!(call.name(), "paint");
        call.parse::<Paint>().unwrap_or_else(|e| panic!("{e}: {call:?}"));
    }
}
