use std::ops::ControlFlow;

use hearth::{steer_train, Adapter, AdapterKind, AdapterOptions, Error, Sampling, SteerMethod};

use super::{folders, model, open, session, tokens};

#[test]
fn a_lora_changes_what_is_computed_and_can_be_taken_off() {
    let folder = folders::lora(256);
    let lora = Adapter::load(model(), &folder, &AdapterOptions::default()).unwrap();
    let info = lora.info().unwrap();
    assert_eq!((info.kind, info.parts, info.rank), (AdapterKind::Lora, 2, 4));
    assert!(info.bytes > 0 && lora.path().contains("lora-256"));

    let plain = session("The cat").logits().unwrap().to_vec();
    let mut changed = session("The cat");
    changed.attach(&lora, 1.0).unwrap();
    let with = changed.logits().unwrap().to_vec();
    assert_ne!(with, plain);
    let attached = changed.adapters().unwrap();
    assert_eq!((attached.len(), attached[0].1), (1, 1.0));
    assert_eq!(changed.fork().unwrap().logits().unwrap().to_vec(), with);
    changed.attach(&lora, 0.0).unwrap();
    assert_eq!(changed.logits().unwrap().to_vec(), plain, "a scale of 0 is no adapter");
    changed.attach(&lora, 2.0).unwrap();
    drop(lora); // the session keeps it
    assert_ne!(changed.logits().unwrap().to_vec(), plain);
    changed.detach(&attached[0].0).unwrap();
    assert!(matches!(changed.detach(&attached[0].0), Err(Error::NotFound(_))));
    assert_eq!(changed.logits().unwrap().to_vec(), plain);
    changed.attach(&attached[0].0, 1.0).unwrap();
    changed.detach_all().unwrap();
    assert!(changed.adapters().unwrap().is_empty());
    assert!(matches!(
        changed.attach(&attached[0].0, f64::NAN),
        Err(Error::InvalidArgument(_) | Error::OutOfRange(_))
    ));
}

#[test]
fn adapters_of_others_are_refused() {
    let narrow = folders::lora(128);
    let refused = Adapter::load(model(), &narrow, &AdapterOptions::default());
    assert!(
        matches!(&refused, Err(Error::State(m)) if m.contains("q_proj")),
        "{refused:?}"
    );
    assert!(matches!(
        Adapter::load(model(), "no/such/adapter", &AdapterOptions::default()),
        Err(Error::NotFound(m)) if m.contains("no/such/adapter")
    ));
    let folder = folders::lora(256);
    let other = Adapter::load(&open(1), &folder, &AdapterOptions::default()).unwrap();
    assert!(matches!(
        session("The cat").attach(&other, 1.0),
        Err(Error::InvalidArgument(_))
    ));
}

#[test]
fn a_control_vector_steers_and_training_stops() {
    let folder = folders::Folder::new("steer");
    let path = folder.0.join("glad.gguf");
    let tokenizer = model().tokenizer().unwrap();
    let encode = |text| tokenizer.encode(text, Default::default()).unwrap();
    let pairs = [(encode("I am glad"), encode("I am sad")), (encode("Yes"), encode("No"))];
    let mut steps = Vec::new();
    let on = |done, total| {
        steps.push((done, total));
        ControlFlow::Continue(())
    };
    steer_train(model(), &pairs, SteerMethod::Pca, &path, on).unwrap();
    assert_eq!(steps.last(), Some(&(2, 2)));
    let vector = Adapter::load(model(), &path, &AdapterOptions::default()).unwrap();
    assert_eq!(
        (vector.info().unwrap().kind, vector.info().unwrap().rank),
        (AdapterKind::Control, 0)
    );
    let mut steered = session("The cat");
    steered.attach(&vector, -2.0).unwrap();
    assert_ne!(
        steered.logits().unwrap().to_vec(),
        session("The cat").logits().unwrap().to_vec()
    );
    assert_eq!(
        steered
            .complete(&Sampling::greedy().unwrap(), &tokens(3))
            .unwrap()
            .tokens
            .len(),
        3
    );

    let stopped = steer_train(
        model(),
        &pairs,
        SteerMethod::Mean,
        folder.0.join("none.gguf"),
        |_, _| ControlFlow::Break(()),
    );
    assert!(matches!(stopped, Err(Error::Cancelled(_))), "{stopped:?}");
    assert!(!folder.0.join("none.gguf").exists());
    let same = [(encode("I"), encode("I"))];
    let nothing = steer_train(model(), &same, SteerMethod::Mean, folder.0.join("none.gguf"), |_, _| {
        ControlFlow::Continue(())
    });
    assert!(matches!(nothing, Err(Error::InvalidArgument(_))), "{nothing:?}");
}
