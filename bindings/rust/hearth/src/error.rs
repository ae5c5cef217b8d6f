//! Errors: a variant for each status, with the library's sentence.

use std::ffi::CStr;
use std::fmt;

use hearth_sys as sys;

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. Every variant has the sentence that the library says about it: it names the file, tensor, key or
/// position, what was found and what was expected.
///
/// ```
/// match hearth::Model::open("missing.gguf") {
///     Err(hearth::Error::NotFound(sentence)) => assert!(sentence.contains("missing.gguf")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An argument is wrong: out of bounds, an unknown key, text with a zero byte where a name is wanted.
    InvalidArgument(String),
    /// Memory was refused.
    OutOfMemory(String),
    /// It would exceed the runtime's memory budget; the sentence has the figures.
    OverBudget(String),
    /// A file or reader did not deliver its bytes.
    Io(String),
    /// A file contradicts its own format.
    Format(String),
    /// A sound file, or a keyword, of a kind that this version does not know.
    Unsupported(String),
    /// Beyond the context, the vocabulary or another limit.
    OutOfRange(String),
    /// The host asked to stop.
    Cancelled(String),
    /// An instruction set that this CPU or build lacks.
    IsaUnavailable(String),
    /// The object is busy with something, or belongs to something, that does not allow this call.
    State(String),
    /// No such file, key or adapter.
    NotFound(String),
    /// Text is not UTF-8; the sentence has the byte offset.
    InvalidUtf8(String),
    /// A defect of hearth.
    Internal(String),
    /// A status that this version of the crate does not know.
    Other {
        /// The number.
        status: i32,
        /// The sentence.
        message: String,
    },
}

impl Error {
    /// The library's sentence.
    pub fn message(&self) -> &str {
        match self {
            Error::InvalidArgument(m)
            | Error::OutOfMemory(m)
            | Error::OverBudget(m)
            | Error::Io(m)
            | Error::Format(m)
            | Error::Unsupported(m)
            | Error::OutOfRange(m)
            | Error::Cancelled(m)
            | Error::IsaUnavailable(m)
            | Error::State(m)
            | Error::NotFound(m)
            | Error::InvalidUtf8(m)
            | Error::Internal(m) => m,
            Error::Other { message, .. } => message,
        }
    }

    /// The number of the status in the C interface.
    pub fn status(&self) -> i32 {
        match self {
            Error::InvalidArgument(_) => sys::HEARTH_EINVAL,
            Error::OutOfMemory(_) => sys::HEARTH_ENOMEM,
            Error::OverBudget(_) => sys::HEARTH_EBUDGET,
            Error::Io(_) => sys::HEARTH_EIO,
            Error::Format(_) => sys::HEARTH_EFORMAT,
            Error::Unsupported(_) => sys::HEARTH_EUNSUPPORTED,
            Error::OutOfRange(_) => sys::HEARTH_ERANGE,
            Error::Cancelled(_) => sys::HEARTH_ECANCELLED,
            Error::IsaUnavailable(_) => sys::HEARTH_EISA,
            Error::State(_) => sys::HEARTH_ESTATE,
            Error::NotFound(_) => sys::HEARTH_ENOTFOUND,
            Error::InvalidUtf8(_) => sys::HEARTH_EUTF8,
            Error::Internal(_) => sys::HEARTH_EINTERNAL,
            Error::Other { status, .. } => *status,
        }
    }

    /// Its name there: "HEARTH_EFORMAT".
    pub fn name(&self) -> &'static str {
        // A literal of the library.
        unsafe { CStr::from_ptr(sys::hearth_status_name(self.status())) }
            .to_str()
            .unwrap_or("HEARTH_UNKNOWN")
    }

    pub(crate) fn new(status: sys::hearth_status, message: String) -> Error {
        match status {
            sys::HEARTH_EINVAL => Error::InvalidArgument(message),
            sys::HEARTH_ENOMEM => Error::OutOfMemory(message),
            sys::HEARTH_EBUDGET => Error::OverBudget(message),
            sys::HEARTH_EIO => Error::Io(message),
            sys::HEARTH_EFORMAT => Error::Format(message),
            sys::HEARTH_EUNSUPPORTED => Error::Unsupported(message),
            sys::HEARTH_ERANGE => Error::OutOfRange(message),
            sys::HEARTH_ECANCELLED => Error::Cancelled(message),
            sys::HEARTH_EISA => Error::IsaUnavailable(message),
            sys::HEARTH_ESTATE => Error::State(message),
            sys::HEARTH_ENOTFOUND => Error::NotFound(message),
            sys::HEARTH_EUTF8 => Error::InvalidUtf8(message),
            sys::HEARTH_EINTERNAL => Error::Internal(message),
            status => Error::Other { status, message },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NotFound(_) => std::io::ErrorKind::NotFound,
            Error::InvalidArgument(_) => std::io::ErrorKind::InvalidInput,
            Error::Format(_) | Error::InvalidUtf8(_) => std::io::ErrorKind::InvalidData,
            Error::OutOfMemory(_) | Error::OverBudget(_) => std::io::ErrorKind::OutOfMemory,
            Error::Unsupported(_) => std::io::ErrorKind::Unsupported,
            Error::Cancelled(_) => std::io::ErrorKind::Interrupted,
            _ => std::io::ErrorKind::Other,
        };
        std::io::Error::new(kind, error)
    }
}

/// The status of a call that this thread has just made.
pub(crate) fn check(status: sys::hearth_status) -> Result<()> {
    if status == sys::HEARTH_OK {
        return Ok(());
    }
    // Borrowed until this thread's next call, and copied here.
    let message = unsafe { CStr::from_ptr(sys::hearth_last_error()) }
        .to_string_lossy()
        .into_owned();
    Err(Error::new(status, message))
}
