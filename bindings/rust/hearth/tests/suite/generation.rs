use std::time::Duration;

use hearth::{Draft, Error, Event, FinishReason, GenerateOptions, Model, Sampling, SessionOptions};

use super::{model, open, session, tokens};

fn sampled(model: &Model) -> (String, Vec<i32>) {
    let mut session = model
        .session_with(&SessionOptions {
            context: 128,
            ..Default::default()
        })
        .unwrap();
    session.append("Once upon a time").unwrap();
    let sampling = Sampling::new()
        .unwrap()
        .with("temperature", 1.0)
        .unwrap()
        .with("seed", 11.0)
        .unwrap();
    let done = session.complete(&sampling, &tokens(24)).unwrap();
    (done.text, done.tokens)
}

#[test]
fn the_same_seed_gives_the_same_tokens_with_any_threads() {
    let one = sampled(model());
    assert_eq!(one.1.len(), 24);
    assert_eq!(sampled(model()), one);
    assert_eq!(sampled(&open(1)), one);
    assert_eq!(sampled(&open(3)), one);
}

#[test]
fn events_are_complete() {
    let mut session = session("The cat sat on the mat. The cat sat on");
    let prompt = session.len();
    let options = GenerateOptions {
        logits: true,
        prefill: true,
        logprobs: Some(3),
        ..tokens(5)
    };
    let events: Vec<Event> = session
        .generate(&Sampling::greedy().unwrap(), &options)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(
        matches!(events[0], Event::Prefill { total, .. } if total as usize == prompt),
        "{:?}",
        events[0]
    );
    let mut chosen = Vec::new();
    for event in &events {
        if let Event::Token(t) = event {
            chosen.push(t.token);
            let logits = t.logits.as_ref().unwrap();
            assert_eq!(logits.len(), model().vocab_size() as usize);
            let best = logits.iter().copied().fold(f32::MIN, f32::max);
            assert_eq!(logits[t.token as usize], best, "greedy");
            assert_eq!(t.logprobs.len(), 4);
            assert_eq!(
                (t.logprobs[0].token, t.logprobs[0].logprob),
                (t.logprobs[1].token, t.logprobs[1].logprob)
            );
            assert!(t.logprobs[1].logprob >= t.logprobs[2].logprob && t.logprobs[1].logprob <= 0.0);
        }
    }
    let Event::Finish(finish) = events.last().unwrap() else {
        panic!("{events:?}")
    };
    assert_eq!(finish.reason, FinishReason::Length);
    assert_eq!(
        (finish.generated_tokens as usize, finish.prompt_tokens as usize),
        (5, prompt)
    );
    assert!(finish.passes > 0 && finish.generate_time > Duration::ZERO);
    assert_eq!(session.tokens().unwrap()[prompt..], chosen);
}

#[test]
fn dropping_a_generation_leaves_the_session_usable() {
    let mut session = session("The cat");
    let before = session.len();
    let mut generation = session.generate(&Sampling::greedy().unwrap(), &tokens(50)).unwrap();
    for _ in 0..3 {
        generation.next().unwrap().unwrap();
    }
    drop(generation);
    assert!((before + 2..before + 50).contains(&session.len()), "{}", session.len());
    session.append(" and").unwrap();
    assert_eq!(
        session
            .complete(&Sampling::greedy().unwrap(), &tokens(2))
            .unwrap()
            .tokens
            .len(),
        2
    );
}

#[test]
fn a_forgotten_generation_is_an_error_and_no_danger() {
    let mut session = session("The cat");
    std::mem::forget(session.generate(&Sampling::greedy().unwrap(), &tokens(5)).unwrap());
    assert!(matches!(session.append("x"), Err(Error::State(_))));
    assert!(matches!(
        session.generate(&Sampling::greedy().unwrap(), &tokens(5)),
        Err(Error::State(_))
    ));
}

#[test]
fn ends_for_every_reason() {
    let greedy = Sampling::greedy().unwrap();
    let mut small = model()
        .session_with(&SessionOptions {
            context: 8,
            ..Default::default()
        })
        .unwrap();
    small.append_tokens(&[5, 6, 7]).unwrap();
    let full = small
        .complete(
            &greedy,
            &GenerateOptions {
                ignore_eos: true,
                ..Default::default()
            },
        )
        .unwrap();
    assert_eq!(full.finish.reason, FinishReason::Context);

    let options = GenerateOptions {
        deadline: Some(Duration::from_millis(1)),
        ..tokens(200)
    };
    let late = session("The cat").complete(&greedy, &options).unwrap();
    assert_eq!(late.finish.reason, FinishReason::Deadline);

    let mut asked = session("The cat");
    let mut generation = asked.generate(&greedy, &tokens(200)).unwrap();
    generation.next().unwrap().unwrap();
    generation.cancel_handle().cancel();
    let last = generation.by_ref().map(Result::unwrap).last().unwrap();
    assert!(matches!(last, Event::Finish(f) if f.reason == FinishReason::Cancelled));
    assert!(generation.next().is_none());

    let text = session("The cat").complete(&greedy, &tokens(12)).unwrap().text;
    let part: String = text.chars().skip(4).take(3).collect();
    let mut stopping = Sampling::greedy().unwrap();
    stopping.stop(&["never comes \u{1}", &part]).unwrap();
    let stopped = session("The cat").complete(&stopping, &tokens(12)).unwrap();
    assert_eq!(
        (stopped.finish.reason, stopped.finish.stop),
        (FinishReason::Stop, Some(1))
    );
    assert!(!stopped.text.contains(&part));
}

#[test]
fn mistakes_are_errors() {
    let greedy = Sampling::greedy().unwrap();
    let mut empty = session("");
    assert!(matches!(
        empty.generate(&greedy, &tokens(1)),
        Err(Error::State(_) | Error::InvalidArgument(_))
    ));
    assert!(matches!(empty.logits(), Err(Error::State(_))));
    let blocks = GenerateOptions {
        draft: Draft::Mtp,
        ..tokens(4)
    };
    assert!(
        matches!(
            session("The cat").generate(&greedy, &blocks),
            Err(Error::InvalidArgument(_))
        ),
        "without blocks"
    );
    let without = Model::builder().mtp(true).open(hearth_testing::random(&[]));
    assert!(matches!(without, Err(Error::Unsupported(_))), "{without:?}");
    let other = GenerateOptions {
        draft: Draft::Model(open(1)),
        ..tokens(4)
    };
    assert!(
        matches!(
            session("The cat").generate(&greedy, &other),
            Err(Error::InvalidArgument(_))
        ),
        "another runtime"
    );
}

#[test]
fn guessing_changes_no_token() {
    let prompt = "one two three one two three one two three one two";
    let plain = session(prompt)
        .complete(&Sampling::greedy().unwrap(), &tokens(20))
        .unwrap();
    for draft in [Draft::Lookup, Draft::Model(model().clone())] {
        let options = GenerateOptions {
            draft,
            draft_tokens: 4,
            ..tokens(20)
        };
        let guessed = session(prompt)
            .complete(&Sampling::greedy().unwrap(), &options)
            .unwrap();
        assert_eq!(guessed.tokens, plain.tokens);
        assert!(guessed.finish.accepted_tokens <= guessed.finish.drafted_tokens);
    }
}
