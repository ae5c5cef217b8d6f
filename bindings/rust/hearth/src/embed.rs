//! Embeddings and reranking.

use std::fmt;
use std::ops::ControlFlow;

use hearth_sys as sys;

#[cfg(doc)]
use crate::error::Error;
use crate::error::{check, Result};
use crate::ffi::{self, Progress};
use crate::model::Model;
use crate::tokenizer::Token;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pooling {
    /// As the model's file says.
    #[default]
    Default,
    /// They do not: a vector for each token.
    None,
    /// Their mean, special tokens included.
    Mean,
    /// That of the first token.
    Cls,
    /// That of the last token.
    Last,
    /// The outputs of a reranker's scoring head.
    Rank,
}

impl Pooling {
    fn c(self) -> u32 {
        match self {
            Pooling::Default => sys::HEARTH_POOLING_DEFAULT,
            Pooling::None => sys::HEARTH_POOLING_NONE,
            Pooling::Mean => sys::HEARTH_POOLING_MEAN,
            Pooling::Cls => sys::HEARTH_POOLING_CLS,
            Pooling::Last => sys::HEARTH_POOLING_LAST,
            Pooling::Rank => sys::HEARTH_POOLING_RANK,
        }
    }
}

/// How embeddings are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedOptions {
    /// How the vectors of a text's tokens become one.
    pub pooling: Pooling,
    /// Vectors of Euclidean length 1.
    pub normalize: bool,
    /// Add no BOS, EOS, CLS, SEP to texts.
    pub no_special: bool,
    /// `"[MASK]"` in a text becomes that token.
    pub parse_special: bool,
    /// Texts longer than the context lose their last tokens instead of being refused.
    pub truncate: bool,
    /// Values that are kept of each vector, before it is normalised; 0: all.
    pub dimensions: u32,
    /// Tokens of a pass, about, over all texts that share it; 0: 512. Never changes a result.
    pub pass_tokens: u32,
}

/// What embeddings a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddingInfo {
    /// What [`Pooling::Default`] means here.
    pub pooling: Pooling,
    /// Of a pooled vector.
    pub width: u32,
    /// Of a token's, without pooling.
    pub token_width: u32,
    /// Outputs of the scoring head; 0: this is no reranker.
    pub scores: u32,
    /// Whether the model makes text as well.
    pub generates: bool,
    /// Tokens of a text, at most.
    pub context: u32,
}

/// Embeddings, `[rows, width]`: a row for each text, or without pooling for each token of all texts.
#[derive(Clone, PartialEq)]
pub struct Embeddings {
    data: Vec<f32>,
    width: usize,
}

impl Embeddings {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.data.len() / self.width.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Values of each row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A vector.
    ///
    /// # Panics
    /// Beyond the last row.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.width..][..self.width]
    }

    /// Row after row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.width.max(1))
    }

    /// All rows, one behind the other.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All rows, one behind the other, without a copy.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// The cosine of the angle between two rows; 0 where one has no length.
    ///
    /// # Panics
    /// Beyond the last row.
    pub fn cosine(&self, i: usize, j: usize) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let (a, b) = (self.row(i), self.row(j));
        let lengths = (dot(a, a) * dot(b, b)).sqrt();
        if lengths > 0.0 {
            (dot(a, b) / lengths) as f32
        } else {
            0.0
        }
    }
}

impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings")
            .field("rows", &self.len())
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// What embeddings it makes. Every model makes some.
    ///
    /// # Errors
    /// None that is known.
    pub fn embedding_info(&self) -> Result<EmbeddingInfo> {
        let mut c: sys::hearth_embedding_info = unsafe { std::mem::zeroed() };
        c.struct_size = std::mem::size_of_val(&c);
        check(unsafe { sys::hearth_model_embedding_info(&mut c, self.raw()) })?;
        let all = [Pooling::None, Pooling::Mean, Pooling::Cls, Pooling::Last, Pooling::Rank];
        Ok(EmbeddingInfo {
            pooling: all.into_iter().find(|p| p.c() == c.pooling).unwrap_or_default(),
            width: c.width,
            token_width: c.token_width,
            scores: c.scores,
            generates: c.generates != 0,
            context: c.context,
        })
    }

    /// Embeddings of texts, in their order. Each is the same bytes whatever is embedded with it.
    ///
    /// ```
    /// # fn main() -> hearth::Result<()> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// use hearth::{EmbedOptions, Pooling};
    /// // Models that were made for embeddings have a pooling of their own.
    /// let options = EmbedOptions { pooling: Pooling::Mean, normalize: true, ..Default::default() };
    /// let vectors = model.embed(&["a cat", "a dog"], &options)?;
    /// assert_eq!(vectors.len(), 2);
    /// println!("{} values each, cosine {}", vectors.width(), vectors.cosine(0, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Before any work: [`Error::OutOfRange`] for texts beyond the context, [`Error::InvalidArgument`] for empty ones,
    /// [`Error::OverBudget`] or [`Error::OutOfMemory`] where the passes would not fit.
    pub fn embed<S: AsRef<str>>(&self, texts: &[S], options: &EmbedOptions) -> Result<Embeddings> {
        self.embed_with(texts, options, |_, _| ControlFlow::Continue(()))
    }

    /// The same with progress: done and all texts, between passes. `ControlFlow::Break(())` stops with
    /// [`Error::Cancelled`].
    ///
    /// # Errors
    /// As [`Model::embed`].
    pub fn embed_with<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &EmbedOptions,
        mut progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send,
    ) -> Result<Embeddings> {
        let (data, lengths) = ffi::text_list(texts);
        let width = self.embedding_width(options)?;
        let rows = if options.pooling == Pooling::None {
            0
        } else {
            texts.len()
        };
        embed(
            rows * width,
            options,
            &mut progress,
            |out, capacity, needed, c| unsafe {
                let texts = (data.as_ptr(), lengths.as_ptr(), lengths.len());
                sys::hearth_model_embed_texts(out, capacity, needed, self.raw(), texts.0, texts.1, texts.2, c)
            },
        )
        .map(|data| Embeddings { data, width })
    }

    /// Embeddings of token sequences; nothing is added to them.
    ///
    /// # Errors
    /// As [`Model::embed`], and [`Error::OutOfRange`] for tokens outside the vocabulary.
    pub fn embed_tokens<T: AsRef<[Token]>>(&self, sequences: &[T], options: &EmbedOptions) -> Result<Embeddings> {
        let sequences = sequences.iter().map(AsRef::as_ref);
        let (data, lengths): (Vec<_>, Vec<_>) = sequences.map(|s| (s.as_ptr(), s.len())).unzip();
        let width = self.embedding_width(options)?;
        let rows = if options.pooling == Pooling::None {
            0
        } else {
            lengths.len()
        };
        embed(
            rows * width,
            options,
            &mut |_, _| ControlFlow::Continue(()),
            |out, capacity, needed, c| unsafe {
                let tokens = (data.as_ptr(), lengths.as_ptr(), lengths.len());
                sys::hearth_model_embed(out, capacity, needed, self.raw(), tokens.0, tokens.1, tokens.2, c)
            },
        )
        .map(|data| Embeddings { data, width })
    }

    /// How well each document answers the query, in their order: more is better.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a model that is no reranker, and as [`Model::embed`].
    pub fn rerank<S: AsRef<str>>(&self, query: &str, documents: &[S], truncate: bool) -> Result<Vec<f32>> {
        let (data, lengths) = ffi::text_list(documents);
        let options = EmbedOptions {
            truncate,
            ..Default::default()
        };
        embed(
            documents.len(),
            &options,
            &mut |_, _| ControlFlow::Continue(()),
            |out, capacity, needed, c| unsafe {
                let (query, length) = (query.as_ptr().cast(), query.len());
                let documents = (data.as_ptr(), lengths.as_ptr(), lengths.len());
                sys::hearth_model_rerank(
                    out,
                    capacity,
                    needed,
                    self.raw(),
                    query,
                    length,
                    documents.0,
                    documents.1,
                    documents.2,
                    c,
                )
            },
        )
    }

    /// The name of output `i` of the scoring head.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the file has none.
    pub fn score_label(&self, i: u32) -> Result<String> {
        ffi::text(|out| unsafe { sys::hearth_model_score_label(out, self.raw(), i) })
    }

    fn embedding_width(&self, options: &EmbedOptions) -> Result<usize> {
        let info = self.embedding_info()?;
        let pooling = if options.pooling == Pooling::Default {
            info.pooling
        } else {
            options.pooling
        };
        let all = match pooling {
            Pooling::None => info.token_width,
            Pooling::Rank => info.scores,
            _ if info.pooling == Pooling::Rank || info.pooling == Pooling::None => info.token_width.max(info.width),
            _ => info.width,
        };
        Ok(if options.dimensions > 0 {
            options.dimensions.min(all)
        } else {
            all
        } as usize)
    }
}

fn embed(
    guess: usize,
    options: &EmbedOptions,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    mut call: impl FnMut(*mut f32, usize, *mut usize, *const sys::hearth_embed_options) -> sys::hearth_status,
) -> Result<Vec<f32>> {
    let mut c: sys::hearth_embed_options = unsafe { std::mem::zeroed() };
    check(unsafe { sys::hearth_embed_options_init(&mut c, std::mem::size_of_val(&c)) })?;
    c.pooling = options.pooling.c();
    for (asked, flag) in [
        (options.normalize, sys::HEARTH_EMBED_NORMALIZE),
        (options.no_special, sys::HEARTH_EMBED_NO_SPECIAL),
        (options.parse_special, sys::HEARTH_EMBED_PARSE_SPECIAL),
        (options.truncate, sys::HEARTH_EMBED_TRUNCATE),
    ] {
        if asked {
            c.flags |= flag;
        }
    }
    (c.dimensions, c.pass_tokens) = (options.dimensions, options.pass_tokens);
    let mut progress = Progress::new(progress);
    (c.progress, c.progress_user) = progress.hook();
    // HEARTH_EBUFS comes before any work.
    let made = ffi::buffer(guess, |out, capacity, needed| call(out, capacity, needed, &c));
    progress.end();
    made
}
