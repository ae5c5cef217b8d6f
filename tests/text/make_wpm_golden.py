#!/usr/bin/env python3
"""Writes tests/golden/text/wpm_*.json: WordPiece vocabularies trained on invented text, with texts and the ids that
Hugging Face's `tokenizers` gives them (without CLS and SEP).   pip install tokenizers

usage: make_wpm_golden.py OUTPUT_FOLDER
"""
import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

import random_text

NORMALIZER = normalizers.BertNormalizer
SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']


def same_in_every_version(c):
    """False where that package's Unicode tables, of 2015 or so, differ from the present ones."""
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    category = unicodedata.category(c)
    if category == 'Cn' or 0x2b820 <= ord(c) <= 0x2b91f:  # the package mistypes one limit of extension E
        return False
    drops = c in '\0\ufffd' or (category in ('Cc', 'Cf', 'Co') and c not in '\t\n\r')
    alone = category[0] == 'P' or (ord(c) < 128 and category[0] == 'S')
    bare = ''.join(x for x in unicodedata.normalize('NFD', c) if unicodedata.category(x) != 'Mn')
    return ((NORMALIZER(**{**off, 'clean_text': True}).normalize_str('a' + c + 'b') == 'ab') == drops
            and (len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str('a' + c + 'b')) == 3) == alone
            and NORMALIZER(**{**off, 'strip_accents': True}).normalize_str(c) == bare
            and NORMALIZER(**{**off, 'lowercase': True}).normalize_str(c) == c.lower())


def make(rng, lowercase, strip):
    lexicon = random_text.words(rng, 1200)
    tokenizer = Tokenizer(models.WordPiece(unk_token='[UNK]'))
    tokenizer.normalizer = NORMALIZER(lowercase=lowercase, strip_accents=strip)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=1000, special_tokens=SPECIAL, limit_alphabet=380, show_progress=False)
    tokenizer.train_from_iterator([random_text.sentence(rng, lexicon) for _ in range(3000)], trainer)
    vocab = tokenizer.get_vocab()
    tokens = [None] * len(vocab)
    for token, i in vocab.items():  # GGUF marks the beginnings of words, not the continuations
        special = token in SPECIAL
        tokens[i] = token if special else token[2:] if token.startswith('##') else '\u2581' + token
    metadata = {
        'tokenizer.ggml.model': 'bert',
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': [3 if i < len(SPECIAL) else 1 for i in range(len(tokens))],
        'tokenizer.ggml.padding_token_id': 0,
        'tokenizer.ggml.unknown_token_id': 1,
        'tokenizer.ggml.cls_token_id': 2,
        'tokenizer.ggml.seperator_token_id': 3,
        'tokenizer.ggml.mask_token_id': 4,
        'tokenizer.ggml.normalizer.lowercase': lowercase,
    }
    if strip is not None:
        metadata['tokenizer.ggml.normalizer.strip_accents'] = strip
    # The trained one also finds the special tokens by their names; this one does not.
    plain = Tokenizer(models.WordPiece(vocab, unk_token='[UNK]'))
    plain.normalizer, plain.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    texts = [(random_text.wild if i % 3 else random_text.sentence)(rng, lexicon) for i in range(90)]
    marks = 'aeio\u0301\u0323\u0345\u0335\u093c'  # combining classes in every order
    texts += [''.join(rng.choice(marks) for _ in range(20)) for _ in range(8)]
    texts += ['', ' ', '\u2581', 'İstanbul ΑΣΣ ẞ', '[CLS] a [MASK]', "it's  a—test\u2028b\u000bc", '\ufa0e\uf900가각']
    texts = [''.join(c for c in t if same_in_every_version(c)) for t in texts]
    cases = [{'text': t, 'ids': plain.encode(t, add_special_tokens=False).ids} for t in texts]
    return {'metadata': metadata, 'cases': cases}


def main():
    folder = pathlib.Path(sys.argv[1])
    for seed, (name, lowercase, strip) in enumerate([('uncased', True, None), ('cased', False, None),
                                                     ('cased_unaccented', False, True), ('uncased_accented', True, False)]):
        golden = make(random.Random(100 + seed), lowercase, strip)
        (folder / f'wpm_{name}.json').write_text(json.dumps(golden, separators=(',', ':'), ensure_ascii=False) + '\n',
                                                 encoding='utf-8')


if __name__ == '__main__':
    main()
