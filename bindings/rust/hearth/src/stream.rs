//! Generations and turns of a chat as streams, for any executor: a thread of their own computes them.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use futures_core::{FusedStream, Stream};

use crate::chat::Chat;
use crate::error::Result;
use crate::generate::{Event, GenerateOptions};
use crate::generator::{Generator, Ticket};
use crate::parser::ChatEvent;
use crate::sampling::Sampling;
use crate::session::{CancelHandle, Session};

/// Events that may wait for whoever reads them; then the thread waits.
const WAITING: usize = 64;

struct State<T> {
    events: VecDeque<Result<T>>,
    waker: Option<Waker>,
    ended: bool,   // by the thread
    stopped: bool, // by the reader, who may go on reading
    closed: bool,  // by the reader, who does not
}

struct Shared<T> {
    state: Mutex<State<T>>,
    room: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the thread; false when nobody reads any more.
    fn push(&self, event: Result<T>) -> bool {
        let mut state = self.lock();
        while state.events.len() >= WAITING && !state.closed {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.events.push_back(event);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Events of a session or a chat that a thread of its own computes: a [`Stream`] for any executor. The thread runs at
/// most 64 events ahead. Dropping the stream stops the computation within milliseconds, and waits for nothing;
/// [`into_inner`](EventStream::into_inner) gives back what it was made of.
///
/// ```
/// use futures::StreamExt;
/// use hearth::{GenerateOptions, Sampling};
/// # fn main() -> hearth::Result<()> {
/// # let model = hearth::Model::open(hearth_testing::model())?;
/// let mut session = model.session()?;
/// session.append("Once upon a time")?;
/// let options = GenerateOptions { max_tokens: 8, ..Default::default() };
/// let mut stream = session.into_stream(Sampling::greedy()?, options);
/// futures::executor::block_on(async {
///     while let Some(event) = stream.next().await {
///         print!("{}", event?.text());
///     }
///     Ok::<(), hearth::Error>(())
/// })?;
/// let session = stream.into_inner(); // to go on with
/// # assert!(session.len() > 1);
/// # Ok(())
/// # }
/// ```
pub struct EventStream<T, O> {
    shared: Arc<Shared<T>>,
    cancel: CancelHandle,
    thread: Option<JoinHandle<O>>,
}

/// A generation of one session: [`Session::into_stream`].
pub type GenerationStream = EventStream<Event, Session>;
/// Several sessions of a model: [`Generator::into_stream`].
pub type GeneratorStream = EventStream<(Ticket, Event), Generator>;
/// A turn of a chat: [`Chat::into_stream`].
pub type ReplyStream = EventStream<ChatEvent, Chat>;

impl<T: Send + 'static, O: Send + 'static> EventStream<T, O> {
    /// `work` computes events for as long as the reader takes them.
    fn spawn(mut owner: O, cancel: CancelHandle, work: impl FnOnce(&mut O, &Shared<T>) + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                events: VecDeque::new(),
                waker: None,
                ended: false,
                stopped: false,
                closed: false,
            }),
            room: Condvar::new(),
        });
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || {
            let worked = catch_unwind(AssertUnwindSafe(|| work(&mut owner, &theirs)));
            theirs.end();
            worked.map_or_else(|panic| resume_unwind(panic), |()| owner)
        });
        EventStream {
            shared,
            cancel,
            thread: Some(thread),
        }
    }

    /// Stops the computation; the stream then ends.
    pub fn cancel(&self) {
        self.shared.lock().stopped = true;
        self.cancel.cancel();
    }

    /// Stops it from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Stops the computation if it still runs, waits for its thread (milliseconds), and gives back what it was made of.
    /// Events that were not read are lost; the tokens are in the session.
    ///
    /// # Panics
    /// When the thread did.
    pub fn into_inner(mut self) -> O {
        let thread = self.thread.take();
        self.close();
        let joined = thread.expect("a stream has a thread until it is dropped").join();
        joined.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<T, O> EventStream<T, O> {
    fn close(&self) {
        let mut state = self.shared.lock();
        (state.stopped, state.closed) = (true, true);
        let running = !state.ended;
        state.events.clear();
        state.waker = None;
        drop(state);
        self.shared.room.notify_all();
        if running {
            self.cancel.cancel();
        }
    }
}

impl<T, O> Stream for EventStream<T, O> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.shared.lock();
        if let Some(event) = state.events.pop_front() {
            drop(state);
            self.shared.room.notify_one();
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T, O> FusedStream for EventStream<T, O> {
    fn is_terminated(&self) -> bool {
        let state = self.shared.lock();
        state.ended && state.events.is_empty()
    }
}

impl<T, O> Drop for EventStream<T, O> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T, O> fmt::Debug for EventStream<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("ended", &self.shared.lock().ended)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Generates on a thread of its own, as a stream of events. An error that would come from
    /// [`generate`](Session::generate) is the stream's only event.
    pub fn into_stream(self, sampling: Sampling, options: GenerateOptions) -> GenerationStream {
        let cancel = self.cancel_handle();
        EventStream::spawn(self, cancel, move |session, shared| {
            let cancel = session.cancel_handle();
            drive(session.generate(&sampling, &options), &cancel, shared);
        })
    }
}

impl Chat {
    /// Lets the model take its turn on a thread of its own, as a stream of its parts.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use hearth::{Chat, ChatEvent, Message};
    /// # fn main() -> hearth::Result<()> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// let mut chat = Chat::new(&model)?;
    /// chat.options.max_tokens = 8;
    /// chat.push(Message::user("Hello"));
    /// let mut stream = chat.into_stream();
    /// futures::executor::block_on(async {
    ///     while let Some(event) = stream.next().await {
    ///         if let ChatEvent::Content(text) = event? {
    ///             print!("{text}");
    ///         }
    ///     }
    ///     Ok::<(), hearth::Error>(())
    /// })?;
    /// let chat = stream.into_inner();
    /// assert_eq!(chat.messages()[1].role, "assistant");
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_stream(self) -> ReplyStream {
        let cancel = self.cancel_handle();
        EventStream::spawn(self, cancel, move |chat, shared| {
            let cancel = chat.cancel_handle();
            drive(chat.reply(), &cancel, shared);
        })
    }
}

impl Generator {
    /// Runs its sessions on a thread of its own, as a stream of events with their tickets, until none runs.
    /// [`into_inner`](EventStream::into_inner) gives the generator back, whose sessions can be reclaimed; what was
    /// stopped has its end among the generator's next events.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use hearth::{GenerateOptions, Generator, Sampling};
    /// # fn main() -> hearth::Result<()> {
    /// # let model = hearth::Model::open(hearth_testing::model())?;
    /// let mut generator = Generator::new(&model)?;
    /// let options = GenerateOptions { max_tokens: 8, ..Default::default() };
    /// for prompt in ["The cat", "The dog"] {
    ///     let mut session = model.session_with(&hearth::SessionOptions { context: 64, ..Default::default() })?;
    ///     session.append(prompt)?;
    ///     generator.submit(session, &Sampling::greedy()?, &options)?;
    /// }
    /// let mut stream = generator.into_stream();
    /// futures::executor::block_on(async {
    ///     while let Some(event) = stream.next().await {
    ///         let (ticket, event) = event?;
    ///         println!("{ticket:?}: {}", event.text());
    ///     }
    ///     Ok::<(), hearth::Error>(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_stream(self) -> GeneratorStream {
        let cancel = self.cancel_handle();
        EventStream::spawn(self, cancel, |generator, shared| {
            let cancel = generator.cancel_handle();
            drive(Ok(generator), &cancel, shared);
        })
    }
}

/// Until the end, or until nobody reads.
fn drive<T>(begun: Result<impl Iterator<Item = Result<T>>>, cancel: &CancelHandle, shared: &Shared<T>) {
    match begun {
        Err(error) => {
            shared.push(Err(error));
        }
        Ok(events) => {
            // Who stopped it before there was anything to cancel is heard here; who does it from now on, by the library.
            if shared.lock().stopped {
                cancel.cancel();
            }
            for event in events {
                if !shared.push(event) {
                    return;
                }
            }
        }
    }
}
