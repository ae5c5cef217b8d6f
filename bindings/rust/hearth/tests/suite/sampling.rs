use hearth::{Error, FinishReason, GenerateOptions, Sampling};
use serde_json::{json, Value};

use super::{session, tokens};

#[test]
fn keys_have_bounds_and_mistakes_a_sentence() {
    let keys = Sampling::keys();
    assert!(keys.len() > 10);
    let mut sampling = Sampling::new().unwrap();
    for key in &keys {
        assert!(
            !key.doc.is_empty() && key.minimum <= key.initial && key.initial <= key.maximum,
            "{key:?}"
        );
        assert_eq!(sampling.get(key.name).unwrap(), key.initial, "{}", key.name);
    }
    let above = sampling.set("top_p", 7.0).unwrap_err();
    assert!(
        matches!(&above, Error::InvalidArgument(m) if m.contains("top_p") && m.contains('7')),
        "{above}"
    );
    assert!(matches!(
        sampling.set("no_such_key", 1.0),
        Err(Error::InvalidArgument(_))
    ));
    assert!(matches!(sampling.set("a\0b", 1.0), Err(Error::InvalidArgument(_))));
    assert!(Sampling::lists().iter().any(|(name, _)| *name == "stop"));
    let mut order: Vec<&str> = Sampling::samplers().iter().map(|(name, _)| *name).collect();
    order.swap(0, 3);
    sampling.set_list("order", &order).unwrap();
    assert!(sampling.set_list("order", &["no such sampler"]).is_err());
}

#[test]
fn biases_and_banned_texts_hold() {
    let first = session("The cat")
        .complete(&Sampling::greedy().unwrap(), &tokens(1))
        .unwrap()
        .tokens[0];
    let mut sampling = Sampling::greedy().unwrap();
    sampling.bias(first, f64::NEG_INFINITY).unwrap();
    assert_ne!(
        session("The cat").complete(&sampling, &tokens(1)).unwrap().tokens[0],
        first
    );
    assert!(matches!(sampling.bias(-1, 1.0), Err(Error::OutOfRange(_))));
    let mut banning = Sampling::greedy().unwrap();
    banning.ban(&["e", "a"]).unwrap();
    let text = session("The cat").complete(&banning, &tokens(20)).unwrap().text;
    assert!(!text.contains(['e', 'a']), "{text}");
}

#[test]
fn text_obeys_schema_pattern_grammar_and_choices() {
    let mut sampling = Sampling::new().unwrap();
    let schema = json!({
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}, "w": {"enum": ["yes", "no"]}},
        "required": ["n", "w"],
        "additionalProperties": false,
    });
    sampling.schema(&schema).unwrap();
    let free = GenerateOptions {
        max_tokens: 100,
        ..Default::default()
    };
    for seed in 0..3 {
        sampling.set("seed", f64::from(seed)).unwrap();
        let done = session("Answer: ").complete(&sampling, &free).unwrap();
        let value: Value = done.parse().unwrap();
        assert!((1..=9).contains(&value["n"].as_i64().unwrap()), "{value}");
        assert!(value["w"] == "yes" || value["w"] == "no", "{value}");
        assert_eq!(done.finish.reason, FinishReason::Stop);
    }
    sampling.regex("[a-c]{3}-[0-9]{2}").unwrap();
    let text = session("Code: ").complete(&sampling, &free).unwrap().text;
    let bytes = text.as_bytes();
    assert!(
        bytes.len() == 6 && bytes[3] == b'-' && bytes[..3].iter().all(|b| (b'a'..=b'c').contains(b)),
        "{text}"
    );
    sampling.grammar("root ::= \"left\" | \"right\"").unwrap();
    assert!(["left", "right"].contains(&session("Go ").complete(&sampling, &free).unwrap().text.as_str()));
    sampling.choices(&["apple", "pear"]).unwrap();
    assert!(["apple", "pear"].contains(&session("Eat ").complete(&sampling, &free).unwrap().text.as_str()));
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
        "properties": {"x": {"type": "boolean"}}, "required": ["x"], "additionalProperties": false}}}]);
    sampling.tool_choice(&tools, Some("f"), Some("hermes")).unwrap();
    let called = session("Call: ").complete(&sampling, &free).unwrap().text;
    assert!(
        called.contains("\"f\"") && (called.contains("true") || called.contains("false")),
        "{called}"
    );
    assert!(matches!(
        sampling.tool_choice(&tools, Some("g"), None),
        Err(Error::NotFound(_))
    ));
    sampling.unconstrained().unwrap();
    assert_eq!(session("Any ").complete(&sampling, &tokens(9)).unwrap().tokens.len(), 9);
}

#[test]
fn a_bad_schema_is_told_with_its_place() {
    let mut sampling = Sampling::new().unwrap();
    let wrong = sampling
        .schema(&json!({"type": "object", "properties": {"a": {"type": "nonsense"}}}))
        .unwrap_err();
    assert!(wrong.message().contains("/properties/a"), "{wrong:?}");
    let unknown = sampling.schema(&json!({"type": "object", "unevaluatedProperties": {"not": {"type": "null"}}}));
    let unknown = unknown.unwrap_err();
    assert!(
        matches!(&unknown, Error::Unsupported(m) if m.contains("unevaluatedProperties")),
        "{unknown:?}"
    );
    assert!(sampling.regex("(unclosed").is_err());
    assert!(sampling.grammar("root ::= missing").is_err());
}

#[cfg(feature = "schemars")]
#[test]
fn a_rust_type_is_a_schema() {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Green,
    }
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Inner {
        colour: Colour,
        weight: Option<bool>,
    }
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code)]
    struct Outer {
        count: u8,
        inner: Inner,
        small: i16,
    }
    let mut sampling = Sampling::new().unwrap();
    sampling.schema_of::<Outer>().unwrap();
    for seed in 0..3 {
        sampling.set("seed", f64::from(seed)).unwrap();
        let done = session("It is ")
            .complete(&sampling, &GenerateOptions::default())
            .unwrap();
        done.parse::<Outer>().unwrap_or_else(|e| panic!("{e}: {}", done.text));
    }
}
