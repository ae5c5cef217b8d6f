//! JSON Schemas of Rust types, in the keywords that constraints know.

use schemars::generate::SchemaSettings;
use schemars::transform::{transform_subschemas, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of a type that texts and tools' arguments are held to.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|s| s.meta_schema = None)
        .with_transform(Plain);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// schemars notes the widths of Rust's numbers as formats ("uint32"), which JSON Schema does not have, and writes variants
/// of an enum as `oneOf`, of which constraints would have to know that no two hold: a text of any variant will do.
#[derive(Clone, Debug)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        let number = schema.get("type").is_some_and(|kind| {
            let numeric = |v: &Value| v == "integer" || v == "number";
            numeric(kind) || kind.as_array().is_some_and(|all| all.iter().any(numeric))
        });
        if number {
            schema.remove("format");
        }
        if let Some(variants) = schema.remove("oneOf") {
            schema.insert("anyOf".into(), variants);
        }
        transform_subschemas(self, schema);
    }
}
