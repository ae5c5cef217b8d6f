//! Reads hearth.h: what it declares, without a C parser's help. The header's own style is all that is understood, and
//! whatever else stands in it is an error, so that nothing is overlooked.
#![allow(dead_code)] // each test program uses a part

use std::collections::BTreeMap;

/// hearth.h without comments and preprocessor lines, and its constants.
pub struct Header {
    pub constants: Vec<String>,
    pub opaque: Vec<String>,
    /// Struct → (field, its Rust type).
    pub structs: BTreeMap<String, Vec<(String, String)>>,
    pub aliases: Vec<(String, String)>,
    /// Function → (types of its arguments with their names, what it returns), in Rust.
    pub functions: BTreeMap<String, String>,
}

pub fn path() -> &'static str {
    let path = env!("HEARTH_HEADER");
    assert!(
        !path.is_empty(),
        "no hearth.h was found when hearth-sys was built: set HEARTH_INCLUDE_DIR"
    );
    path
}

pub fn read() -> Header {
    parse(&std::fs::read_to_string(path()).expect("hearth.h can be read"))
}

pub fn parse(text: &str) -> Header {
    let text = without_comments(text);
    let mut header = Header {
        constants: vec![],
        opaque: vec![],
        structs: BTreeMap::new(),
        aliases: vec![],
        functions: BTreeMap::new(),
    };
    let mut code = String::new();
    for line in text.lines().map(str::trim) {
        match line.strip_prefix('#') {
            Some(directive) => {
                let words: Vec<&str> = directive.split_whitespace().collect();
                if words[0] == "define"
                    && words[1].starts_with("HEARTH_")
                    && !["HEARTH_H", "HEARTH_API"].contains(&words[1])
                {
                    assert_eq!(words.len(), 3, "'{line}' is no constant");
                    header.constants.push(words[1].to_string());
                }
            }
            None => {
                code.push_str(line);
                code.push(' ');
            }
        }
    }
    let code = code.replace("extern \"C\" {", "");
    for item in items(&code) {
        declaration(&item, &mut header);
    }
    header
}

fn declaration(item: &str, header: &mut Header) {
    if let Some(rest) = item.strip_prefix("HEARTH_API ") {
        let open = rest.find('(').expect("a function has arguments");
        let (returned, name) = name_at_end(&rest[..open]);
        let arguments = rest[open + 1..]
            .strip_suffix(')')
            .expect("a function ends its arguments");
        let signature = format!("({}){}", parameters(arguments), arrow(returned));
        assert!(
            header.functions.insert(name.to_string(), signature).is_none(),
            "{name} is declared twice"
        );
    } else if let Some(rest) = item.strip_prefix("typedef struct ") {
        match rest.split_once('{') {
            None => header.opaque.push(rest.split_whitespace().next().unwrap().to_string()),
            Some((name, body)) => {
                let body = &body[..body.rfind('}').expect("a struct ends")];
                let fields = body
                    .split(';')
                    .map(str::trim)
                    .filter(|f| !f.is_empty())
                    .flat_map(fields)
                    .collect();
                header.structs.insert(name.trim().to_string(), fields);
            }
        }
    } else if let Some(rest) = item.strip_prefix("typedef ") {
        let (of, name) = name_at_end(rest);
        header.aliases.push((name.to_string(), rust_type(of)));
    } else {
        assert_eq!(item, "}", "hearth.h has something that this test does not understand");
    }
}

/// `uint32_t flags, reserved` are two.
fn fields(text: &str) -> Vec<(String, String)> {
    if text.contains('(') || !text.contains(',') {
        return vec![named(text)];
    }
    let (first, others) = text.split_once(',').unwrap();
    let (kind, name) = name_at_end(first);
    let mut all = vec![(name.to_string(), rust_type(kind))];
    all.extend(others.split(',').map(|n| (n.trim().to_string(), rust_type(kind))));
    all
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("/*") {
        kept.push_str(&rest[..begin]);
        let end = rest[begin..].find("*/").expect("a comment ends") + begin + 2;
        rest = &rest[end..];
    }
    kept + rest
}

/// Text between semicolons that stand in no braces.
fn items(code: &str) -> Vec<String> {
    let (mut found, mut item, mut depth) = (vec![], String::new(), 0i32);
    for c in code.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ';' && depth <= 0 {
            found.push(item.split_whitespace().collect::<Vec<_>>().join(" "));
            item.clear();
        } else {
            item.push(c);
        }
    }
    assert_eq!(item.trim(), "}", "hearth.h ends with what closes extern \"C\"");
    found
}

fn name_at_end(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |i| i + 1);
    (text[..at].trim(), &text[at..])
}

fn arrow(returned: &str) -> String {
    if returned.trim() == "void" {
        String::new()
    } else {
        format!(" -> {}", rust_type(returned))
    }
}

pub fn parameters(text: &str) -> String {
    if text.trim() == "void" {
        return String::new();
    }
    let (mut list, mut one, mut depth) = (vec![], String::new(), 0);
    for c in text.chars().chain([',']) {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ',' && depth == 0 {
            let (name, kind) = named(&one);
            list.push(format!("{name}: {kind}"));
            one.clear();
        } else {
            one.push(c);
        }
    }
    list.join(", ")
}

/// A declarator: its name and its type in Rust.
fn named(text: &str) -> (String, String) {
    let text = text.trim();
    if let Some((returned, rest)) = text.split_once("(*") {
        let (name, arguments) = rest.split_once(")(").expect("a pointer to a function");
        let arguments = arguments.strip_suffix(')').expect("its arguments end");
        let kind = format!(
            "Option<unsafe extern \"C\" fn({}){}>",
            parameters(arguments),
            arrow(returned)
        );
        return (name.to_string(), kind);
    }
    match text.split_once('[') {
        Some((element, _)) => {
            let (kind, name) = name_at_end(element);
            (name.to_string(), format!("*mut {}", rust_type(kind)))
        }
        None => {
            let (kind, name) = name_at_end(text);
            (name.to_string(), rust_type(kind))
        }
    }
}

/// `const hearth_token *const *` → `*const *const hearth_token`
fn rust_type(text: &str) -> String {
    let spaced = text.replace('*', " * ");
    let mut words = spaced.split_whitespace().peekable();
    let mut constant = words.next_if_eq(&"const").is_some();
    let mut kind = match words.next().expect("a type has a name") {
        "uint8_t" => "u8",
        "uint32_t" => "u32",
        "int32_t" => "i32",
        "uint64_t" => "u64",
        "size_t" => "usize",
        "double" => "f64",
        "float" => "f32",
        "int" => "c_int",
        "char" => "c_char",
        "void" => "c_void",
        "bool" => "bool",
        own => {
            assert!(
                own.starts_with("hearth_"),
                "{own} in '{text}' is no type that this test knows"
            );
            own
        }
    }
    .to_string();
    while let Some(word) = words.next() {
        assert_eq!(word, "*", "in '{text}'");
        kind = format!("*{} {kind}", if constant { "const" } else { "mut" });
        constant = words.next_if_eq(&"const").is_some();
    }
    kind
}
