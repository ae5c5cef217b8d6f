use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};

use hearth::{EmbedOptions, Encode, Error, Model, Pooling, SessionOptions};

use super::{folders, model};

#[test]
fn texts_get_the_same_bytes_alone_and_together() {
    let texts = ["a cat", "a much longer text about dogs", "x"];
    let options = EmbedOptions {
        pooling: Pooling::Mean,
        ..Default::default()
    };
    let all = model().embed(&texts, &options).unwrap();
    let info = model().embedding_info().unwrap();
    assert_eq!((all.len(), all.width()), (3, info.token_width as usize));
    assert!(info.generates && info.scores == 0);
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(model().embed(&[text], &options).unwrap().row(0), all.row(i));
    }
    let tokenizer = model().tokenizer().unwrap();
    let sequences: Vec<_> = texts
        .iter()
        .map(|t| tokenizer.encode(t, Default::default()).unwrap())
        .collect();
    assert_eq!(model().embed_tokens(&sequences, &options).unwrap(), all);
}

#[test]
fn options_shape_the_vectors() {
    let normal = EmbedOptions {
        pooling: Pooling::Last,
        normalize: true,
        dimensions: 16,
        ..Default::default()
    };
    let vectors = model().embed(&["a cat", "a dog"], &normal).unwrap();
    assert_eq!((vectors.width(), vectors.as_slice().len()), (16, 32));
    for row in vectors.rows() {
        let length: f32 = row.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert!((vectors.cosine(0, 0) - 1.0).abs() < 1e-6);
    let none = EmbedOptions {
        pooling: Pooling::None,
        ..Default::default()
    };
    let each = model().embed(&["a cat"], &none).unwrap();
    let tokens = model()
        .tokenizer()
        .unwrap()
        .encode("a cat", Default::default())
        .unwrap();
    assert_eq!(each.len(), tokens.len());
}

#[test]
fn progress_stops_and_panics_here() {
    let many: Vec<String> = (0..40).map(|i| format!("text number {i}")).collect();
    let options = EmbedOptions {
        pooling: Pooling::Mean,
        pass_tokens: 16,
        ..Default::default()
    };
    let stopped = model().embed_with(&many, &options, |_, _| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(Error::Cancelled(_))));
    let embed = || model().embed_with(&many, &options, |_, _| panic!("enough"));
    let panic = catch_unwind(AssertUnwindSafe(embed)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough"));
}

#[test]
fn mistakes_are_errors() {
    assert!(
        matches!(model().rerank("q", &["d"], false), Err(Error::InvalidArgument(_))),
        "it is no reranker"
    );
    assert!(matches!(model().score_label(0), Err(Error::NotFound(_))));
    assert!(matches!(
        model().embed_tokens(&[[-1]], &EmbedOptions::default()),
        Err(Error::OutOfRange(_))
    ));
    assert!(model().embed::<&str>(&[], &EmbedOptions::default()).unwrap().is_empty());
}

#[test]
fn a_reranker_scores_documents() {
    let folder = folders::reranker();
    let reranker = Model::builder().runtime(model().runtime()).open(&folder).unwrap();
    let info = reranker.embedding_info().unwrap();
    assert_eq!((info.pooling, info.scores, info.generates), (Pooling::Rank, 2, false));
    assert_eq!(reranker.score_label(1).unwrap(), "bad");
    assert!(matches!(
        reranker.session_with(&SessionOptions::default()),
        Err(Error::Unsupported(_) | Error::InvalidArgument(_) | Error::State(_))
    ));
    let documents = ["the cat", "the dog is here", "rain"];
    let scores = reranker.rerank("is the cat here", &documents, false).unwrap();
    assert_eq!(scores.len(), 3);
    // The first output for query and document, put together by hand.
    let tokenizer = reranker.tokenizer().unwrap();
    let bare = Encode {
        add_special: false,
        ..Default::default()
    };
    for (document, score) in documents.iter().zip(&scores) {
        let mut tokens = vec![2];
        tokens.extend(tokenizer.encode("is the cat here", bare).unwrap());
        tokens.push(3);
        tokens.extend(tokenizer.encode(document, bare).unwrap());
        tokens.push(3);
        let outputs = reranker.embed_tokens(&[tokens], &Default::default()).unwrap();
        assert_eq!((outputs.width(), outputs.row(0)[0]), (2, *score), "{document}");
    }
    assert!(scores[0] != scores[1] && scores[1] != scores[2], "{scores:?}");
    let long = "cat ".repeat(100);
    assert!(matches!(
        reranker.rerank("dog", &[&long], false),
        Err(Error::OutOfRange(_))
    ));
    assert!(reranker.rerank("dog", &[&long], true).unwrap()[0].is_finite());
    assert!(reranker.rerank::<&str>("dog", &[], false).unwrap().is_empty());
}
