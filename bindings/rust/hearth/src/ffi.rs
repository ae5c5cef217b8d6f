//! What crosses the border to C: texts, buffers, and callbacks that must not unwind.

use std::any::Any;
use std::ffi::{c_char, c_void, CStr, CString};
use std::ops::ControlFlow;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::path::Path;
use std::ptr::{self, NonNull};

use hearth_sys as sys;

use crate::error::{check, Error, Result};

/// What an out-parameter of a successful call holds.
pub(crate) fn made<T>(status: sys::hearth_status, raw: *mut T) -> Result<NonNull<T>> {
    check(status)?;
    NonNull::new(raw).ok_or_else(|| Error::Internal("a call that succeeded made nothing".into()))
}

/// A hearth_text that a call makes, as a String.
pub(crate) fn text(call: impl FnOnce(*mut *mut sys::hearth_text) -> sys::hearth_status) -> Result<String> {
    let mut raw = ptr::null_mut();
    check(call(&mut raw))?;
    let mut length = 0;
    // The text is ours until it is freed, and null is fine for both calls.
    unsafe {
        let data = sys::hearth_text_data(raw, &mut length);
        let copy = borrowed(data, length);
        sys::hearth_text_free(raw);
        Ok(copy)
    }
}

/// A copy of text that the library lends; what is no UTF-8 becomes U+FFFD.
///
/// # Safety
/// `data` points to `length` bytes, or is null.
pub(crate) unsafe fn borrowed(data: *const c_char, length: usize) -> String {
    String::from_utf8_lossy(unsafe { slice(data.cast::<u8>(), length) }).into_owned()
}

/// # Safety
/// `data` points to `length` values that nothing changes while the slice is used, or is null.
pub(crate) unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    if data.is_null() || length == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(data, length) }
    }
}

/// Names that live as long as the library: null is none.
///
/// # Safety
/// `name` is null or a zero-terminated literal of the library.
pub(crate) unsafe fn literal(name: *const c_char) -> Option<&'static str> {
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_str().unwrap_or(""))
}

/// A result of unknown size: `call` gets a buffer, its capacity and where to say how much is needed.
pub(crate) fn buffer<T: Copy + Default>(
    guess: usize,
    mut call: impl FnMut(*mut T, usize, *mut usize) -> sys::hearth_status,
) -> Result<Vec<T>> {
    let mut data = vec![T::default(); guess];
    loop {
        let mut needed = 0;
        let status = call(data.as_mut_ptr(), data.len(), &mut needed);
        if status == sys::HEARTH_EBUFS && needed > data.len() {
            data.resize(needed, T::default());
            continue;
        }
        check(status)?;
        data.truncate(needed);
        return Ok(data);
    }
}

pub(crate) fn c_string(what: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|e| Error::InvalidArgument(format!("{what} has a zero byte at {}", e.nul_position())))
}

pub(crate) fn c_path(path: &Path) -> Result<CString> {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    #[cfg(not(unix))]
    let bytes = path
        .to_str()
        .ok_or_else(|| Error::InvalidArgument(format!("the path {} is not UTF-8", path.display())))?
        .as_bytes()
        .to_vec();
    CString::new(bytes).map_err(|e| {
        Error::InvalidArgument(format!(
            "the path {} has a zero byte at {}",
            path.display(),
            e.nul_position()
        ))
    })
}

/// Texts as C takes lists of them: pointers and lengths, which borrow from `texts`.
pub(crate) fn text_list<S: AsRef<str>>(texts: &[S]) -> (Vec<*const c_char>, Vec<usize>) {
    let texts = texts.iter().map(AsRef::as_ref);
    texts.map(|t| (t.as_ptr().cast::<c_char>(), t.len())).unzip()
}

pub(crate) type Panic = Box<dyn Any + Send>;

/// A callback of the host that tells of progress, for the time of one call.
pub(crate) struct Progress<'a> {
    callback: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    panic: Option<Panic>,
}

pub(crate) type ProgressFn = unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32;

impl<'a> Progress<'a> {
    pub(crate) fn new(callback: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Self {
        Progress { callback, panic: None }
    }

    /// What C calls, and with what.
    pub(crate) fn hook(&mut self) -> (Option<ProgressFn>, *mut c_void) {
        (Some(Self::tell), (self as *mut Self).cast())
    }

    unsafe extern "C" fn tell(done: u64, total: u64, user: *mut c_void) -> i32 {
        // `user` is the Progress of the call that is running, which no other thread touches.
        let this = unsafe { &mut *user.cast::<Progress<'_>>() };
        if this.panic.is_some() {
            return 1;
        }
        match catch_unwind(AssertUnwindSafe(|| (this.callback)(done, total))) {
            Ok(ControlFlow::Continue(())) => 0,
            Ok(ControlFlow::Break(())) => 1,
            Err(panic) => {
                this.panic = Some(panic);
                1
            }
        }
    }

    /// After the call: a panic of the callback goes on here.
    pub(crate) fn end(self) {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
    }
}
