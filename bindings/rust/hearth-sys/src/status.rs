//! Statuses, the library's version, and text that it owns.

use core::ffi::c_char;

pub type hearth_status = i32;

pub const HEARTH_OK: hearth_status = 0;
/// an argument is wrong: null, out of bounds, an unknown key
pub const HEARTH_EINVAL: hearth_status = 1;
/// memory was refused
pub const HEARTH_ENOMEM: hearth_status = 2;
/// would exceed the runtime's memory budget; the sentence has the figures
pub const HEARTH_EBUDGET: hearth_status = 3;
/// a file or reader did not deliver its bytes
pub const HEARTH_EIO: hearth_status = 4;
/// a file contradicts its own format
pub const HEARTH_EFORMAT: hearth_status = 5;
/// a sound file of a kind that this version does not know
pub const HEARTH_EUNSUPPORTED: hearth_status = 6;
/// beyond the context, the vocabulary or another limit
pub const HEARTH_ERANGE: hearth_status = 7;
/// the caller's buffer is too small; \*needed says how much
pub const HEARTH_EBUFS: hearth_status = 8;
/// nothing to report at the moment
pub const HEARTH_EAGAIN: hearth_status = 9;
/// the host asked to stop
pub const HEARTH_ECANCELLED: hearth_status = 10;
/// an instruction set that this CPU or build lacks
pub const HEARTH_EISA: hearth_status = 11;
/// the object is busy with something that does not allow this call
pub const HEARTH_ESTATE: hearth_status = 12;
/// no such file
pub const HEARTH_ENOTFOUND: hearth_status = 13;
/// text is not UTF-8; the sentence has the byte offset
pub const HEARTH_EUTF8: hearth_status = 14;
/// a defect of hearth
pub const HEARTH_EINTERNAL: hearth_status = 15;

opaque! {
    /// A string made by hearth, the caller's to free. \[object\]
    hearth_text
}

extern "C" {
    /// "HEARTH_EFORMAT" for a status; never null. \[any\] @since 0.1
    pub fn hearth_status_name(status: hearth_status) -> *const c_char;
    /// One sentence about the last call on this thread that failed; "" when there was none. Borrowed until this thread's
    /// next call into hearth. Never null. \[any\] @since 0.1
    pub fn hearth_last_error() -> *const c_char;
    /// "0.1.0". \[any\] @since 0.1
    pub fn hearth_version() -> *const c_char;
    /// Zero-terminated; *length (may be null) without the zero. Borrowed from `text`. "" for null. @since 0.1
    pub fn hearth_text_data(text: *const hearth_text, length: *mut usize) -> *const c_char;
    pub fn hearth_text_free(text: *mut hearth_text);
}
