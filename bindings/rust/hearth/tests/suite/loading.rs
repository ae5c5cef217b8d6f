use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hearth::{Error, LogLevel, Model, ReadAt, Runtime, Tokenizer};

use super::model;

struct Bytes {
    data: Vec<u8>,
    reads: AtomicUsize,
    fails_at: u64,
    panics: bool,
}

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.data.len() as u64
    }
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if offset + bytes.len() as u64 > self.fails_at {
            assert!(!self.panics, "the reader panics");
            return Err(std::io::Error::other("the disk is gone"));
        }
        bytes.copy_from_slice(&self.data[offset as usize..][..bytes.len()]);
        Ok(())
    }
}

fn bytes(fails_at: u64, panics: bool) -> Bytes {
    let data = std::fs::read(hearth_testing::random(&[])).unwrap();
    Bytes {
        data,
        reads: AtomicUsize::new(0),
        fails_at,
        panics,
    }
}

#[test]
fn missing_file_is_named() {
    match Model::open("no/such/model.gguf") {
        Err(error @ Error::NotFound(_)) => {
            assert!(error.message().contains("no/such/model.gguf"), "{error}");
            assert_eq!(error.name(), "HEARTH_ENOTFOUND");
            assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(Tokenizer::open("no/such/model.gguf"), Err(Error::NotFound(_))));
}

#[test]
fn broken_files_and_names_are_errors() {
    assert!(matches!(
        Model::builder().open_memory(b"this is no model at all"),
        Err(Error::Format(_))
    ));
    assert!(matches!(Model::open("a\0b"), Err(Error::InvalidArgument(m)) if m.contains("zero byte at 1")));
    let budget = Runtime::builder().memory_budget(1000).build().unwrap();
    let refused = Model::builder().runtime(&budget).open(hearth_testing::random(&[]));
    assert!(matches!(refused, Err(Error::OverBudget(_))), "{refused:?}");
    assert!(matches!(
        Runtime::builder().isa("z80").build(),
        Err(Error::InvalidArgument(_) | Error::IsaUnavailable(_))
    ));
}

#[test]
fn every_source_gives_the_same_model() {
    let digest = model().digest().unwrap();
    let reader = bytes(u64::MAX, false);
    assert_eq!(
        Model::builder().open_memory(&reader.data).unwrap().digest().unwrap(),
        digest
    );
    assert_eq!(Model::builder().open_reader(&reader).unwrap().digest().unwrap(), digest);
    assert!(reader.reads.load(Ordering::Relaxed) > 0);
    #[cfg(unix)]
    {
        let file = std::fs::File::open(hearth_testing::random(&[])).unwrap();
        assert_eq!(Model::builder().open_fd(&file).unwrap().digest().unwrap(), digest);
    }
}

#[test]
fn a_packed_model_is_the_same() {
    let packed = hearth_testing::folder().join(format!("packed-{}.gguf", std::process::id()));
    let steps = AtomicU64::new(0);
    hearth::pack(model().runtime(), hearth_testing::random(&[]), &packed, |_, _| {
        steps.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(steps.into_inner() > 0);
    assert_eq!(Model::open(&packed).unwrap().vocab_size(), model().vocab_size());
    std::fs::remove_file(packed).unwrap();
}

#[test]
fn a_reader_that_fails_is_an_error() {
    let failed = Model::builder().open_reader(&bytes(100_000, false));
    assert!(matches!(failed, Err(Error::Io(_))), "{failed:?}");
}

#[test]
fn a_reader_that_panics_panics_here() {
    let reader = bytes(100_000, true);
    let panic = catch_unwind(AssertUnwindSafe(|| Model::builder().open_reader(&reader))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the reader panics"));
}

#[test]
fn progress_tells_and_stops() {
    let mut seen = Vec::new();
    let progress = |done, total| {
        seen.push((done, total));
        ControlFlow::Continue(())
    };
    Model::builder()
        .progress(progress)
        .open(hearth_testing::random(&[]))
        .unwrap();
    let (done, total) = *seen.last().unwrap();
    assert!(done == total && total > 0, "{seen:?}");
    assert!(seen.windows(2).all(|w| w[0].0 <= w[1].0), "{seen:?}");
    let stopped = Model::builder()
        .progress(|_, _| ControlFlow::Break(()))
        .open(hearth_testing::random(&[]));
    assert!(matches!(stopped, Err(Error::Cancelled(_))), "{stopped:?}");
}

#[test]
fn a_progress_that_panics_panics_here() {
    let open = || {
        Model::builder()
            .progress(|_, _| panic!("enough"))
            .open(hearth_testing::random(&[]))
    };
    let panic = catch_unwind(AssertUnwindSafe(open)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough"));
}

#[test]
fn inspecting_needs_no_weights() {
    let told = hearth::inspect(model().runtime(), hearth_testing::random(&[])).unwrap();
    assert_eq!(told["supported"], true);
    assert_eq!(told["vocabulary"]["size"], model().vocab_size());
    let data = std::fs::read(hearth_testing::random(&[])).unwrap();
    assert_eq!(
        hearth::inspect_memory(model().runtime(), &data).unwrap()["parameters"],
        told["parameters"]
    );
    let reader = bytes(u64::MAX, false);
    assert_eq!(
        hearth::inspect_reader(model().runtime(), &reader).unwrap()["parameters"],
        told["parameters"]
    );
    assert!(reader.reads.into_inner() > 0);
    assert!(matches!(
        hearth::inspect_reader(model().runtime(), &bytes(100, false)),
        Err(Error::Io(_))
    ));
    assert_eq!(model().inspect().unwrap()["layers"], told["layers"]);
    assert_eq!(
        model().metadata("general.architecture").unwrap(),
        told["architecture"].as_str().unwrap()
    );
    assert!(matches!(model().metadata("no.such.key"), Err(Error::NotFound(_))));
}

#[test]
fn log_is_heard_and_may_panic() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    let runtime = Runtime::builder()
        .log(move |level: LogLevel, text: &str| {
            log.lock().unwrap().push((level, text.to_string()));
            std::panic::panic_any("a log that panics is nobody's business");
        })
        .build()
        .unwrap();
    let model = Model::builder()
        .runtime(&runtime)
        .open(hearth_testing::random(&[]))
        .unwrap();
    drop(runtime); // the model keeps it, and the log with it
    assert!(model.embed(&["a"], &Default::default()).is_ok());
    drop(model);
    assert_eq!(
        Arc::strong_count(&heard),
        1,
        "the log was dropped with the last that used it"
    );
}

#[test]
fn tokenizer_goes_there_and_back() {
    let tokenizer = model().tokenizer().unwrap();
    assert_eq!(tokenizer.size(), model().vocab_size());
    let text = "Hello wörld, 1 + 2";
    let tokens = tokenizer.encode(text, Default::default()).unwrap();
    assert_eq!(tokenizer.decode(&tokens, false).unwrap().trim(), text);
    let mut decoder = tokenizer.decoder(false).unwrap();
    let mut streamed = String::new();
    for token in &tokens {
        streamed += decoder.push(*token).unwrap();
    }
    streamed += decoder.flush().unwrap();
    assert_eq!(streamed.trim(), text);
    assert!(matches!(
        tokenizer.decode(&[i32::MAX], false),
        Err(Error::OutOfRange(_))
    ));
    assert!(matches!(tokenizer.piece(-5, false), Err(Error::OutOfRange(_))));
    let eos = tokenizer.special(hearth::Special::Eos).unwrap();
    assert!(tokenizer.ends_generation(eos));
    let spelled = String::from_utf8(tokenizer.piece(eos, true).unwrap()).unwrap();
    assert_eq!(tokenizer.find(&spelled), Some(eos));
}
