//! Adapters: low-rank changes of a model's matrices (LoRA), and control vectors.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use hearth_sys as sys;

use crate::error::{check, Result};
use crate::ffi::{self, Progress};
use crate::model::Model;
use crate::tokenizer::Token;

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdapterKind {
    /// `y = W x + scale * alpha / rank * B (A x)`
    Lora,
    /// `scale * direction`, added to the stream behind layers.
    Control,
    /// A kind that this crate does not know.
    Other(u32),
}

/// Which of a control vector's directions are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdapterOptions {
    /// The first layer, counted from 0.
    pub first_layer: u32,
    /// The last layer; 0: to the end.
    pub last_layer: u32,
}

/// Figures of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// What it is.
    pub kind: AdapterKind,
    /// Matrices that it changes, or layers that it adds to.
    pub parts: u32,
    /// The largest rank; 0 for a control vector.
    pub rank: u32,
    /// Bytes held in memory.
    pub bytes: u64,
}

/// Changes of a model that sessions compute with ([`Session::attach`](crate::Session::attach)). Immutable, shared by
/// cloning; `Send` and `Sync`.
#[derive(Clone)]
pub struct Adapter(Arc<Inner>);

struct Inner {
    raw: NonNull<sys::hearth_adapter>,
    _model: Model, // freed after `raw`, with the runtime's callbacks
}

// The header's class of adapters is [any].
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        unsafe { sys::hearth_adapter_free(self.raw.as_ptr()) }
    }
}

impl Adapter {
    /// Loads a GGUF file of the kinds "lora" or "controlvector", or a folder of PEFT's.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) for an adapter of another model,
    /// [`Error::Unsupported`](crate::Error::Unsupported) for kinds that would not be computed as they were trained,
    /// [`Error::Format`](crate::Error::Format), [`Error::NotFound`](crate::Error::NotFound).
    pub fn load(model: &Model, path: impl AsRef<Path>, options: &AdapterOptions) -> Result<Adapter> {
        let path = ffi::c_path(path.as_ref())?;
        let mut c: sys::hearth_adapter_options = unsafe { std::mem::zeroed() };
        check(unsafe { sys::hearth_adapter_options_init(&mut c, std::mem::size_of_val(&c)) })?;
        (c.first_layer, c.last_layer) = (options.first_layer, options.last_layer);
        let mut raw = ptr::null_mut();
        let raw = ffi::made(
            unsafe { sys::hearth_adapter_load(&mut raw, model.raw(), path.as_ptr(), &c) },
            raw,
        )?;
        Ok(Adapter::own(raw, model))
    }

    pub(crate) fn own(raw: NonNull<sys::hearth_adapter>, model: &Model) -> Adapter {
        Adapter(Arc::new(Inner {
            raw,
            _model: model.clone(),
        }))
    }

    /// What it is and how large.
    ///
    /// # Errors
    /// None that is known.
    pub fn info(&self) -> Result<AdapterInfo> {
        let mut c: sys::hearth_adapter_info = unsafe { std::mem::zeroed() };
        c.struct_size = std::mem::size_of_val(&c);
        check(unsafe { sys::hearth_adapter_describe(&mut c, self.raw()) })?;
        let kind = match c.kind {
            sys::HEARTH_ADAPTER_LORA => AdapterKind::Lora,
            sys::HEARTH_ADAPTER_CONTROL => AdapterKind::Control,
            other => AdapterKind::Other(other),
        };
        Ok(AdapterInfo {
            kind,
            parts: c.parts,
            rank: c.rank,
            bytes: c.bytes,
        })
    }

    /// The path that it was loaded from.
    pub fn path(&self) -> String {
        let path = unsafe { std::ffi::CStr::from_ptr(sys::hearth_adapter_path(self.raw())) };
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn raw(&self) -> *mut sys::hearth_adapter {
        self.0.raw.as_ptr()
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// How contrasting prompts become directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SteerMethod {
    /// The mean of the differences.
    #[default]
    Mean,
    /// Their first principal component.
    Pca,
}

/// Makes a control vector from pairs of prompts that contrast, and writes it to `path`; attached with a scale of 1 it
/// adds what the prompts differ by. `progress` gets done and all pairs; `ControlFlow::Break(())` stops.
///
/// ```
/// # fn main() -> hearth::Result<()> {
/// use std::ops::ControlFlow;
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// # let path = hearth_testing::folder().join("glad.gguf");
/// let tokenizer = model.tokenizer()?;
/// let tokens = |text| tokenizer.encode(text, Default::default());
/// let pairs = [(tokens("I am glad")?, tokens("I am sad")?)];
/// hearth::steer_train(&model, &pairs, Default::default(), &path, |_, _| ControlFlow::Continue(()))?;
/// let glad = hearth::Adapter::load(&model, &path, &Default::default())?;
/// let mut session = model.session()?;
/// session.attach(&glad, 0.75)?;
/// # assert_eq!(session.adapters()?[0].1, 0.75);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for empty prompts and pairs that do not differ.
pub fn steer_train(
    model: &Model,
    pairs: &[(Vec<Token>, Vec<Token>)],
    method: SteerMethod,
    path: impl AsRef<Path>,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send,
) -> Result<()> {
    let path = ffi::c_path(path.as_ref())?;
    let mut c: sys::hearth_steer_options = unsafe { std::mem::zeroed() };
    check(unsafe { sys::hearth_steer_options_init(&mut c, std::mem::size_of_val(&c)) })?;
    c.method = match method {
        SteerMethod::Mean => sys::HEARTH_STEER_MEAN,
        SteerMethod::Pca => sys::HEARTH_STEER_PCA,
    };
    let (positive, positive_lengths): (Vec<_>, Vec<_>) = pairs.iter().map(|(p, _)| (p.as_ptr(), p.len())).unzip();
    let (negative, negative_lengths): (Vec<_>, Vec<_>) = pairs.iter().map(|(_, n)| (n.as_ptr(), n.len())).unzip();
    let mut progress = Progress::new(&mut progress);
    (c.progress, c.progress_user) = progress.hook();
    let status = unsafe {
        sys::hearth_steer_train(
            model.raw(),
            positive.as_ptr(),
            positive_lengths.as_ptr(),
            negative.as_ptr(),
            negative_lengths.as_ptr(),
            pairs.len(),
            path.as_ptr(),
            &c,
        )
    };
    let done = check(status);
    progress.end();
    done
}
