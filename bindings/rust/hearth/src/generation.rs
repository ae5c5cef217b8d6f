//! One generation of one session, as an iterator.

use std::fmt;
use std::iter::FusedIterator;

use crate::error::{Error, Result};
use crate::generate::{Completion, Event, FinishReason, GenerateOptions};
use crate::generator::Raw;
use crate::sampling::Sampling;
use crate::session::{CancelHandle, Session};

/// One generation of one session: an iterator of events, of which [`Event::Finish`] or an error is the last. Each call
/// of `next` computes until there is an event. Dropping it stops; the session keeps the tokens that it has.
pub struct Generation<'a> {
    raw: Raw, // freed first, which releases the session
    session: &'a mut Session,
    ended: bool,
}

impl<'a> Generation<'a> {
    pub(crate) fn begin(session: &'a mut Session, sampling: &Sampling, options: &GenerateOptions) -> Result<Self> {
        let raw = Raw::new(session.model())?;
        raw.submit(session, sampling, options, 0)?;
        Ok(Generation {
            raw,
            session,
            ended: false,
        })
    }

    /// Stops it, from another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.session.cancel_handle()
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// What ends the generation.
    pub fn complete(self) -> Result<Completion> {
        let (mut text, mut tokens) = (String::new(), Vec::new());
        for event in self {
            let event = event?;
            text += event.text();
            tokens.extend(event.token());
            if let Event::Finish(finish) = event {
                return Ok(Completion { text, tokens, finish });
            }
        }
        Err(Error::State("the generation has ended before".into()))
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = match self.raw.next() {
            Some(Ok((_, event))) => event,
            Some(Err(error)) => {
                self.ended = true;
                return Some(Err(error));
            }
            None => {
                self.ended = true;
                return None;
            }
        };
        if let Event::Finish(finish) = &event {
            self.ended = true;
            if let FinishReason::Error(error) = &finish.reason {
                return Some(Err(error.clone()));
            }
        }
        Some(Ok(event))
    }
}

impl FusedIterator for Generation<'_> {}

impl fmt::Debug for Generation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("session", &self.session)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
