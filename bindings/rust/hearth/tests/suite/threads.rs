use std::alloc::Layout;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hearth::*;

use super::{model, open, session, tokens};

/// Whether a type is Send and Sync, told at compile time: inherent constants hide those of the trait where they apply.
macro_rules! classes {
    ($($name:ty: $send:literal $sync:literal;)*) => {$(
        {
            #[allow(dead_code)]
            trait No { const IS: bool = false; }
            impl<T: ?Sized> No for T {}
            #[allow(dead_code)]
            struct SendProbe<T: ?Sized>(std::marker::PhantomData<T>);
            #[allow(dead_code)]
            impl<T: ?Sized + Send> SendProbe<T> { const IS: bool = true; }
            #[allow(dead_code)]
            struct SyncProbe<T: ?Sized>(std::marker::PhantomData<T>);
            #[allow(dead_code)]
            impl<T: ?Sized + Sync> SyncProbe<T> { const IS: bool = true; }
            const _: () = assert!(<SendProbe<$name>>::IS == $send, concat!(stringify!($name), ": Send"));
            const _: () = assert!(<SyncProbe<$name>>::IS == $sync, concat!(stringify!($name), ": Sync"));
        }
    )*};
}

#[test]
fn types_are_send_and_sync_as_the_header_says() {
    classes! {
        // [any]
        Runtime: true true;
        Model: true true;
        Tokenizer: true true;
        Adapter: true true;
        PrefixStore: true true;
        CancelHandle: true true;
        // [object]
        Session: true false;
        Generator: true false;
        Generation<'static>: true false;
        Sampling: true false;
        Decoder: true false;
        ChatParser: true false;
        Chat: true false;
        Reply<'static>: true false;
        // values
        Event: true true;
        Error: true true;
        Embeddings: true true;
        Logits<'static>: true true;
        GenerateOptions: true true;
    }
}

#[test]
fn one_model_serves_many_threads() {
    let alone = session("The cat")
        .complete(&Sampling::greedy().unwrap(), &tokens(8))
        .unwrap()
        .tokens;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let done = session("The cat")
                    .complete(&Sampling::greedy().unwrap(), &tokens(8))
                    .unwrap();
                assert_eq!(done.tokens, alone);
            });
        }
    });
}

#[test]
fn a_session_moves_between_threads() {
    let mut moved = session("The cat");
    moved = std::thread::spawn(move || {
        moved.evaluate().unwrap();
        moved
    })
    .join()
    .unwrap();
    assert_eq!(
        moved.logits().unwrap().to_vec(),
        session("The cat").logits().unwrap().to_vec()
    );
}

/// Counts what it gave and has not got back.
struct Counting {
    blocks: Mutex<HashMap<usize, Layout>>,
    given: AtomicUsize,
}

struct Shared(Arc<Counting>);

unsafe impl Memory for Shared {
    fn allocate(&self, bytes: usize, alignment: usize) -> *mut u8 {
        let layout = Layout::from_size_align(bytes.max(1), alignment).unwrap();
        let block = unsafe { std::alloc::alloc(layout) };
        self.0.blocks.lock().unwrap().insert(block as usize, layout);
        self.0.given.fetch_add(1, Ordering::Relaxed);
        block
    }
    unsafe fn release(&self, block: *mut u8, bytes: usize) {
        let layout = self
            .0
            .blocks
            .lock()
            .unwrap()
            .remove(&(block as usize))
            .expect("a block that was given");
        assert_eq!(layout.size(), bytes.max(1));
        unsafe { std::alloc::dealloc(block, layout) }
    }
}

/// All that can be made of a model, by name.
fn everything(runtime: Runtime) -> Vec<Option<Box<dyn std::any::Any>>> {
    let model = Model::builder()
        .runtime(&runtime)
        .open(hearth_testing::random(&[]))
        .unwrap();
    let tokenizer = model.tokenizer().unwrap();
    let decoder = tokenizer.decoder(false).unwrap();
    let store = PrefixStore::open(&runtime, &PrefixStoreOptions::default()).unwrap();
    let options = SessionOptions {
        context: 64,
        ..Default::default()
    };
    let mut session = model.session_with(&options).unwrap();
    session.use_store(Some(&store)).unwrap();
    session.append("The cat").unwrap();
    session.evaluate().unwrap();
    let fork = session.fork().unwrap();
    let handle = session.cancel_handle();
    let mut generator = Generator::new(&model).unwrap();
    let running = fork.fork().unwrap();
    generator
        .submit(running, &Sampling::greedy().unwrap(), &tokens(30))
        .unwrap();
    generator.next().unwrap().unwrap();
    vec![
        Some(Box::new(runtime)),
        Some(Box::new(model)),
        Some(Box::new(tokenizer)),
        Some(Box::new(decoder)),
        Some(Box::new(store)),
        Some(Box::new(session)),
        Some(Box::new(fork)),
        Some(Box::new(handle)),
        Some(Box::new(generator)),
    ]
}

#[test]
fn objects_are_dropped_in_any_order_and_leave_nothing() {
    for order in 0..9 {
        let counting = Arc::new(Counting {
            blocks: Mutex::default(),
            given: AtomicUsize::new(0),
        });
        let runtime = Runtime::builder()
            .threads(1)
            .memory(Shared(counting.clone()))
            .build()
            .unwrap();
        let mut objects = everything(runtime);
        let count = objects.len();
        for i in 0..count {
            // Steps that have no divisor in common with the number reach each object once.
            objects[(order + i * [1, 2, 4, 5, 7, 8][order % 6]) % count].take();
        }
        assert!(objects.iter().all(Option::is_none));
        assert!(counting.given.load(Ordering::Relaxed) > 0);
        assert_eq!(counting.blocks.lock().unwrap().len(), 0, "order {order}");
        assert_eq!(
            Arc::strong_count(&counting),
            1,
            "order {order}: the runtime dropped its callbacks"
        );
    }
}

#[test]
fn memory_that_is_refused_is_an_error() {
    struct Stingy;
    unsafe impl Memory for Stingy {
        fn allocate(&self, _: usize, _: usize) -> *mut u8 {
            std::ptr::null_mut()
        }
        unsafe fn release(&self, _: *mut u8, _: usize) {}
    }
    let runtime = Runtime::builder().memory(Stingy).build().unwrap();
    let refused = Model::builder().runtime(&runtime).open(hearth_testing::random(&[]));
    assert!(matches!(refused, Err(Error::OutOfMemory(_))), "{refused:?}");
}

#[test]
fn the_hosts_threads_compute_the_same() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let run = move |work: &Work<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for worker in 0..work.workers() + 2 {
                // Numbers that do not exist and second calls are passed over.
                scope.spawn(move || {
                    work.call(worker);
                    work.call(worker);
                });
            }
        });
    };
    let runtime = Runtime::builder().threads(3).run(run).build().unwrap();
    let model = Model::builder()
        .runtime(&runtime)
        .open(hearth_testing::random(&[]))
        .unwrap();
    let embedded = model.embed(&["The cat"], &Default::default()).unwrap();
    assert_eq!(embedded, open(2).embed(&["The cat"], &Default::default()).unwrap());
    assert!(calls.load(Ordering::Relaxed) > 0);
}

#[test]
fn host_threads_that_panic_change_nothing() {
    let runtime = Runtime::builder()
        .threads(2)
        .run(|_| std::panic::panic_any("no"))
        .build()
        .unwrap();
    let model = Model::builder()
        .runtime(&runtime)
        .open(hearth_testing::random(&[]))
        .unwrap();
    let expected = super::model().embed(&["x y"], &Default::default()).unwrap();
    assert_eq!(model.embed(&["x y"], &Default::default()).unwrap(), expected);
}

#[test]
fn versions_and_instruction_sets() {
    assert_eq!(version(), env!("CARGO_PKG_VERSION"));
    let isas = isas();
    assert!(
        isas.iter().any(|(name, available)| *name == "scalar" && *available),
        "{isas:?}"
    );
    assert!(isas
        .iter()
        .any(|(name, available)| *name == model().runtime().isa() && *available));
    assert!(model().runtime().memory() >= model().weight_bytes());
    assert!(model().runtime().measure_stream(1 << 20, 3).unwrap() > 0.0);
    assert!(model().decode_bytes() > 0 && model().context_length() > 0);
}
