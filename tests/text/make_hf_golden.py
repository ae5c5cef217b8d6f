#!/usr/bin/env python3
"""Writes tests/golden/text/hf_*.json: tokenizer.json files of WordPiece and unigram models trained on invented text, with
texts and the ids that Hugging Face's `tokenizers` gives them.   pip install tokenizers sentencepiece protobuf

usage: make_hf_golden.py OUTPUT_FOLDER
"""
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import make_ugm_golden
import random_text


def around(t, before, after):
    names = [*before, *after]
    t.post_processor = processors.TemplateProcessing(single=' '.join([*before, '$A', *after]),
                                                     special_tokens=[(n, t.token_to_id(n)) for n in dict.fromkeys(names)])


def word_piece(rng, lexicon, lowercase, strip_accents):
    specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    t = Tokenizer(models.WordPiece(unk_token='[UNK]', max_input_chars_per_word=20))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator((random_text.sentence(rng, lexicon) for _ in range(1500)),
                          trainers.WordPieceTrainer(vocab_size=700, special_tokens=specials, show_progress=False, limit_alphabet=250))
    t.add_special_tokens([AddedToken('[MASK]', lstrip=True, special=True)])
    around(t, ['[CLS]'], ['[SEP]'])
    return t, {'cls_token': '[CLS]', 'sep_token': '[SEP]', 'pad_token': '[PAD]', 'unk_token': '[UNK]', 'mask_token': '[MASK]'}


def rules(rng):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        make_ugm_golden.write_rules(rng, folder / 'rules.tsv')
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(['abc def ghi'] * 50), model_prefix=str(folder / 'm'), model_type='unigram', vocab_size=15,
            hard_vocab_limit=False, minloglevel=2, normalization_rule_tsv=str(folder / 'rules.tsv'))
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString((folder / 'm.model').read_bytes())
        return model.normalizer_spec.precompiled_charsmap


def unigram(rng, lexicon, normalizer, pre_tokenizer, byte_fallback=False, before=(), after=('</s>',)):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator((random_text.sentence(rng, lexicon) for _ in range(1500)),
                          trainers.UnigramTrainer(vocab_size=600, unk_token='<unk>', special_tokens=['<s>', '<pad>', '</s>', '<unk>'],
                                                  show_progress=False, shrinking_factor=0.6))
    if byte_fallback:
        j = json.loads(t.to_str())
        j['model']['vocab'] += [[f'<0x{b:02X}>', -20.0] for b in range(256)]
        j['model']['byte_fallback'] = True
        t = Tokenizer.from_str(json.dumps(j))
    t.add_special_tokens([AddedToken('<mask>', lstrip=True, special=True)])
    t.add_tokens([AddedToken('<extra>', normalized=False)])
    around(t, before, after)
    return t, {'eos_token': '</s>', 'unk_token': '<unk>', 'pad_token': '<pad>'}


def write(folder, name, made, rng, lexicon):
    t, config = made
    texts = [(random_text.wild if i % 3 == 0 else random_text.sentence)(rng, lexicon) for i in range(45)]
    for i in range(0, len(texts), 6):
        at = rng.randint(0, len(texts[i]))
        texts[i] = texts[i][:at] + rng.choice(['[MASK]', '<mask>', '<extra>', ' [MASK] ', ' <mask> ', '[SEP]', '</s>']) + texts[i][at:]
    texts += ['', ' ', '   ', ' a', 'a ', '  a  b  ', '\ta\nb\r\n', '\u2581', '\u2581a', 'aaaaaaa', 'x' * 19, 'x' * 20, 'x' * 21, 'don\'t',
              'naïve café', '[CLS] a', '##a', '## a', '漢字kanji', 'Ａｂｃ']
    cases = [{'text': x, 'ids': t.encode(x).ids, 'plain': t.encode(x, add_special_tokens=False).ids} for x in texts]
    (folder / f'hf_{name}.json').write_text(
        json.dumps({'tokenizer': json.loads(t.to_str()), 'config': config, 'cases': cases}, separators=(',', ':'), ensure_ascii=False) + '\n',
        encoding='utf-8')


def main():
    folder = pathlib.Path(sys.argv[1])
    rng = random.Random(77)
    lexicon = random_text.words(rng, 500)
    precompiled = lambda: normalizers.Precompiled(rules(rng))
    runs = normalizers.Replace(Regex(' {2,}'), '\u2581')
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    variants = {
        'wordpiece_uncased': lambda: word_piece(rng, lexicon, True, None),
        'wordpiece_cased': lambda: word_piece(rng, lexicon, False, None),
        # XLM-R, its newer conversions and T5; and without rules, with bytes.
        'unigram_words': lambda: unigram(rng, lexicon, precompiled(), words, before=('<s>',)),
        'unigram_runs': lambda: unigram(rng, lexicon, normalizers.Sequence([precompiled(), normalizers.Strip(left=False, right=True), runs]),
                                        pre_tokenizers.Metaspace()),
        'unigram_plain': lambda: unigram(rng, lexicon, precompiled(), pre_tokenizers.Metaspace(), after=()),
        'unigram_bytes': lambda: unigram(rng, lexicon, normalizers.NFKC(), pre_tokenizers.Metaspace(prepend_scheme='never'), byte_fallback=True),
    }
    for name, make in variants.items():
        write(folder, name, make(), rng, lexicon)


if __name__ == '__main__':
    main()
