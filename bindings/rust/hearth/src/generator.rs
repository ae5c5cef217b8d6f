//! Several sessions of a model in the same passes.

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use hearth_sys as sys;

use crate::error::{check, Error, Result};
use crate::ffi;
use crate::generate::{Event, GenerateOptions};
use crate::model::Model;
use crate::sampling::Sampling;
use crate::session::{CancelHandle, Object, Session, Target};

/// A generator of the library, for one session or several. It is the [object] of one thread at a time.
pub(crate) struct Raw {
    raw: NonNull<sys::hearth_generator>,
    target: Arc<Target>,
    model: Model,
}

// The header's class of generators is [object]: one thread at a time, whichever it is.
unsafe impl Send for Raw {}

impl Raw {
    pub(crate) fn new(model: &Model) -> Result<Raw> {
        let mut raw = ptr::null_mut();
        let raw = ffi::made(unsafe { sys::hearth_generator_new(&mut raw, model.raw()) }, raw)?;
        Ok(Raw {
            raw,
            target: Target::new(Object::Generator(raw)),
            model: model.clone(),
        })
    }

    /// From here on the session is not to be used until its end.
    pub(crate) fn submit(
        &self,
        session: &Session,
        sampling: &Sampling,
        options: &GenerateOptions,
        tag: usize,
    ) -> Result<()> {
        let options = options.c(tag)?;
        // Sampling and options are copied, a model for drafts is retained.
        check(unsafe { sys::hearth_generator_submit(self.raw.as_ptr(), session.raw(), sampling.raw(), &options) })
    }

    /// The next event with its tag; computes until there is one. None when nothing runs.
    pub(crate) fn next(&mut self) -> Option<Result<(usize, Event)>> {
        loop {
            let mut event: sys::hearth_event = unsafe { std::mem::zeroed() };
            event.struct_size = std::mem::size_of_val(&event);
            match unsafe { sys::hearth_generator_next_event(&mut event, self.raw.as_ptr()) } {
                sys::HEARTH_OK => {
                    // Copied before the generator's next call.
                    let copy = unsafe { Event::copy(&event, self.model.vocab_size() as usize) };
                    return Some(Ok((event.tag as usize, copy)));
                }
                sys::HEARTH_EAGAIN => {}
                status => return Some(Err(check(status).unwrap_err())),
            }
            match unsafe { sys::hearth_generator_step(self.raw.as_ptr()) } {
                sys::HEARTH_OK => {}
                sys::HEARTH_EAGAIN => return None,
                status => return Some(Err(check(status).unwrap_err())),
            }
        }
    }

    fn cancel(&self, session: &Session) {
        // Cannot fail: the generator is there.
        let _ = unsafe { sys::hearth_generator_cancel(self.raw.as_ptr(), session.raw()) };
    }

    pub(crate) fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.target.clone())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.target.take_away();
        // Releases the sessions that run.
        unsafe { sys::hearth_generator_free(self.raw.as_ptr()) }
    }
}

/// Which of a generator's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(usize);

/// A session that a generator did not take, and why.
#[derive(Debug)]
pub struct Refused {
    /// As it was.
    pub session: Session,
    /// Why.
    pub error: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        refused.error
    }
}

struct Slot {
    ticket: Ticket,
    session: Session,
    ended: bool,
}

/// Runs several sessions of a model in the same passes. What a session gets never depends on the others. It is an
/// iterator of events with their tickets, until nothing runs; sessions may be added at any time, and are taken back
/// when they have ended. `Send`, not `Sync`.
///
/// ```
/// use hearth::{Event, GenerateOptions, Generator, Sampling};
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let mut generator = Generator::new(&model)?;
/// let options = GenerateOptions { max_tokens: 8, ..Default::default() };
/// let mut texts = std::collections::BTreeMap::new();
/// for prompt in ["The cat", "The dog"] {
///     let mut session = model.session_with(&hearth::SessionOptions { context: 64, ..Default::default() })?;
///     session.append(prompt)?;
///     let ticket = generator.submit(session, &Sampling::greedy()?, &options)?;
///     texts.insert(ticket, prompt.to_string());
/// }
/// while let Some(event) = generator.next() {
///     let (ticket, event) = event?;
///     texts.get_mut(&ticket).unwrap().push_str(event.text());
///     if let Event::Finish(_) = event {
///         let session = generator.reclaim(ticket).unwrap(); // to go on with
///         # assert!(session.len() >= 2);
///     }
/// }
/// # assert_eq!(texts.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Generator {
    raw: Raw, // freed first, which releases the sessions
    slots: Vec<Slot>,
    count: usize,
}

impl Generator {
    /// For sessions of this model.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(model: &Model) -> Result<Generator> {
        Ok(Generator {
            raw: Raw::new(model)?,
            slots: Vec::new(),
            count: 0,
        })
    }

    /// Takes a session and begins to generate from what it holds.
    ///
    /// # Errors
    /// As [`Session::generate`]; [`Error::InvalidArgument`] for a session of another model. The session comes back.
    #[allow(clippy::result_large_err)] // the session itself
    pub fn submit(
        &mut self,
        session: Session,
        sampling: &Sampling,
        options: &GenerateOptions,
    ) -> Result<Ticket, Refused> {
        let ticket = Ticket(self.count);
        match self.raw.submit(&session, sampling, options, ticket.0) {
            Ok(()) => {
                self.count += 1;
                self.slots.push(Slot {
                    ticket,
                    session,
                    ended: false,
                });
                Ok(ticket)
            }
            Err(error) => Err(Refused { session, error }),
        }
    }

    /// A session that has ended; None for one that runs, or was taken.
    pub fn reclaim(&mut self, ticket: Ticket) -> Option<Session> {
        let at = self.slots.iter().position(|s| s.ticket == ticket && s.ended)?;
        Some(self.slots.swap_remove(at).session)
    }

    /// Sessions that run.
    pub fn running(&self) -> usize {
        self.slots.iter().filter(|s| !s.ended).count()
    }

    /// Stops a session, with its [`Event::Finish`]; the others go on.
    pub fn cancel(&mut self, ticket: Ticket) {
        if let Some(slot) = self.slots.iter().find(|s| s.ticket == ticket && !s.ended) {
            self.raw.cancel(&slot.session);
        }
    }

    /// Stops all that run, from another thread. (A session's own handle stops that one.)
    pub fn cancel_handle(&self) -> CancelHandle {
        self.raw.cancel_handle()
    }
}

impl Iterator for Generator {
    type Item = Result<(Ticket, Event)>;

    /// Computes until there is an event; None when nothing runs.
    fn next(&mut self) -> Option<Self::Item> {
        let (tag, event) = match self.raw.next()? {
            Ok(next) => next,
            Err(error) => return Some(Err(error)),
        };
        let ticket = Ticket(tag);
        if let (Event::Finish(_), Some(slot)) = (&event, self.slots.iter_mut().find(|s| s.ticket == ticket)) {
            slot.ended = true;
        }
        Some(Ok((ticket, event)))
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
