//! Embeddings and reranking.

use crate::{hearth_model, hearth_status, hearth_text, hearth_token};
use core::ffi::{c_char, c_void};

/// as the model file says
pub const HEARTH_POOLING_DEFAULT: u32 = 0;
/// a vector for each token
pub const HEARTH_POOLING_NONE: u32 = 1;
/// of all tokens, special ones included
pub const HEARTH_POOLING_MEAN: u32 = 2;
/// that of the first token
pub const HEARTH_POOLING_CLS: u32 = 3;
/// that of the last token
pub const HEARTH_POOLING_LAST: u32 = 4;
/// the outputs of a reranker's scoring head
pub const HEARTH_POOLING_RANK: u32 = 5;
/// vectors of Euclidean length 1
pub const HEARTH_EMBED_NORMALIZE: u32 = 1;
/// add no BOS, EOS, CLS, SEP to texts
pub const HEARTH_EMBED_NO_SPECIAL: u32 = 2;
/// "\[MASK\]" in a text becomes that token
pub const HEARTH_EMBED_PARSE_SPECIAL: u32 = 4;
/// texts longer than the model's context lose their last tokens, but for special
/// ones at the end, instead of being refused
pub const HEARTH_EMBED_TRUNCATE: u32 = 8;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_embed_options {
    pub struct_size: usize,
    /// HEARTH_POOLING_…
    pub pooling: u32,
    /// HEARTH_EMBED_…
    pub flags: u32,
    /// that are kept of each vector, before it is normalised (models trained so: MRL); 0: all
    pub dimensions: u32,
    /// tokens of a pass, about, over all texts that share it; 0: 512. Never changes a result.
    pub pass_tokens: u32,
    /// Called between passes with done and all texts; non-zero stops with HEARTH_ECANCELLED. May be null.
    pub progress: Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>,
    pub progress_user: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hearth_embedding_info {
    pub struct_size: usize,
    /// what HEARTH_POOLING_DEFAULT means here
    pub pooling: u32,
    /// of a pooled vector
    pub width: u32,
    /// of a token's, without pooling
    pub token_width: u32,
    /// outputs of the scoring head; 0: this is no reranker
    pub scores: u32,
    /// 0: the model makes embeddings and no text; sessions are refused
    pub generates: u32,
    /// tokens of a text, at most
    pub context: u32,
}

extern "C" {
    pub fn hearth_embed_options_init(options: *mut hearth_embed_options, struct_size: usize) -> hearth_status;
    /// Every model makes embeddings; info->struct_size must be set. \[any\] @since 0.1
    pub fn hearth_model_embedding_info(info: *mut hearth_embedding_info, model: *const hearth_model) -> hearth_status;
    /// The name of output i of the scoring head; HEARTH_ENOTFOUND where the file has none. \[any\] @since 0.1
    pub fn hearth_model_score_label(out: *mut *mut hearth_text, model: *const hearth_model, i: u32) -> hearth_status;
    /// Embeddings of `count` token sequences, tokens\[i\] of lengths\[i\], in their order: \[count, width\], or without pooling
    /// \[all tokens, token_width\]. Each is the same bytes whatever is embedded with it. Capacity and needed count floats;
    /// HEARTH_EBUFS comes before any work. options may be null.
    /// Refused before any work: HEARTH_ERANGE for tokens outside the vocabulary and sequences beyond the context,
    /// HEARTH_EINVAL for empty ones, HEARTH_EBUDGET or HEARTH_ENOMEM where the passes would not fit.
    /// Passes take turns with those of the runtime's other models and sessions. \[any\] @since 0.1
    pub fn hearth_model_embed(
        out: *mut f32,
        capacity: usize,
        needed: *mut usize,
        model: *mut hearth_model,
        tokens: *const *const hearth_token,
        lengths: *const usize,
        count: usize,
        options: *const hearth_embed_options,
    ) -> hearth_status;
    /// The same for texts of lengths\[i\] bytes, with the model's special tokens unless flags say otherwise. @since 0.1
    pub fn hearth_model_embed_texts(
        out: *mut f32,
        capacity: usize,
        needed: *mut usize,
        model: *mut hearth_model,
        texts: *const *const c_char,
        lengths: *const usize,
        count: usize,
        options: *const hearth_embed_options,
    ) -> hearth_status;
    /// How well each document answers the query: scores\[i\] is the first output of the scoring head, the logit of BERT-like
    /// rerankers, the probability of "yes" of Qwen 3's. Query and document are put together as the model was trained: by its
    /// rerank template, in which special tokens are parsed wherever they stand, or with special tokens around and between
    /// them. Of the options' fields pooling and dimensions must be 0, and flags may be HEARTH_EMBED_TRUNCATE only.
    /// HEARTH_EINVAL for a model that is no reranker. @since 0.1
    pub fn hearth_model_rerank(
        scores: *mut f32,
        capacity: usize,
        needed: *mut usize,
        model: *mut hearth_model,
        query: *const c_char,
        query_length: usize,
        documents: *const *const c_char,
        lengths: *const usize,
        count: usize,
        options: *const hearth_embed_options,
    ) -> hearth_status;
}
