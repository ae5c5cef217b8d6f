use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::stream::FusedStream;
use futures::StreamExt;
use hearth::{Chat, ChatEvent, Error, Event, FinishReason, Generator, Message, Sampling, SessionOptions};

use super::{model, session, tokens};

#[test]
fn a_stream_has_the_events_of_the_iterator() {
    let sampling = || Sampling::new().unwrap().with("seed", 2.0).unwrap();
    // More than may wait, so that the thread has to wait as well.
    let iterated = session("The cat").complete(&sampling(), &tokens(150)).unwrap();
    let mut stream = session("The cat").into_stream(sampling(), tokens(150));
    std::thread::sleep(Duration::from_millis(30));
    let events: Vec<Event> = block_on(stream.by_ref().map(Result::unwrap).collect());
    let streamed: Vec<i32> = events.iter().filter_map(Event::token).collect();
    assert_eq!(streamed, iterated.tokens);
    assert!(matches!(events.last(), Some(Event::Finish(_))));
    assert!(stream.is_terminated());
    assert!(block_on(stream.next()).is_none());
    let mut back = stream.into_inner();
    assert_eq!(back.tokens().unwrap()[back.len() - 150..], iterated.tokens);
    back.append("on").unwrap();
}

#[test]
fn several_streams_run_at_the_same_time() {
    let texts = block_on(futures::future::join_all(["a", "b", "c"].map(|prompt| {
        let stream = session(prompt).into_stream(Sampling::greedy().unwrap(), tokens(8));
        stream.map(|e| e.unwrap().text().to_string()).collect::<Vec<_>>()
    })));
    for (text, prompt) in texts.iter().zip(["a", "b", "c"]) {
        let alone = session(prompt)
            .complete(&Sampling::greedy().unwrap(), &tokens(8))
            .unwrap();
        assert_eq!(text.concat(), alone.text);
    }
}

#[test]
fn dropping_a_stream_stops_it_whenever() {
    for wait in [0, 1, 5, 20] {
        let mut long = model().session_with(&SessionOptions::default()).unwrap();
        let prompt: Vec<i32> = (0..long.context() as i32 - 8).map(|i| i % 200 + 10).collect();
        long.append_tokens(&prompt).unwrap();
        let stream = long.into_stream(Sampling::greedy().unwrap(), tokens(8));
        std::thread::sleep(Duration::from_millis(wait));
        let begun = Instant::now();
        drop(stream);
        assert!(begun.elapsed() < Duration::from_secs(1), "dropping waits for nothing");
    }
}

#[test]
fn what_is_cancelled_ends_and_comes_back() {
    let mut stream = session("The cat").into_stream(Sampling::greedy().unwrap(), tokens(200));
    stream.cancel(); // perhaps before anything runs
    let last = block_on(stream.by_ref().map(Result::unwrap).collect::<Vec<_>>())
        .pop()
        .unwrap();
    assert!(matches!(last, Event::Finish(f) if f.reason == FinishReason::Cancelled));
    let mut back = stream.into_inner();
    assert!(back.len() < 200);
    back.truncate(1).unwrap();

    let mut full = session("The cat").into_stream(Sampling::greedy().unwrap(), tokens(200));
    block_on(full.next()).unwrap().unwrap();
    assert!(full.into_inner().len() < 220, "it stopped, though nobody read");
}

#[test]
fn an_error_is_the_only_event() {
    let mut stream = session("").into_stream(Sampling::greedy().unwrap(), tokens(1));
    let events: Vec<_> = block_on(stream.by_ref().collect());
    assert!(
        matches!(events[..], [Err(Error::State(_) | Error::InvalidArgument(_))]),
        "{events:?}"
    );
    assert!(stream.into_inner().is_empty());
}

#[test]
fn a_chat_streams_its_turn() {
    let options = SessionOptions {
        context: 256,
        ..Default::default()
    };
    let mut chat = Chat::with_session(model().session_with(&options).unwrap()).unwrap();
    chat.options = tokens(6);
    chat.push(Message::user("Hello"));
    let mut stream = chat.into_stream();
    let parts: Vec<ChatEvent> = block_on(stream.by_ref().map(Result::unwrap).collect());
    assert!(matches!(parts.last(), Some(ChatEvent::Finish(f)) if f.generated_tokens == 6));
    let chat = stream.into_inner();
    assert_eq!(chat.messages().len(), 2);

    let mut dropped = chat;
    dropped.options = tokens(100);
    dropped.push(Message::user("More"));
    let mut stream = dropped.into_stream();
    block_on(stream.next()).unwrap().unwrap();
    assert_eq!(stream.into_inner().messages().len(), 4);
}

#[test]
fn a_generator_streams_its_sessions() {
    let greedy = || Sampling::greedy().unwrap();
    let mut generator = Generator::new(model()).unwrap();
    let prompts = ["The cat", "One"];
    let tickets = prompts.map(|p| generator.submit(session(p), &greedy(), &tokens(8)).unwrap());
    let mut stream = generator.into_stream();
    let events: Vec<_> = block_on(stream.by_ref().map(Result::unwrap).collect());
    let mut generator = stream.into_inner();
    for (prompt, ticket) in prompts.into_iter().zip(tickets) {
        let of_it = events.iter().filter(|(t, _)| *t == ticket);
        let text: String = of_it.map(|(_, event)| event.text()).collect();
        assert_eq!(text, session(prompt).complete(&greedy(), &tokens(8)).unwrap().text);
        assert!(generator.reclaim(ticket).is_some());
    }

    let ticket = generator.submit(session("The cat"), &greedy(), &tokens(200)).unwrap();
    let mut stream = generator.into_stream();
    block_on(stream.next()).unwrap().unwrap();
    let mut generator = stream.into_inner();
    for event in generator.by_ref() {
        event.unwrap();
    }
    assert!(generator.reclaim(ticket).unwrap().len() < 200);
}
