use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use hearth::{Error, KvType, PrefixStore, PrefixStoreOptions, Sampling, SessionOptions};

use super::{model, open, session, tokens};

#[test]
fn logits_have_their_shape_and_are_the_same_in_any_steps() {
    let mut whole = session("The cat sat on the mat");
    let count = whole.len();
    let vocab = model().vocab_size() as usize;
    let all = whole.all_logits().unwrap();
    assert_eq!(all.shape(), (count, vocab));
    assert_eq!(all.len(), count * vocab);
    let rows: Vec<Vec<f32>> = all.rows().map(<[f32]>::to_vec).collect();
    let last = whole.logits().unwrap();
    assert_eq!(last.shape(), (1, vocab));
    assert_eq!(last.row(0), rows[count - 1]);

    let all_tokens = whole.tokens().unwrap();
    let mut steps = session("");
    for (token, row) in all_tokens.iter().zip(&rows) {
        steps.append_tokens(&[*token]).unwrap();
        assert_eq!(steps.logits().unwrap().to_vec(), *row);
    }
    let best = (0..vocab).fold(0, |b, i| if rows[count - 1][i] > rows[count - 1][b] { i } else { b });
    assert_eq!(steps.logits().unwrap().argmax(), Some(best as i32));
}

#[test]
fn forks_and_truncation_share_the_past() {
    let mut one = session("The cat sat");
    one.evaluate().unwrap();
    let mut two = one.fork().unwrap();
    let length = one.len();
    one.append(" on a mat").unwrap();
    two.append(" under a tree").unwrap();
    assert_ne!(one.logits().unwrap().to_vec(), two.logits().unwrap().to_vec());
    two.truncate(length).unwrap();
    two.append(" on a mat").unwrap();
    assert_eq!(one.logits().unwrap().to_vec(), two.logits().unwrap().to_vec());
    let other = session("The cat stood").tokens().unwrap();
    two.set_tokens(&other).unwrap();
    assert_eq!(
        two.logits().unwrap().to_vec(),
        session("The cat stood").logits().unwrap().to_vec()
    );
    assert!(matches!(two.truncate(1000), Err(Error::OutOfRange(_))));
}

#[test]
fn saved_and_restored_it_goes_on_to_the_bit() {
    let sampling = Sampling::new().unwrap().with("seed", 5.0).unwrap();
    let mut session = session("The cat sat");
    session.complete(&sampling, &tokens(6)).unwrap();
    let bytes = session.save().unwrap();
    let path = hearth_testing::folder().join(format!("session-{}", std::process::id()));
    session.save_to(&path).unwrap();
    let on = session.complete(&sampling, &tokens(8)).unwrap().tokens;

    let mut other = open(1)
        .session_with(&SessionOptions {
            context: 256,
            ..Default::default()
        })
        .unwrap();
    other.restore(&bytes).unwrap();
    assert_eq!(other.complete(&sampling, &tokens(8)).unwrap().tokens, on);
    other.restore_from(&path).unwrap();
    assert_eq!(other.complete(&sampling, &tokens(8)).unwrap().tokens, on);
    std::fs::remove_file(path).unwrap();

    assert!(matches!(
        other.restore(&bytes[..bytes.len() - 1]),
        Err(Error::Format(_))
    ));
    assert!(matches!(other.restore(b""), Err(Error::Format(_))));
    let f32_cache = SessionOptions {
        context: 256,
        kv: KvType::F32,
        ..Default::default()
    };
    assert!(matches!(
        model().session_with(&f32_cache).unwrap().restore(&bytes),
        Err(Error::State(_))
    ));
}

#[test]
fn another_thread_stops_a_long_prefill() {
    let mut long = model().session_with(&SessionOptions::default()).unwrap();
    let many: Vec<i32> = (0..long.context() as i32).map(|i| i % 200 + 10).collect();
    long.append_tokens(&many).unwrap();
    let handle = long.cancel_handle();
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let canceller = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            handle.cancel();
            std::thread::sleep(Duration::from_micros(100));
        }
        handle // outlives the session below
    });
    let stopped = long.evaluate();
    over.store(true, Ordering::Relaxed);
    assert!(matches!(stopped, Err(Error::Cancelled(_))), "{stopped:?}");
    let handle = canceller.join().unwrap();
    assert_eq!(
        long.len(),
        many.len(),
        "the tokens stay, and are evaluated when they are asked for"
    );
    long.truncate(3).unwrap();
    assert_eq!(long.logits().unwrap().shape().0, 1);
    drop(long);
    handle.cancel();
}

#[test]
fn a_store_gives_what_another_session_computed() {
    let store = PrefixStore::open(model().runtime(), &PrefixStoreOptions::default()).unwrap();
    let prompt = "A long beginning that is shared by conversations. ".repeat(4);
    let mut first = session(&prompt);
    first.use_store(Some(&store)).unwrap();
    let logits = first.logits().unwrap().to_vec();
    let mut second = session(&prompt);
    second.use_store(Some(&store)).unwrap();
    assert_eq!(second.logits().unwrap().to_vec(), logits);
    let stats = store.stats().unwrap();
    assert!(stats.lookups == 2 && stats.found_tokens > 32, "{stats:?}");
    second.use_store(None).unwrap();
    store.clear().unwrap();
    assert_eq!(store.stats().unwrap().parts, 0);
    let other = open(1);
    let foreign = PrefixStore::open(other.runtime(), &PrefixStoreOptions::default()).unwrap();
    assert!(matches!(
        second.use_store(Some(&foreign)),
        Err(Error::InvalidArgument(_))
    ));
}
