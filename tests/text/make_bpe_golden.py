#!/usr/bin/env python3
"""Writes tests/golden/text/bpe_*.json: byte-pair vocabularies over whole characters, trained on invented text split at
white space, with texts and the ids that Hugging Face's `tokenizers` gives them.   pip install tokenizers

usage: make_bpe_golden.py OUTPUT_FOLDER
"""
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

import random_text

SPECIAL = ['<s>', '<pad>', '</s>', '<unk>', '<mask>']
LOWER = normalizers.Lowercase()


def make(rng, lowercase, unknown):
    lexicon = random_text.words(rng, 800)
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>'))
    if lowercase:
        tokenizer.normalizer = LOWER
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=SPECIAL, limit_alphabet=300, show_progress=False)
    tokenizer.train_from_iterator([random_text.sentence(rng, lexicon) for _ in range(2000)], trainer)
    model = json.loads(tokenizer.to_str())['model']
    tokens = [t for t, _ in sorted(model['vocab'].items(), key=lambda item: item[1])]
    metadata = {
        'tokenizer.ggml.model': 'gpt2',
        'tokenizer.ggml.pre': 'whitespace',
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': [3 if i < len(SPECIAL) else 1 for i in range(len(tokens))],
        'tokenizer.ggml.merges': [' '.join(pair) for pair in model['merges']],
        'tokenizer.ggml.bos_token_id': 0,
        'tokenizer.ggml.eos_token_id': 2,
    }
    if lowercase:
        metadata['tokenizer.ggml.normalizer.lowercase'] = True
    if unknown:
        metadata['tokenizer.ggml.unknown_token_id'] = 3
    # The trained one also finds the special tokens by their names; this one does not.
    merges = [tuple(pair) for pair in model['merges']]
    plain = Tokenizer(models.BPE(model['vocab'], merges, unk_token='<unk>' if unknown else None))
    if lowercase:
        plain.normalizer = LOWER
    plain.pre_tokenizer = tokenizer.pre_tokenizer
    texts = [(random_text.wild if i % 3 else random_text.sentence)(rng, lexicon) for i in range(60)]
    texts += ['', ' ', '\u3000\t\n\u2028\x85', 'ΑΣΣ ẞ Ǆ', '我想在 中国人民\n日本語', '<s> a<unk>', '\u200bab\x00c']
    # Lower case of characters younger than that package's tables is left out.
    texts = [''.join(c for c in t if LOWER.normalize_str(c) == c.lower()) for t in texts]
    return {'metadata': metadata, 'cases': [{'text': t, 'ids': plain.encode(t).ids} for t in texts]}


def main():
    folder = pathlib.Path(sys.argv[1])
    for seed, (name, lowercase, unknown) in enumerate([('lowercase', True, True), ('cased', False, False)]):
        golden = make(random.Random(300 + seed), lowercase, unknown)
        text = json.dumps(golden, separators=(',', ':'), ensure_ascii=False) + '\n'
        (folder / f'bpe_whitespace_{name}.json').write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
