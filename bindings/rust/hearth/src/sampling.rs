//! How tokens are chosen: samplers by string keys, and constraints on the text.

use std::fmt;
use std::ptr::{self, NonNull};

use hearth_sys as sys;
use serde_json::Value;

use crate::error::{check, Result};
use crate::ffi;
use crate::tokenizer::Token;

/// How tokens are chosen: keys with bounds, lists of texts, and what the text must be. `Send`, not `Sync`; generations
/// copy it when they begin.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// let mut sampling = hearth::Sampling::new()?.with("temperature", 0.7)?.with("top_p", 0.9)?.with("seed", 42.0)?;
/// sampling.stop(&["\n\n"])?;
/// assert_eq!(sampling.get("temperature")?, 0.7);
/// let unknown = sampling.set("warmth", 1.0).unwrap_err();
/// assert!(unknown.message().contains("temperature")); // the sentence lists what there is
/// # Ok(())
/// # }
/// ```
pub struct Sampling {
    raw: NonNull<sys::hearth_sampling>,
}

// The header's class of samplings is [object]: one thread at a time, whichever it is.
unsafe impl Send for Sampling {}

/// A key of [`Sampling::set`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingKey {
    /// Its name.
    pub name: &'static str,
    /// The least value.
    pub minimum: f64,
    /// The largest value.
    pub maximum: f64,
    /// The value of a new [`Sampling`].
    pub initial: f64,
    /// What it does.
    pub doc: &'static str,
}

impl Sampling {
    /// The library's defaults.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new() -> Result<Sampling> {
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_sampling_new(&mut raw) }, raw)?;
        Ok(Sampling { raw })
    }

    /// Always the most probable token.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn greedy() -> Result<Sampling> {
        Sampling::new()?.with("temperature", 0.0)
    }

    /// Every key with its bounds.
    pub fn keys() -> Vec<SamplingKey> {
        let key = |i| {
            let (mut minimum, mut maximum, mut initial, mut doc) = (0.0, 0.0, 0.0, ptr::null());
            // Literals of the library.
            unsafe {
                let name = sys::hearth_sampling_key(i, &mut minimum, &mut maximum, &mut initial, &mut doc);
                ffi::literal(name).map(|name| SamplingKey {
                    name,
                    minimum,
                    maximum,
                    initial,
                    doc: ffi::literal(doc).unwrap_or(""),
                })
            }
        };
        (0..).map_while(key).collect()
    }

    /// Every list of [`Sampling::set_list`] with what it does.
    pub fn lists() -> Vec<(&'static str, &'static str)> {
        named(|i, doc| unsafe { sys::hearth_sampling_list_key(i, doc) })
    }

    /// Every sampler, in the order in which they are applied, with what it does: names for the list `"order"`.
    pub fn samplers() -> Vec<(&'static str, &'static str)> {
        named(|i, doc| unsafe { sys::hearth_sampling_sampler(i, doc) })
    }

    /// Sets a key.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument), with the known keys or the bounds in the sentence.
    pub fn set(&mut self, key: &str, value: f64) -> Result<&mut Self> {
        let key = ffi::c_string("the key", key)?;
        check(unsafe { sys::hearth_sampling_set(self.raw(), key.as_ptr(), value) })?;
        Ok(self)
    }

    /// Sets a key of a new one: for chains.
    ///
    /// # Errors
    /// As [`Sampling::set`].
    pub fn with(mut self, key: &str, value: f64) -> Result<Self> {
        self.set(key, value)?;
        Ok(self)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for an unknown key.
    pub fn get(&self, key: &str) -> Result<f64> {
        let key = ffi::c_string("the key", key)?;
        let mut value = 0.0;
        check(unsafe { sys::hearth_sampling_get(&mut value, self.raw(), key.as_ptr()) })?;
        Ok(value)
    }

    /// Sets a list of texts: `"order"`, `"stop"`, `"ban"`, `"dry_breakers"`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for unknown lists and samplers, and empty texts.
    pub fn set_list<S: AsRef<str>>(&mut self, key: &str, texts: &[S]) -> Result<&mut Self> {
        let key = ffi::c_string("the key", key)?;
        let (data, lengths) = ffi::text_list(texts);
        check(unsafe {
            sys::hearth_sampling_set_list(self.raw(), key.as_ptr(), data.as_ptr(), lengths.as_ptr(), texts.len())
        })?;
        Ok(self)
    }

    /// Texts that end a generation, and are not shown.
    ///
    /// # Errors
    /// As [`Sampling::set_list`].
    pub fn stop<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<&mut Self> {
        self.set_list("stop", texts)
    }

    /// Texts that are never generated.
    ///
    /// # Errors
    /// As [`Sampling::set_list`].
    pub fn ban<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<&mut Self> {
        self.set_list("ban", texts)
    }

    /// Is added to the token's logit, -1000 to 1000; `f64::NEG_INFINITY`: it is never chosen; 0: none.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) for negative tokens.
    pub fn bias(&mut self, token: Token, bias: f64) -> Result<&mut Self> {
        check(unsafe { sys::hearth_sampling_set_bias(self.raw(), token, bias) })?;
        Ok(self)
    }

    /// The text is JSON that is valid for this JSON Schema (draft 2020-12); members come in the schema's order.
    ///
    /// ```
    /// use hearth::{GenerateOptions, Sampling};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// #[derive(serde::Deserialize)]
    /// struct Answer { certain: bool, colour: String }
    ///
    /// let mut sampling = Sampling::greedy()?;
    /// sampling.schema(&serde_json::json!({
    ///     "type": "object",
    ///     "properties": {"certain": {"type": "boolean"}, "colour": {"enum": ["red", "green"]}},
    ///     "required": ["certain", "colour"],
    ///     "additionalProperties": false,
    /// }))?;
    /// let mut session = model.session()?;
    /// session.append("What colour is the sky? ")?;
    /// let answer: Answer = session.complete(&sampling, &GenerateOptions::default())?.parse()?;
    /// assert!(answer.colour == "red" || answer.colour == "green");
    /// # let _ = answer.certain;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) names keywords that are not supported, with their JSON pointer;
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) and [`Error::Format`](crate::Error::Format) tell the
    /// place. What was asked for before stays.
    pub fn schema(&mut self, schema: &Value) -> Result<&mut Self> {
        let text = schema.to_string();
        check(unsafe { sys::hearth_sampling_set_schema(self.raw(), text.as_ptr().cast(), text.len()) })?;
        Ok(self)
    }

    /// The text is JSON of this Rust type.
    ///
    /// ```
    /// use hearth::{GenerateOptions, Sampling};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Verdict { guilty: bool }
    ///
    /// let mut sampling = Sampling::greedy()?;
    /// sampling.schema_of::<Verdict>()?;
    /// # let mut session = model.session()?;
    /// # session.append("The court finds: ")?;
    /// let verdict: Verdict = session.complete(&sampling, &GenerateOptions::default())?.parse()?;
    /// # let _ = verdict.guilty;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Sampling::schema`].
    #[cfg(feature = "schemars")]
    pub fn schema_of<T: schemars::JsonSchema>(&mut self) -> Result<&mut Self> {
        self.schema(&crate::schema::of::<T>())
    }

    /// The whole text matches this regular expression: ECMA-262 with its `u` flag, without lookaround and
    /// backreferences.
    ///
    /// # Errors
    /// As [`Sampling::schema`].
    pub fn regex(&mut self, pattern: &str) -> Result<&mut Self> {
        check(unsafe { sys::hearth_sampling_set_regex(self.raw(), pattern.as_ptr().cast(), pattern.len()) })?;
        Ok(self)
    }

    /// The text belongs to this grammar (GBNF), from `root`.
    ///
    /// # Errors
    /// As [`Sampling::schema`].
    pub fn grammar(&mut self, gbnf: &str) -> Result<&mut Self> {
        check(unsafe { sys::hearth_sampling_set_gbnf(self.raw(), gbnf.as_ptr().cast(), gbnf.len()) })?;
        Ok(self)
    }

    /// The text is one of these.
    ///
    /// # Errors
    /// As [`Sampling::schema`].
    pub fn choices<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<&mut Self> {
        let (data, lengths) = ffi::text_list(texts);
        check(unsafe { sys::hearth_sampling_set_choices(self.raw(), data.as_ptr(), lengths.as_ptr(), texts.len()) })?;
        Ok(self)
    }

    /// The text is one call of a tool, the named one or any, with valid arguments, written as the model writes calls
    /// (or in another dialect: [`dialects`](crate::dialects)). `tools` is a JSON array as chat templates take it.
    ///
    /// # Errors
    /// As [`Sampling::schema`]; [`Error::NotFound`](crate::Error::NotFound): there is no such tool.
    pub fn tool_choice(&mut self, tools: &Value, name: Option<&str>, dialect: Option<&str>) -> Result<&mut Self> {
        let tools = tools.to_string();
        let name = name.map(|n| ffi::c_string("the tool's name", n)).transpose()?;
        let dialect = dialect.map(|d| ffi::c_string("the dialect", d)).transpose()?;
        let null = ptr::null();
        check(unsafe {
            sys::hearth_sampling_set_tool_choice(
                self.raw(),
                tools.as_ptr().cast(),
                tools.len(),
                name.as_ref().map_or(null, |n| n.as_ptr()),
                dialect.as_ref().map_or(null, |d| d.as_ptr()),
            )
        })?;
        Ok(self)
    }

    /// Any text again.
    ///
    /// # Errors
    /// None that is known.
    pub fn unconstrained(&mut self) -> Result<&mut Self> {
        check(unsafe { sys::hearth_sampling_clear_constraint(self.raw()) })?;
        Ok(self)
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_sampling {
        self.raw.as_ptr()
    }
}

/// Names with their texts until null.
fn named(
    get: impl Fn(usize, *mut *const std::ffi::c_char) -> *const std::ffi::c_char,
) -> Vec<(&'static str, &'static str)> {
    (0..)
        .map_while(|i| {
            let mut doc = ptr::null();
            let name = get(i, &mut doc);
            // Literals of the library.
            unsafe { ffi::literal(name).map(|name| (name, ffi::literal(doc).unwrap_or(""))) }
        })
        .collect()
}

impl Drop for Sampling {
    fn drop(&mut self) {
        unsafe { sys::hearth_sampling_free(self.raw()) }
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for key in Sampling::keys() {
            if let Ok(value) = self.get(key.name) {
                map.entry(&key.name, &value);
            }
        }
        map.finish()
    }
}
