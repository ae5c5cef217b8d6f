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

/// What types in use look like: each becomes a schema that is taken, and texts that parse as it.
#[cfg(feature = "schemars")]
mod types {
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;

    use schemars::JsonSchema;
    use serde::de::DeserializeOwned;
    use serde::Deserialize;

    use super::{session, FinishReason, GenerateOptions, Sampling};

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Point {
        x: f32,
        y: f64,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    enum External {
        /// Nothing.
        Unit,
        /// A number.
        Number(u16),
        Pair(bool, char),
        Struct {
            /// Where.
            at: Point,
        },
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Internal {
        Stop,
        MoveTo { x: i8, y: i8 },
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(tag = "t", content = "c")]
    #[allow(dead_code)]
    enum Adjacent {
        A(bool),
        B { on: bool },
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Untagged {
        Flag(bool),
        Point(Point),
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Strict {
        #[serde(default)]
        level: Option<u32>,
        wide: (i64, u64),
        three: [bool; 3],
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Tree {
        leaf: bool,
        children: Vec<Tree>,
        boxed: Option<Box<Tree>>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Flat {
        #[serde(flatten)]
        point: Point,
        name: String,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Newtype(u8);

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Maps {
        counts: HashMap<String, u8>,
        points: BTreeMap<String, Point>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Bounded {
        #[schemars(length(min = 1, max = 3))]
        tags: Vec<String>,
        #[schemars(range(min = 1, max = 5))]
        stars: u8,
        #[schemars(regex(pattern = "^[a-z]+$"))]
        word: String,
    }

    fn holds<T: JsonSchema + DeserializeOwned + Debug>(least: usize) {
        let name = std::any::type_name::<T>();
        let mut sampling = Sampling::new().unwrap();
        sampling.schema_of::<T>().unwrap_or_else(|e| panic!("{name}: {e}"));
        // Random weights would write long texts: the end of a string is made likely.
        let quote = crate::model().tokenizer().unwrap();
        let quote = quote.encode("\"", Default::default()).unwrap();
        sampling.bias(*quote.last().unwrap(), 8.0).unwrap();
        let mut whole = 0;
        for seed in 0..3 {
            sampling.set("seed", f64::from(seed)).unwrap();
            let options = GenerateOptions {
                max_tokens: 200,
                ..Default::default()
            };
            let done = session("It is ").complete(&sampling, &options).unwrap();
            // What is cut off by the number of tokens is no JSON.
            if done.finish.reason == FinishReason::Stop {
                whole += 1;
                done.parse::<T>()
                    .unwrap_or_else(|e| panic!("{name}: {e}: {}", done.text));
            }
        }
        assert!(whole >= least, "{name}: {whole} came to its end");
    }

    #[test]
    fn rust_types_of_all_kinds_are_schemas() {
        holds::<Point>(1);
        holds::<External>(1);
        holds::<Internal>(1);
        holds::<Adjacent>(1);
        holds::<Untagged>(1);
        holds::<Strict>(1);
        holds::<Tree>(0);
        holds::<Flat>(1);
        holds::<Newtype>(1);
        holds::<Maps>(1);
        holds::<Bounded>(1);
        holds::<Option<Internal>>(1);
        holds::<Vec<(bool, Newtype)>>(1);
    }
}
