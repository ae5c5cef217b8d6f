"""Reads facts/*.txt and asks for them in many ways."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import words as W

HERE = Path(__file__).parent


@dataclass
class Fact:
    id: str
    say: str
    keys: list
    how: list = field(default_factory=list)   # verb phrases: "load a model in Rust"
    what: list = field(default_factory=list)  # noun phrases: "a session"
    does: list = field(default_factory=list)  # what hearth may do: "use the GPU"
    ask: list = field(default_factory=list)   # whole questions, without a question mark
    name: list = field(default_factory=list)  # names of functions: "hearth_session_fork"
    flag: list = field(default_factory=list)  # options: ("run", "--draft")
    alone: bool = True                        # no other command here has an option of that name


def starred(text):
    """The text without its stars, and the words between them."""
    keys = re.findall(r"\*([^*]+)\*", text)
    return text.replace("*", ""), keys


def parts(text):
    return [p.strip() for p in text.split(";") if p.strip()]


def read():
    facts = []
    for line in (HERE / "facts" / "functions.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, rest = line.split(": ", 1)
            does, _, how = rest.partition(" // ")
            say, keys = starred(f"{name} {does}.")
            facts.append(Fact(name, say, [name, *keys], how=parts(how), name=[name]))
    for line in (HERE / "facts" / "flags.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, rest = line.split(": ", 1)
            command, flag = head.split(" ")
            does, _, how = rest.partition(" // ")
            say, keys = starred(f"hearth {command} {flag} {does}.")
            facts.append(Fact(f"{command} {flag}", say, [flag, *keys], how=parts(how), flag=[(command, flag)]))
    general = "\n\n".join((HERE / "facts" / f"{name}.txt").read_text(encoding="utf-8") for name in ("using", "library", "inside"))
    for block in general.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        fact = Fact("", "", [])
        for line in lines:
            key, value = line.split(": ", 1)
            if key == "id":
                fact.id = value
            elif key == "say":
                fact.say, fact.keys = starred(value)
            else:
                getattr(fact, key).extend(parts(value))
        assert fact.id and fact.say and fact.keys, block
        facts.append(fact)
    known = {fact.id: fact for fact in facts}
    for path in sorted((HERE / "facts").glob("asked*.txt")):
        for name, questions in W.lists(path):
            known[name].ask.extend(questions)
    flags = [f for fact in facts for _, f in fact.flag]
    for fact in facts:
        fact.alone = all(flags.count(f) == 1 for _, f in fact.flag)
    return facts


HOW = ["how do I {}", "how do I {}", "how can I {}", "how to {}", "how could I {}", "how would I {}", "how does one {}", "how do you {}", "how should I {}", "how am I supposed to {}", "show me how to {}", "tell me how to {}",
       "explain how to {}", "what do I do to {}", "what must I do to {}", "what is the way to {}", "what is the best way to {}", "what is the easiest way to {}", "I want to {}", "I need to {}", "I would like to {}", "I'd like to {}", "is it possible to {}",
       "can I {}", "is there a way to {}", "can you tell me how to {}", "can you show me how to {}", "can you explain how to {}", "could you tell me how to {}", "do you know how to {}", "please tell me how to {}", "{}", "{}", "what should I call to {}", "what do I call to {}",
       "what do I need to {}", "what do I write to {}", "what is needed to {}", "where do I start if I want to {}", "give me an example: {}", "I am trying to {}", "help me {}", "help me to {}", "I do not know how to {}", "which way is there to {}", "what lets me {}", "steps to {}", "I have to {}",
       "suppose I want to {}", "say I want to {}, what then", "my app has to {}", "any idea how to {}", "we need to {}, how", "what do I type to {}", "what's the command to {}", "what code do I need to {}", "what's the right way to {}", "what's the way to {}", "in my program I want to {}", "where do I {}", "{}: how", "{}, how", "how exactly do I {}", "how's it done: {}",
       "what would I do to {}", "what must I call to {}", "what helps me to {}", "how can one {}", "how might I {}", "I'm looking for a way to {}", "my question is how to {}", "which line do I write to {}", "is there anything to {}", "what can I use to {}", "could I {}", "may I {}", "am I able to {}", "how do we {}", "can you help me {}"]
FUNCTION_HOW = ["which function do I call to {}", "which function should I use to {}", "what function lets me {}", "which call do I need to {}", "how do I {} with the C interface", "how do I {} in C", "what is the C function to {}", "is there a function to {}", "name the function to {}", "what is the call to {}"]
FLAG_HOW = ["which option do I need to {}", "which flag lets me {}", "what option is there to {}", "how do I {} on the command line", "how do I {} with the hearth command", "what flag do I use to {}", "is there an option to {}", "which switch do I give to {}"]
WHAT = ["what is {}", "what is {}", "what are {}", "what about {}", "tell me about {}", "tell me something about {}", "explain {}", "please explain {}", "describe {}", "can you explain {}", "could you explain {}", "{}", "{}", "define {}", "what does {} mean", "what do you know about {}", "I want to know about {}", "I'd like to know more about {}", "give me information about {}",
        "talk about {}", "can you tell me about {}", "can you describe {}", "what can you say about {}", "what exactly is {}", "who or what is {}", "what do you mean by {}", "say something about {}", "info on {}", "more about {}", "what's {}", "what is meant by {}", "do you know {}", "what's {} for", "what's {} good for", "what is {} for", "what is {} good for", "why is there {}", "how does {} work", "where can I read about {}", "show me {}", "I have heard of {}, what is it", "what's the point of {}", "list {}", "name {}", "which are {}", "how do I use {}", "what kinds of {} are there", "what do I need {} for", "what's the story with {}", "give me {}", "I need {}", "where do I find {}", "where is {}"]
DOES = ["does hearth {}", "does hearth {}", "can hearth {}", "can hearth {}", "is hearth able to {}", "will hearth {}", "does it {}", "can it {}", "can this library {}", "does this library {}", "could hearth {}", "is it able to {}", "I wonder if hearth can {}", "do you {}", "can you {}", "tell me if hearth can {}", "would hearth {}", "does the library {}", "is it true that hearth can {}", "can one make hearth {}", "will it {}", "should hearth {}", "is hearth going to {}", "do I get hearth to {}", "am I right that hearth can {}", "would this {}", "may hearth {}", "must hearth {}"]
NAME = ["what does {} do", "what does {} do", "what is {}", "what is {} for", "explain {}", "tell me about {}", "{}", "{}()", "what is {} good for", "when do I use {}", "when should I call {}", "why would I call {}", "how do I use {}", "how does {} work", "what does the function {} do", "describe {}", "what happens when I call {}", "purpose of {}",
        "what is the function {} for", "can you explain {}", "meaning of {}", "what can I do with {}", "please describe {}", "do I need {}", "help me with {}", "I saw {} in hearth.h, what is it", "what do I get from {}", "what is the purpose of {}", "what is the use of {}", "what's {}", "what's {} for", "what's {} good for", "what's the purpose of {}", "where do I need {}", "{} does what", "what will {} do", "how is {} used", "what's the job of {}", "I don't understand {}", "when is {} useful"]
FLAG = ["what does {} do", "what does {} do", "what is {}", "what is {} for", "explain {}", "tell me about {}", "{}", "what does the option {} do", "what does the flag {} do", "what is the option {} for", "when do I use {}", "how do I use {}", "describe {}", "meaning of {}", "what happens with {}", "purpose of {}", "what is {} good for", "why would I give {}", "what does {} mean", "can you explain {}", "what's {}", "what's {} for", "how is {} used", "where do I need {}", "what will {} do", "I don't understand {}", "when is {} useful", "what's the meaning of {}"]
BEFORE = ["", "", "", "", "", "", "", "", "hi, ", "hello, ", "hey, ", "please, ", "quick question: ", "ok, ", "so ", "and ", "now ", "also, ", "well, ", "sorry, ", "one more thing: ", "hmm, ", "excuse me, ", "I have a question: ", "a question: ", "next: ", "thanks, and ", "great, "]
ASIDE = ["I'm new here.", "I just built it.", "My program is small.", "I have a question.", "I am a beginner.", "Sorry to ask.", "I read the README.", "I'm writing an app.", "We use it at work.", "I have no idea.", "I'm stuck.", "One thing is not clear to me.", "I'm a student.", "Last question.", "I looked everywhere.", "It's my first day with this."]
AFTER = ["", "", "", "", "", "", "", "", "", " with hearth", " in hearth", " please", ", please", " exactly", " then", " here", " again", ", thanks"]
SYNONYMS = {
    "load": ["open", "read", "get", "import", "use"], "open": ["load"], "make": ["create", "build", "get"], "create": ["make"], "use": ["apply", "work with", "employ"], "set": ["change", "choose", "specify", "configure", "adjust"], "get": ["obtain", "fetch", "retrieve", "have"],
    "find out": ["learn", "see", "know", "check", "tell"], "see": ["show", "print", "look at", "view"], "list": ["show", "enumerate", "print"], "free": ["release", "destroy", "delete", "close"], "text": ["string", "prompt"], "a text": ["some text", "text", "a string"], "texts": ["strings", "sentences"],
    "conversation": ["chat", "dialogue", "session"], "stop": ["end", "halt", "abort", "interrupt"], "cancel": ["stop", "abort", "interrupt"], "model": ["language model", "LLM", "GGUF model"], "model file": ["GGUF file", "file"], "supported": ["possible", "available", "there", "known"], "support": ["work with", "handle", "know"], "run": ["execute", "use"],
    "save": ["store", "keep", "write", "persist"], "restore": ["load", "bring back", "reload"], "limit": ["restrict", "bound", "cap"], "add": ["append", "put", "write"], "count": ["get the number of"], "number of": ["count of", "amount of"], "function": ["call", "API function"], "command line": ["terminal", "shell", "CLI"],
    "constrain": ["restrict", "limit", "force"], "force": ["enforce", "require"], "adapter": ["LoRA"], "embeddings": ["vectors", "text embeddings"], "memory": ["RAM"], "fast": ["quick", "speedy"], "many": ["several", "multiple"], "several": ["many", "multiple"], "answer": ["reply", "response"], "licence": ["license"], "quantisation": ["quantization"],
    "normalise": ["normalize"], "device": ["machine", "computer"], "machine": ["computer", "device"], "test": ["check"], "start": ["begin"], "show": ["display", "print"], "forbid": ["ban", "block"], "error": ["failure", "problem"], "guesses": ["drafts"], "give": ["pass", "provide", "supply"], "build": ["compile"], "which": ["what"],
    "parse": ["read", "take apart"], "tokenize": ["split into tokens", "encode"], "decode": ["turn into text"], "hearth": ["this library", "the library", "it"], "attach": ["use", "apply", "switch on"], "continue": ["complete", "go on with", "resume"], "copy": ["clone", "duplicate"], "fork": ["branch", "duplicate", "clone"], "edit": ["change", "modify"], "read": ["get", "see", "look up"],
}
PATTERN = re.compile(r"\b(" + "|".join(sorted(map(re.escape, SYNONYMS), key=len, reverse=True)) + r")\b")


COMMAND = re.compile(r"\bhearth (run|chat|template|embed|inspect|tokenize|logits|bench|pack|steer-train)\b")


def vary(rng, phrase):
    """The phrase with other words where there are some."""
    if "_" in phrase or "--" in phrase or COMMAND.search(phrase):
        return phrase
    chance = rng.choice([0, 0, 0.3, 0.6])
    return PATTERN.sub(lambda m: rng.choice(SYNONYMS[m[1]]) if rng.random() < chance else m[1], phrase)


def shorten(rng, phrase):
    """Without its small words, as people type into a search box."""
    small = {"a", "an", "the", "of", "to", "do", "i", "is", "are", "my", "in", "does", "what", "how", "for", "with", "it", "me", "there"}
    kept = [w for w in phrase.split(" ") if w.lower() not in small]
    return " ".join(kept) if len(kept) > 1 else phrase


def misspell(rng, text):
    at = rng.randrange(len(text))
    if not text[at].isalpha():
        return text
    roll = rng.random()
    if roll < 0.4:
        return text[:at] + text[at + 1:]
    if roll < 0.7 and at + 1 < len(text):
        return text[:at] + text[at + 1] + text[at] + text[at + 2:]
    return text[:at] + text[at] + text[at:]


# Words that do not tell which fact is asked for.
DULL = set("""a about after am an and any are as at be been by can could did do does for from get gets give had has have hearth how i if in into is
it its just let like make makes may me must my need needs of on one only or our please put should show so some tell than that the their them then
there these they this those to up use used using want was way we what when where which who why will with work works would write you your""".split())


def blur(rng, text):
    """With a word or two that tell nothing left out, or another word in their place: people use words that no list has."""
    words = text.split(" ")
    where = [i for i, w in enumerate(words) if w.lower() in DULL]
    if len(words) < 4 or not where:
        return text
    for i in sorted(rng.sample(where, min(len(where), rng.randint(1, 2))), reverse=True):
        if rng.random() < 0.5:
            del words[i]
        else:
            words[i] = W.word(rng) if rng.random() < 0.7 else W.made_up(rng)
    return " ".join(words)


def forget(rng, text):
    """With some words left out, whichever: a question is to be known by any of its words."""
    words, share = text.split(" "), rng.choice([0.15, 0.25, 0.35])
    kept = [w for w in words if rng.random() > share]
    return " ".join(kept) if len(words) > 3 and len(kept) > 1 else text


def scramble(rng, text):
    """With words a few places off: the words tell what is asked for more than their order."""
    words = text.split(" ")
    return " ".join(w for _, w in sorted((i + rng.uniform(0, 4), w) for i, w in enumerate(words)))


def share(fact):
    """How often it is asked for: functions and options are easy to find by their names, and newcomers begin with bindings
    and with who is answering."""
    return 1.4 if fact.name or fact.flag else 6 if re.search(r"-(rust|python|swift|c|cpp)$|^quickstart|^licence|^what-|^you$", fact.id) else 2


def plain(text):
    """Letters and digits only, to compare questions by."""
    return " ".join(re.findall(r"\w+", text.lower()))


def question(rng, fact, never=frozenset()):
    """One of the ways to ask for a fact, none of those (in plain letters) that are kept to test with."""
    while True:
        text = one_question(rng, fact)
        if plain(text) not in never:
            return text


def one_question(rng, fact):
    kinds = []
    if fact.how:
        kinds += ["how"] * (2 if fact.name or fact.flag else 3)
    kinds += ["what"] * (2 * bool(fact.what)) + ["does"] * (2 * bool(fact.does)) + ["ask"] * min(30, len(fact.ask))
    kinds += ["name"] * (2 * bool(fact.name)) + ["flag"] * (2 * bool(fact.flag))
    kind = rng.choice(kinds)
    exact = kind in ("name", "flag")
    if kind == "name":
        text = rng.choice(NAME).format(rng.choice(fact.name))
    elif kind == "flag":
        command, flag = rng.choice(fact.flag)
        text = rng.choice(FLAG).format(rng.choice([f"hearth {command} {flag}", f"{command} {flag}", f"{flag} of hearth {command}", f"{flag} in hearth {command}"] + [flag] * 3 * fact.alone))
    elif kind == "how":
        patterns = HOW
        if fact.name and rng.random() < 0.3:
            patterns = FUNCTION_HOW
        if fact.flag:
            patterns = FLAG_HOW if rng.random() < 0.7 else HOW
        text = rng.choice(patterns).format(vary(rng, rng.choice(fact.how)))
    elif kind == "what":
        thing = vary(rng, rng.choice(fact.what))
        text = rng.choice(WHAT).format(thing)
    elif kind == "does":
        text = rng.choice(DOES).format(vary(rng, rng.choice(fact.does)))
    else:
        text = vary(rng, rng.choice(fact.ask))
        if rng.random() < 0.1:
            text = rng.choice(["tell me: ", "can you tell me, ", "do you know, ", "I would like to know: ", "I wonder: ", "could you say, "]) + text
    if not exact and rng.random() < 0.2:
        text = blur(rng, text)
    elif not exact and rng.random() < 0.3:
        text = forget(rng, text)
    elif not exact and rng.random() < 0.1:
        text = scramble(rng, text)
    if kind in ("how", "what", "ask", "does") and rng.random() < 0.06:
        text = shorten(rng, text)
    if kind in ("how", "what", "ask", "does") and rng.random() < 0.04:
        words = text.split(" ")
        short = [i for i, w in enumerate(words) if len(w) < 5]
        if len(words) > 4 and short:
            del words[rng.choice(short)]
            text = " ".join(words)
    if rng.random() < 0.4:
        text = rng.choice(BEFORE) + text
    if kind in ("how", "ask", "does") and "hearth" not in text and rng.random() < 0.6:
        text += rng.choice(AFTER)
    if not exact and rng.random() < 0.04:
        text = misspell(rng, text)
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:] if not text.startswith("hearth_") else text
    elif rng.random() < 0.15 and not exact:
        text = text.lower()
    asks = text.lower().lstrip("so and now").startswith(("how", "what", "is ", "can", "does", "which", "do ", "where", "why", "when", "could", "are", "will", "who", "may", "must"))
    text += rng.choice(["?", "?", "?", "?", ""]) if asks else rng.choice(["", ".", ".", "?", "!"])
    return rng.choice(ASIDE) + " " + text if rng.random() < 0.05 else text
