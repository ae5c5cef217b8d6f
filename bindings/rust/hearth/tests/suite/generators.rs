use std::collections::BTreeMap;

use hearth::{Error, Event, FinishReason, Generator, Sampling};

use super::{model, open, session, tokens};

#[test]
fn sessions_get_what_they_get_alone() {
    let prompts = ["The cat", "A much longer prompt about dogs and their owners", "1 2 3"];
    let sampling = Sampling::new().unwrap().with("seed", 3.0).unwrap();
    let alone: Vec<String> = prompts
        .iter()
        .map(|p| session(p).complete(&sampling, &tokens(10)).unwrap().text)
        .collect();

    let mut generator = Generator::new(model()).unwrap();
    let mut texts = BTreeMap::new();
    for prompt in prompts {
        texts.insert(
            generator.submit(session(prompt), &sampling, &tokens(10)).unwrap(),
            String::new(),
        );
    }
    assert_eq!(generator.running(), 3);
    let mut ended = 0;
    while let Some(event) = generator.next() {
        let (ticket, event) = event.unwrap();
        texts.get_mut(&ticket).unwrap().push_str(event.text());
        match event {
            Event::Finish(finish) => {
                assert_eq!(finish.reason, FinishReason::Length);
                assert!(generator.reclaim(ticket).unwrap().len() > 10);
                assert!(generator.reclaim(ticket).is_none());
                ended += 1;
            }
            _ => assert!(generator.reclaim(ticket).is_none(), "it runs"),
        }
    }
    assert_eq!(ended, 3);
    assert_eq!(texts.into_values().collect::<Vec<_>>(), alone);
    assert!(generator.next().is_none());
}

#[test]
fn one_is_cancelled_and_the_other_goes_on() {
    let greedy = Sampling::greedy().unwrap();
    let mut generator = Generator::new(model()).unwrap();
    let first = generator.submit(session("The cat"), &greedy, &tokens(100)).unwrap();
    let second = generator.submit(session("The dog"), &greedy, &tokens(6)).unwrap();
    generator.next().unwrap().unwrap();
    generator.cancel(first);
    let mut reasons = BTreeMap::new();
    for event in generator.by_ref() {
        if let (ticket, Event::Finish(finish)) = event.unwrap() {
            reasons.insert(ticket, finish.reason);
        }
    }
    assert_eq!(
        reasons,
        BTreeMap::from([(first, FinishReason::Cancelled), (second, FinishReason::Length)])
    );
}

#[test]
fn all_are_cancelled_from_another_thread() {
    let greedy = Sampling::greedy().unwrap();
    let mut generator = Generator::new(model()).unwrap();
    for prompt in ["a", "b"] {
        generator.submit(session(prompt), &greedy, &tokens(200)).unwrap();
    }
    let handle = generator.cancel_handle();
    std::thread::spawn(move || handle.cancel()).join().unwrap();
    let reasons: Vec<_> = generator
        .by_ref()
        .filter_map(|e| match e.unwrap().1 {
            Event::Finish(finish) => Some(finish.reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [FinishReason::Cancelled, FinishReason::Cancelled]);
    generator.cancel_handle().cancel(); // nothing runs
}

#[test]
fn a_refused_session_comes_back() {
    let mut generator = Generator::new(&open(1)).unwrap();
    let refused = generator
        .submit(session("The cat"), &Sampling::greedy().unwrap(), &tokens(1))
        .unwrap_err();
    assert!(matches!(refused.error, Error::InvalidArgument(_)), "{refused}");
    assert!(refused.session.len() > 1);
    assert!(generator.next().is_none());
}
