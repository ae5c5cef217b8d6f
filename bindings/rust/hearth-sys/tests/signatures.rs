//! Every function, struct, type and constant of hearth.h stands in this crate, with the same types and names of
//! arguments and fields, in the same order; and nothing else does.

mod header;

use std::collections::BTreeMap;

/// This crate's own source, without comments, each run of blanks one blank.
fn source() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "lib.rs" {
            let file = std::fs::read_to_string(path).unwrap();
            for line in file.lines().filter(|l| !l.trim_start().starts_with("//")) {
                text += line;
                text += " ";
            }
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As rustfmt would write it on one line.
fn flat(text: &str) -> String {
    text.replace("( ", "(")
        .replace(", )", ")")
        .replace(",)", ")")
        .replace(" )", ")")
        .replace(", >", ">")
        .replace("< ", "<")
}

fn functions(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in source.split("pub fn ").skip(1) {
        let text = part.split(';').next().unwrap();
        let open = text.find('(').unwrap();
        found.insert(text[..open].to_string(), flat(&text[open..]));
    }
    found
}

fn structs(source: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for part in source
        .split("#[repr(C)] #[derive(Clone, Copy, Debug)] pub struct ")
        .skip(1)
    {
        let (name, rest) = part.split_once(" {").unwrap();
        let body = flat(rest.split('}').next().unwrap());
        let fields = body.split("pub ").skip(1).map(|f| {
            let (name, kind) = f.trim().trim_end_matches(',').split_once(": ").unwrap();
            (name.to_string(), kind.to_string())
        });
        found.insert(name.to_string(), fields.collect());
    }
    found
}

#[test]
fn functions_are_those_of_the_header() {
    let (header, own) = (header::read(), functions(&source()));
    assert!(
        header.functions.len() > 100,
        "only {} functions were found in hearth.h",
        header.functions.len()
    );
    for (name, signature) in &header.functions {
        let mine = own
            .get(name)
            .unwrap_or_else(|| panic!("hearth.h declares {name}{signature}, hearth-sys does not"));
        assert_eq!(
            mine, signature,
            "of {name}: hearth-sys on the left, hearth.h on the right"
        );
    }
    for name in own.keys() {
        assert!(
            header.functions.contains_key(name),
            "hearth-sys declares {name}, hearth.h does not"
        );
    }
}

#[test]
fn structs_are_those_of_the_header() {
    let (header, own) = (header::read(), structs(&source()));
    assert!(
        header.structs.len() >= 15,
        "only {} structs were found in hearth.h",
        header.structs.len()
    );
    assert_eq!(own, header.structs, "hearth-sys on the left, hearth.h on the right");
}

#[test]
fn opaque_types_and_aliases_are_those_of_the_header() {
    let (mut header, source) = (header::read(), source());
    let mut opaque: Vec<&str> = source
        .split("opaque! {")
        .skip(1)
        .map(|part| part.split('}').next().unwrap().trim())
        .collect();
    opaque.sort_unstable();
    header.opaque.sort();
    assert_eq!(opaque, header.opaque);
    for (name, kind) in &header.aliases {
        assert!(
            source.contains(&format!("pub type {name} = {kind};")),
            "hearth.h has {name}, an {kind}"
        );
    }
    assert_eq!(source.matches("pub type ").count(), header.aliases.len());
}

#[test]
fn what_is_missing_or_different_is_found() {
    // The comparison itself: a header that says something else must not pass.
    let text = std::fs::read_to_string(header::path()).unwrap();
    let own = source();
    let longer = text.replacen("uint64_t memory_budget;", "uint64_t memory_budget; uint64_t more;", 1);
    assert_ne!(structs(&own), header::parse(&longer).structs);
    let other = text.replacen("uint64_t memory_budget;", "uint32_t memory_budget;", 1);
    assert_ne!(structs(&own), header::parse(&other).structs);
    let swapped = text.replacen(
        "void *(*allocate)(size_t bytes,",
        "void *(*allocate)(uint32_t bytes,",
        1,
    );
    assert_ne!(structs(&own), header::parse(&swapped).structs);
    let changed = text.replacen(
        "hearth_model_pack(hearth_runtime *runtime, const char *path",
        "hearth_model_pack(hearth_runtime *runtime, char *path",
        1,
    );
    assert_ne!(functions(&own), header::parse(&changed).functions);
    assert_eq!(functions(&own), header::parse(&text).functions);
}
