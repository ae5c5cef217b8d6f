//! The C interface of hearth, function by function: what `hearth.h` declares, written in Rust by hand and held to the
//! header by this crate's tests (every signature, the offset of every field, the value of every constant). The crate
//! `hearth` is the one to use; this one is for what it does not offer.
//!
//! Rules that hold for every function:
//! - It returns a [`hearth_status`]; [`HEARTH_OK`] is 0. Functions that return anything else cannot fail. A sentence
//!   about the last failure on this thread: [`hearth_last_error`].
//! - Out-parameters come first and are set to null or 0 on failure. `*_free(NULL)` does nothing. Objects that are made
//!   from another keep it alive: free them in any order.
//! - Text is UTF-8, a pointer and a length in bytes. Buffers are the caller's: pointer, capacity, and `needed`, which is
//!   always set to the full size; [`HEARTH_EBUFS`] when the capacity is smaller.
//! - Option structs begin with their size. Call the `_init` function with `size_of`, then change fields.
//! - Thread classes: \[any\] callable from any thread at any time; \[object\] one thread at a time for each object.
//!
//! ```
//! let version = unsafe { std::ffi::CStr::from_ptr(hearth_sys::hearth_version()) };
//! assert!(version.to_str().unwrap().starts_with("0."));
//! ```
//!
//! # Linking
//!
//! `HEARTH_LIB_DIR` (with `HEARTH_INCLUDE_DIR` for the tests) names the folder of a built library. Without it pkg-config
//! is asked for an installed one, and where there is none hearth is built from its sources with CMake and linked
//! statically. With the feature `static` the library is libhearth.a of `HEARTH_LIB_DIR`, or built from the sources.
//! `HEARTH_SOURCE_DIR` says where they are when they do not surround this crate, `HEARTH_CMAKE_ARGS` has further
//! arguments for CMake, separated by blanks.
#![no_std]
#![allow(non_camel_case_types)]

/// A type of which only pointers exist here. It is neither `Send` nor `Sync`, nor may it be moved.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            _data: [u8; 0],
            _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
        }
    };
}

mod adapter;
mod chat;
mod embed;
mod generate;
mod model;
mod prefix_store;
mod runtime;
mod sampling;
mod session;
mod status;
mod tokenizer;

pub use adapter::*;
pub use chat::*;
pub use embed::*;
pub use generate::*;
pub use model::*;
pub use prefix_store::*;
pub use runtime::*;
pub use sampling::*;
pub use session::*;
pub use status::*;
pub use tokenizer::*;
