//! What a C compiler makes of hearth.h is what Rust makes of this crate: the size of every struct, the offset of every
//! field, the value of every constant. The C side is a program that is written from hearth.h itself, compiled and run.

mod header;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};
use std::process::Command;

use hearth_sys::*;

macro_rules! layouts {
    ($($name:ident { $($field:ident),* $(,)? })*) => {{
        let mut found = BTreeMap::new();
        $(
            found.insert(stringify!($name).to_string(), size_of::<$name>() as i64);
            found.insert(concat!("align of ", stringify!($name)).to_string(), align_of::<$name>() as i64);
            $(found.insert(concat!(stringify!($name), ".", stringify!($field)).to_string(), offset_of!($name, $field) as i64);)*
        )*
        found
    }};
}

macro_rules! constants {
    ($($name:ident)*) => {{
        let mut found = BTreeMap::new();
        $(found.insert(stringify!($name).to_string(), i64::from($name));)*
        found
    }};
}

fn layouts() -> BTreeMap<String, i64> {
    layouts! {
        hearth_runtime_options { struct_size, threads, flags, memory_budget, isa, allocate, release, memory_user, log, log_user, run, run_user }
        hearth_model_options { struct_size, flags, reserved, progress, progress_user }
        hearth_reader { struct_size, size, read, user }
        hearth_pack_options { struct_size, flags, reserved, progress, progress_user }
        hearth_chat_parser_options { struct_size, flags, reserved, dialect, source, source_length, tools, tools_length, prompt, prompt_length, prompt_tokens, prompt_token_count }
        hearth_chat_event { struct_size, kind, index, complete, reserved, text, text_length, name, name_length, id, id_length }
        hearth_session_options { struct_size, context, kv, chunk, flags }
        hearth_prefix_store_options { struct_size, flags, reserved, memory_bytes, folder, folder_bytes }
        hearth_prefix_store_stats { struct_size, lookups, asked_tokens, found_tokens, parts, bytes, evictions, files, file_bytes, files_written, files_read, files_evicted, files_refused }
        hearth_adapter_options { struct_size, flags, first_layer, last_layer, reserved }
        hearth_adapter_info { struct_size, kind, parts, rank, reserved, bytes }
        hearth_steer_options { struct_size, method, flags, progress, progress_user }
        hearth_generate_options { struct_size, max_tokens, flags, tag, top_logprobs, deadline_ms, draft, draft_tokens, draft_model }
        hearth_logprob { token, logprob }
        hearth_event { struct_size, kind, reason, session, tag, token, status, text, text_length, message, logits, prompt_tokens, prompt_total, generated_tokens, preemptions, prompt_seconds, generate_seconds, logprobs, logprob_count, stop, wait_seconds, draft_speedup, passes, reused_tokens, drafted_tokens, accepted_tokens }
        hearth_embed_options { struct_size, pooling, flags, dimensions, pass_tokens, progress, progress_user }
        hearth_embedding_info { struct_size, pooling, width, token_width, scores, generates, context }
    }
}

fn constants() -> BTreeMap<String, i64> {
    constants! {
        HEARTH_OK HEARTH_EINVAL HEARTH_ENOMEM HEARTH_EBUDGET HEARTH_EIO HEARTH_EFORMAT HEARTH_EUNSUPPORTED
        HEARTH_ERANGE HEARTH_EBUFS HEARTH_EAGAIN HEARTH_ECANCELLED HEARTH_EISA HEARTH_ESTATE HEARTH_ENOTFOUND
        HEARTH_EUTF8 HEARTH_EINTERNAL HEARTH_LOG_ERROR HEARTH_LOG_WARNING HEARTH_LOG_INFO HEARTH_LOG_DEBUG
        HEARTH_TOKENIZE_NO_SPECIAL HEARTH_TOKENIZE_PARSE_SPECIAL HEARTH_TOKEN_BOS HEARTH_TOKEN_EOS HEARTH_TOKEN_EOT
        HEARTH_TOKEN_EOM HEARTH_TOKEN_UNKNOWN HEARTH_TOKEN_SEPARATOR HEARTH_TOKEN_PADDING HEARTH_TOKEN_MASK
        HEARTH_CHAT_REASONING_OPEN HEARTH_CHAT_CONTENT HEARTH_CHAT_REASONING HEARTH_CHAT_TOOL_BEGIN
        HEARTH_CHAT_TOOL_ARGUMENTS HEARTH_CHAT_TOOL_END HEARTH_KV_F16 HEARTH_KV_F32 HEARTH_KV_Q8_0 HEARTH_EVAL_ALL
        HEARTH_ADAPTER_LORA HEARTH_ADAPTER_CONTROL HEARTH_STEER_MEAN HEARTH_STEER_PCA HEARTH_EVENT_TOKEN
        HEARTH_EVENT_FINISH HEARTH_EVENT_PREFILL HEARTH_FINISH_STOP HEARTH_FINISH_LENGTH HEARTH_FINISH_CONTEXT
        HEARTH_FINISH_CANCELLED HEARTH_FINISH_ERROR HEARTH_FINISH_DEADLINE HEARTH_GENERATE_IGNORE_EOS
        HEARTH_GENERATE_SPECIAL HEARTH_GENERATE_LOGITS HEARTH_GENERATE_PREFILL HEARTH_GENERATE_LOGPROBS
        HEARTH_DRAFT_NONE HEARTH_DRAFT_LOOKUP HEARTH_DRAFT_MODEL HEARTH_DRAFT_MTP HEARTH_MODEL_MTP
        HEARTH_POOLING_DEFAULT HEARTH_POOLING_NONE HEARTH_POOLING_MEAN HEARTH_POOLING_CLS HEARTH_POOLING_LAST HEARTH_POOLING_RANK HEARTH_EMBED_NORMALIZE
        HEARTH_EMBED_NO_SPECIAL HEARTH_EMBED_PARSE_SPECIAL HEARTH_EMBED_TRUNCATE
    }
}

/// A C program that prints `value name` for all that hearth.h declares.
fn program(header: &header::Header) -> String {
    let mut c = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"hearth.h\"\n\
         #define TELL(name, value) printf(\"%lld %s\\n\", (long long)(value), name)\nint main(void) {\n",
    );
    for (name, fields) in &header.structs {
        writeln!(c, "TELL(\"{name}\", sizeof({name}));").unwrap();
        writeln!(c, "struct align_{name} {{ char c; {name} s; }};").unwrap();
        writeln!(c, "TELL(\"align of {name}\", offsetof(struct align_{name}, s));").unwrap();
        for (field, _) in fields {
            writeln!(c, "TELL(\"{name}.{field}\", offsetof({name}, {field}));").unwrap();
        }
    }
    for name in &header.constants {
        writeln!(c, "TELL(\"{name}\", {name});").unwrap();
    }
    c + "return 0;\n}\n"
}

/// What the C compiler says.
fn told(header: &header::Header) -> BTreeMap<String, i64> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("layout.c"), folder.join("layout_program"));
    std::fs::write(&source, program(header)).unwrap();
    let compiler = cc::Build::new()
        .cargo_metadata(false)
        .target(env!("HEARTH_TARGET"))
        .host(env!("HEARTH_TARGET"))
        .opt_level(0)
        .include(std::path::Path::new(header::path()).parent().unwrap())
        .get_compiler();
    let compiled = compiler
        .to_command()
        .arg(&source)
        .arg("-o")
        .arg(&binary)
        .output()
        .expect("a C compiler starts");
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let ran = Command::new(&binary).output().expect("the program starts");
    let text = String::from_utf8(ran.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(value, name)| (name.to_string(), value.parse().unwrap()))
        .collect()
}

#[test]
fn layouts_and_constants_are_those_of_c() {
    let header = header::read();
    let mut mine = layouts();
    mine.extend(constants());
    let told = told(&header);
    assert!(told.len() > 200, "the C program told of {} things only", told.len());
    for (name, value) in &told {
        assert_eq!(
            mine.get(name),
            Some(value),
            "{name}: hearth-sys on the left, hearth.h on the right"
        );
    }
    for name in mine.keys() {
        assert!(told.contains_key(name), "{name} is not in hearth.h");
    }
}

#[test]
fn types_of_constants_are_those_they_are_used_with() {
    let _: [hearth_status; 2] = [HEARTH_OK, HEARTH_EINTERNAL];
    let _: [u32; 4] = [
        HEARTH_KV_F16,
        HEARTH_EVENT_TOKEN,
        HEARTH_TOKEN_BOS,
        HEARTH_TOKENIZE_NO_SPECIAL,
    ];
    let _: [i32; 2] = [HEARTH_LOG_ERROR, HEARTH_LOG_DEBUG];
}
