//! Folders as Hugging Face's libraries write them, with random weights.

use std::path::{Path, PathBuf};

use serde_json::{json, Map, Value};

/// A folder of this test's own, which goes when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = hearth_testing::folder().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.0.join(name), bytes).unwrap();
        self
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file in the format of safetensors (its size in 8 bytes, a JSON header, the values) with random tensors, F32.
pub fn safetensors(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let (mut header, mut data, mut state) = (Map::new(), Vec::new(), 1u32);
    for (name, shape) in tensors {
        let begin = data.len();
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            data.extend(((state >> 8) as f32 / (1 << 24) as f32 - 0.5).to_le_bytes());
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// A BERT of one layer with a head that scores: two outputs, "good" and "bad".
pub fn reranker() -> Folder {
    const WIDTH: usize = 32;
    let words = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "rain", "sun", "is", "here",
    ];
    let vocabulary: Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(i, w)| (w.to_string(), i.into()))
        .collect();
    let special = |i: usize| {
        json!({"id": i, "content": words[i], "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false})
    };
    let sequence = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let token = |id: &str, kind: u32| json!({"SpecialToken": {"id": id, "type_id": kind}});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)],
            "pair": [token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0), sequence("B", 0), token("[SEP]", 0)],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    let config = json!({
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": WIDTH,
        "num_hidden_layers": 1, "intermediate_size": 48, "num_attention_heads": 2, "max_position_embeddings": 64,
        "vocab_size": words.len(), "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2,
        "position_embedding_type": "absolute", "pad_token_id": 0, "id2label": {"0": "good", "1": "bad"},
    });
    let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
    let mut linear = |name: &str, rows: usize, columns: usize| {
        tensors.push((format!("{name}.weight"), vec![rows, columns]));
        tensors.push((format!("{name}.bias"), vec![rows]));
    };
    for part in ["query", "key", "value"] {
        linear(&format!("bert.encoder.layer.0.attention.self.{part}"), WIDTH, WIDTH);
    }
    linear("bert.encoder.layer.0.attention.output.dense", WIDTH, WIDTH);
    linear("bert.encoder.layer.0.intermediate.dense", 48, WIDTH);
    linear("bert.encoder.layer.0.output.dense", WIDTH, 48);
    linear("bert.pooler.dense", WIDTH, WIDTH);
    linear("classifier", 2, WIDTH);
    for norm in [
        "embeddings",
        "encoder.layer.0.attention.output",
        "encoder.layer.0.output",
    ] {
        for part in ["weight", "bias"] {
            tensors.push((format!("bert.{norm}.LayerNorm.{part}"), vec![WIDTH]));
        }
    }
    for (table, rows) in [("word", words.len()), ("position", 64), ("token_type", 2)] {
        tensors.push((format!("bert.embeddings.{table}_embeddings.weight"), vec![rows, WIDTH]));
    }
    let folder = Folder::new("reranker");
    folder
        .put("config.json", config.to_string())
        .put("tokenizer.json", tokenizer.to_string())
        .put("model.safetensors", safetensors(&tensors));
    folder
}

/// A LoRA of PEFT's for the queries of both layers of `tiny_model`'s llama, whose stream has `width` values.
pub fn lora(width: usize) -> Folder {
    let config = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM", "bias": "none"});
    let mut tensors = Vec::new();
    for layer in 0..2 {
        let name = format!("base_model.model.model.layers.{layer}.self_attn.q_proj");
        tensors.push((format!("{name}.lora_A.weight"), vec![4, width]));
        tensors.push((format!("{name}.lora_B.weight"), vec![width, 4]));
    }
    let folder = Folder::new(&format!("lora-{width}"));
    folder
        .put("adapter_config.json", config.to_string())
        .put("adapter_model.safetensors", safetensors(&tensors));
    folder
}
