"""Commands and the tool calls that they ask for: tools, phrasings, values. Everything comes from one seeded generator."""

import json
import random

import words as W


def tool(name, description, /, **parameters):
    properties = {}
    for key, kind in parameters.items():
        properties[key] = {"type": "string", "enum": kind} if isinstance(kind, list) else {"type": kind}
    return {"type": "function",
            "function": {"name": name, "description": description,
                         "parameters": {"type": "object", "properties": properties, "required": list(parameters)}}}


TOOLS = {t["function"]["name"]: t for t in [
    tool("set_timer", "Counts down.", amount="integer", unit=["seconds", "minutes", "hours"]),
    tool("set_alarm", "Rings at a time.", time="string"),
    tool("add_note", "Writes a note.", text="string"),
    tool("search_notes", "Finds notes.", query="string"),
    tool("convert_units", "Converts a value.", value="number", **{"from": "string", "to": "string"}),
    tool("open_app", "Opens an app.", name="string"),
    tool("play_music", "Plays music.", query="string"),
    tool("send_message", "Sends a text message.", to="string", text="string"),
    tool("create_event", "Puts an event into the calendar.", title="string", day="string", time="string"),
    tool("get_weather", "Tells the weather.", place="string"),
    tool("calculate", "Computes.", expression="string"),
    tool("translate", "Translates a text.", text="string", language="string"),
    tool("call_contact", "Phones somebody.", name="string"),
    tool("set_volume", "Sets the volume.", level="integer"),
    tool("add_to_list", "Adds to a list.", item="string", list="string"),
    tool("delete_note", "Deletes a note.", title="string"),
]}

# Phrasings: {slot}; those that end in a free text get nothing behind it.
PHRASES = {
    "set_timer": ["set a timer for {t}", "set timer for {t}", "set a {t1} timer", "timer {t}", "timer for {t}", "{t1} timer", "start a {t1} timer",
                  "start a timer of {t}", "start a countdown of {t}", "count down {t}", "count {t} down", "a {t1} timer", "give me a {t1} timer",
                  "let me know in {t}", "let me know when {t} are over", "tell me when {t} have passed", "remind me in {t}", "i need a timer for {t}",
                  "i need a {t1} countdown", "put {t} on the timer", "put a timer on {t}", "make a timer for {t}", "make it a {t1} timer",
                  "run a timer for {t}", "beep in {t}", "ring in {t}", "ping me after {t}", "ping me in {t}", "start counting {t}", "begin a {t1} countdown",
                  "timer please, {t}", "set the timer to {t}", "new timer: {t}", "a timer for {t}", "time {t} for me", "time {t}", "create a {t1} timer",
                  "countdown from {t}", "stop me in {t}", "alert me in {t}", "notify me after {t}", "set a countdown for {t}", "wake me in {t}",
                  "my pasta needs {t}", "the eggs need {t}, set a timer", "bake for {t}, set a timer", "tea takes {t}, start the timer", "kitchen timer {t}", "set one for {t}", "time me for {t}", "let a countdown of {t} run", "buzz me in {t}", "a countdown of {t}", "i want a {t1} timer", "please time {t}", "have a timer go off in {t}"],
    "set_alarm": ["set an alarm for {c}", "set alarm for {c}", "wake me up at {c}", "wake me at {c}", "alarm at {c}", "alarm {c}", "set the alarm to {c}", "i have to get up at {c}",
                  "i need to wake up at {c}", "ring at {c}", "an alarm for {c}", "make an alarm for {c}", "get me up at {c}", "set my alarm at {c}", "i want to get up at {c}",
                  "let the alarm ring at {c}", "create an alarm at {c}", "new alarm: {c}", "put an alarm at {c}", "i need an alarm at {c}", "have the alarm go off at {c}", "make sure i am up at {c}", "make sure i wake up by {c}",
                  "alarm clock {c}", "can the alarm ring at {c}", "morning alarm {c}", "wake me up tomorrow at {c}", "wake me tomorrow at {c}", "i must get up at {c}", "i have to be up at {c}", "switch on an alarm for {c}", "i want an alarm for {c}", "make the alarm ring at {c}", "alarm tomorrow at {c}"],
    "add_note": ["add a note: {s}", "note: {s}", "note that {s}", "make a note: {s}", "write down: {s}", "write down that {s}", "write down {s}", "take a note: {s}", "new note: {s}", "add note {s}", "add a note that says {s}",
                 "note down {s}", "please note {s}", "make a note that {s}", "save a note: {s}", "jot down {s}", "jot this down: {s}", "remember that {s}", "remember: {s}", "put in my notes: {s}", "keep a note: {s}", "create a note saying {s}",
                 "create a note: {s}", "add to my notes: {s}", "write a note: {s}", "write a note that says {s}", "store this note: {s}", "i want to note that {s}", "for my notes: {s}", "a note for me: {s}", "memo: {s}",
                 "do not let me forget: {s}", "take down {s}", "add the note \"{s}\"", "make a note saying \"{s}\"", "save \"{s}\" as a note", "put \"{s}\" into my notes", "write \"{s}\" down", "note to self: {s}", "save this note: {s}", "save this: {s}", "keep this in my notes: {s}", "note the following: {s}", "i need a note: {s}", "i want a note that says {s}", "put this in a note: {s}", "please write: {s}", "let me note {s}"],
    "search_notes": ["search my notes for {q}", "search notes for {q}", "find {q} in my notes", "find the note about {q}", "find my notes about {q}", "look for {q} in my notes", "look up {q} in my notes", "what did i write about {q}", "what did i note about {q}",
                     "show me notes about {q}", "show my notes on {q}", "do i have notes about {q}", "do i have a note on {q}", "is there a note about {q}", "where is my note about {q}", "search for {q} in the notes", "which notes mention {q}", "notes about {q}", "find notes with {q}",
                     "look through my notes for {q}", "get my note on {q}", "what do my notes say about {q}", "check my notes for {q}", "i am looking for my note about {q}", "search the notes: {q}", "any notes on {q}", "pull up my notes about {q}", "did i write anything about {q}", "find everything about {q} in my notes", "look in my notes for {q}", "do my notes say anything about {q}", "have i noted {q}", "i want to see my notes about {q}", "show all notes with {q}", "where did i write about {q}", "find {q} among my notes"],
    "convert_units": ["convert {x} {f} to {o}", "convert {x} {f} into {o}", "how many {o} are {x} {f}", "how many {o} are in {x} {f}", "how many {o} is {x} {f}", "what is {x} {f} in {o}", "what are {x} {f} in {o}", "{x} {f} in {o}", "{x} {f} to {o}", "how much is {x} {f} in {o}", "turn {x} {f} into {o}", "change {x} {f} to {o}",
                      "give me {x} {f} in {o}", "express {x} {f} in {o}", "{x} {f} as {o}", "tell me {x} {f} in {o}", "i need {x} {f} in {o}", "{x} {f} equals how many {o}", "{x} {f} is how many {o}", "transform {x} {f} to {o}", "what would {x} {f} be in {o}", "calculate {x} {f} in {o}", "how much are {x} {f} in {o}", "write {x} {f} in {o}", "tell me how many {o} are {x} {f}", "tell me how many {o} {x} {f} are", "how many {o} do {x} {f} make", "{x} {f} into {o}", "i want {x} {f} in {o}", "show {x} {f} in {o}", "what's {x} {f} in {o}", "what's {x} {f} as {o}", "convert from {f} to {o}: {x}"],
    "open_app": ["open {a}", "open the {a} app", "open the app {a}", "launch {a}", "start {a}", "start the {a} app", "run {a}", "open up {a}", "bring up {a}", "show me the {a} app", "go to {a}", "switch to {a}", "i want to use {a}", "fire up {a}", "launch the {a} app", "take me to {a}", "get {a} open",
                 "open {a} for me", "i need {a}", "i need the {a} app", "load {a}", "start up {a}", "open my {a}", "pull up {a}", "can i see {a}", "let me use {a}", "i'd like to open {a}", "i want to open {a}", "please open {a}", "switch over to {a}", "let's open {a}", "show me {a}", "i would like to use {a}", "run the app {a}", "open the program {a}"],
    "play_music": ["play {m}", "play some {m}", "play music by {m}", "play something by {m}", "put on {m}", "put on some {m}", "i want to hear {m}", "i want to listen to {m}", "listen to {m}", "play the song {m}", "play the album {m}", "start playing {m}", "let me hear {m}", "can i hear {m}", "queue {m}", "play songs by {m}",
                   "i would like to hear {m}", "play a bit of {m}", "turn on {m}", "music by {m}", "play me {m}", "i feel like {m}", "i am in the mood for {m}", "let us listen to {m}", "play tracks by {m}", "stream {m}", "let's hear {m}", "i'd like to listen to {m}", "how about some {m}", "please play {m}", "i love {m}, play it", "play anything by {m}", "let's have some {m}", "put {m} on", "give me some {m}"],
    "send_message": ["send a message to {p}: {s}", "send {p} a message: {s}", "text {p}: {s}", "text {p} {s}", "text {p} that {s}", "message {p}: {s}", "tell {p} {s}", "tell {p} that {s}", "write {p}: {s}", "write to {p}: {s}", "write {p} that {s}", "send {p} the text {s}", "let {p} know that {s}", "let {p} know {s}", "send a text to {p} saying {s}",
                     "send {p} a text: {s}", "message to {p}: {s}", "text to {p}: {s}", "drop {p} a line: {s}", "inform {p} that {s}", "send a message to {p} saying {s}", "send a message to {p} that {s}", "message {p} that {s}", "message {p} saying {s}", "send \"{s}\" to {p}", "text \"{s}\" to {p}", "tell {p} \"{s}\"", "write \"{s}\" to {p}", "shoot {p} a message: {s}", "message {p}, {s}", "send word to {p} that {s}", "please tell {p} that {s}", "let {p} hear that {s}", "send {p} this: {s}", "a message for {p}: {s}", "i want to tell {p} that {s}", "reply to {p}: {s}", "answer {p}: {s}"],
    "create_event": ["create an event {e} on {D} at {c}", "add {e} to my calendar on {D} at {c}", "put {e} in my calendar for {D} at {c}", "schedule {e} for {D} at {c}", "schedule {e} on {D} at {c}", "plan {e} for {D} at {c}", "new event: {e}, {D} at {c}", "book {e} on {D} at {c}", "i have {e} on {D} at {c}", "calendar: {e} on {D} at {c}", "on {D} at {c} i have {e}",
                     "set up {e} on {D} at {c}", "make an event called {e} on {D} at {c}", "create an event for {D} at {c} called {e}", "add an event on {D} at {c}: {e}", "enter {e} for {D} at {c}", "arrange {e} for {D} at {c}", "{e} on {D} at {c}, put it in the calendar", "there is {e} on {D} at {c}, add it", "put {e} on the calendar, {D} at {c}", "mark {e} on {D} at {c}", "add the event {e} on {D} at {c}", "add {e} for {D} at {c}", "please schedule {e} for {D} at {c}", "put {e} on {D} at {c}", "i have {e} on {D} at {c}, add it to the calendar", "calendar entry: {e}, {D}, {c}", "remember {e} on {D} at {c} in the calendar", "make an appointment for {e} on {D} at {c}", "set {e} for {D} at {c}", "i've got {e} on {D} at {c}, note it in the calendar"],
    "get_weather": ["what is the weather in {l}", "weather in {l}", "how is the weather in {l}", "what's the weather like in {l}", "tell me the weather in {l}", "weather for {l}", "is it raining in {l}", "is it sunny in {l}", "will it rain in {l}", "how warm is it in {l}", "how cold is it in {l}", "do i need an umbrella in {l}", "what is the temperature in {l}", "forecast for {l}", "give me the forecast for {l}", "show the weather in {l}", "weather {l}", "{l} weather", "is it cold in {l}",
                    "check the weather in {l}", "what does the weather look like in {l}", "does it snow in {l}", "do i need a coat in {l}", "how hot is it in {l}", "look up the weather in {l}", "what will the weather be in {l}", "is it windy in {l}", "get me the weather for {l}", "temperature in {l}", "what is it like outside in {l}", "what's the weather in {l}", "how's the weather in {l}", "what temperature is it in {l}", "weather in {l} today", "will it rain in {l} tomorrow", "how is the weather in {l} today", "what's the forecast for {l}", "is it going to rain in {l}", "will it be warm in {l}", "is it hot in {l}", "i am going to {l}, what is the weather there"],
    "calculate": ["what is {X}", "calculate {X}", "compute {X}", "how much is {X}", "{X}", "work out {X}", "what does {X} make", "solve {X}", "evaluate {X}", "tell me {X}", "what do you get for {X}", "give me the result of {X}", "{X} is what", "do the sum {X}", "what is the result of {X}", "can you compute {X}", "i need to know {X}", "add up {X}", "figure out {X}", "{X} equals", "do the math: {X}", "what's {X}", "tell me what {X} is", "tell me how much {X} is", "please compute {X}", "let me know what {X} is", "what would {X} be", "quick math: {X}", "{X} = ?", "i want to know {X}"],
    "translate": ["translate {s} to {g}", "translate {s} into {g}", "translate \"{s}\" to {g}", "translate \"{s}\" into {g}", "how do you say {s} in {g}", "how do i say {s} in {g}", "what is {s} in {g}", "what is \"{s}\" in {g}", "say {s} in {g}", "say \"{s}\" in {g}", "how do you say \"{s}\" in {g}", "translate to {g}: {s}", "translate into {g}: {s}", "in {g}: {s}", "put {s} into {g}", "give me the {g} for {s}", "{s} in {g}", "{g} translation of {s}", "what does {s} mean in {g}", "how would you say {s} in {g}", "i want to say {s} in {g}", "the {g} word for {s}", "what is the {g} word for {s}", "turn \"{s}\" into {g}", "what's {s} in {g}", "what's \"{s}\" in {g}", "please translate {s} to {g}", "i need {s} in {g}", "how is {s} said in {g}", "tell me how to say {s} in {g}", "what's the {g} word for {s}", "what's the {g} for {s}", "i'd like {s} in {g}", "translate for me into {g}: {s}"],
    "call_contact": ["call {p}", "phone {p}", "ring {p}", "give {p} a call", "dial {p}", "call up {p}", "make a call to {p}", "make a phone call to {p}", "i want to call {p}", "i want to talk to {p}", "i need to speak to {p}", "get {p} on the phone", "telephone {p}", "start a call with {p}", "put me through to {p}", "connect me with {p}", "place a call to {p}", "try to reach {p} by phone", "i have to call {p}", "i'd like to call {p}", "i want to phone {p}", "let's call {p}", "call {p} on the phone", "please ring {p}", "start calling {p}", "i'd like to speak with {p}", "get {p} on the line"],
    "set_volume": ["set the volume to {v}", "volume {v}", "set volume to {v}", "turn the volume to {v}", "volume to {v}", "change the volume to {v}", "make the volume {v}", "put the volume at {v}", "volume at {v} percent", "turn it to {v} percent", "set the sound to {v}", "turn the sound to {v}", "set the loudness to {v}", "i want the volume at {v}", "turn the volume up to {v}", "turn the volume down to {v}", "sound level {v}", "turn it up to {v}", "turn it down to {v}", "lower the volume to {v}", "raise the volume to {v}", "bring the volume to {v}", "louder, volume {v}", "make it quieter, volume {v}", "make it louder, to {v}", "please set volume {v}", "i need the volume at {v}", "too loud, set it to {v}", "can i have volume {v}", "adjust the volume to {v}", "volume should be {v}"],
    "add_to_list": ["add {i} to the {L} list", "add {i} to my {L} list", "put {i} on the {L} list", "put {i} on my {L} list", "{i} on the {L} list", "i need {i} on my {L} list", "write {i} on the {L} list", "the {L} list needs {i}", "add {i} to {L}", "append {i} to the {L} list", "include {i} in the {L} list", "my {L} list needs {i}", "to the {L} list add {i}", "on my {L} list put {i}", "place {i} on the {L} list", "new item for the {L} list: {i}", "{L} list: {i}", "i want {i} on the {L} list", "stick {i} on my {L} list", "get {i} onto the {L} list", "please put {i} on the {L} list", "i'd like {i} on the {L} list", "add {i} to our {L} list", "we need {i}, put it on the {L} list", "the {L} list should have {i}", "note {i} on the {L} list", "put down {i} on the {L} list", "{i} goes on the {L} list"],
    "delete_note": ["delete the note {N}", "delete my note {N}", "remove the note {N}", "erase the note {N}", "delete the note called {N}", "throw away the note {N}", "get rid of the note {N}", "remove my note about {N}", "delete note {N}", "drop the note {N}", "i do not need the note {N} any more", "forget the note {N}", "delete the note about {N}", "erase my note on {N}", "wipe the note {N}", "trash the note {N}", "please delete the note {N}", "i don't need the note {N} anymore", "the note {N} can go", "throw the note {N} away", "take the note {N} out", "clear the note {N}", "delete the note titled {N}", "remove the note titled {N}"],
}
OPEN_END = {"{s}", "{q}", "{m}", "{X}", "{e}", "{a}", "{i}", "{N}"}
BEFORE = ["", "", "", "", "", "", "", "", "", "please ", "can you ", "could you ", "hey, ", "hi, ", "ok, ", "would you ", "i want you to ", "i'd like you to ",
          "can you please ", "could you please ", "now ", "quickly ", "go ahead and ", "well, ", "hello, ", "so, ", "then ", "also ", "and "]
VERB_FIRST = set("set start count let tell please switch have save add buzz adjust clear take reply answer remind put make run beep ring ping begin create stop alert notify wake get add write take save jot remember keep store search find look show check pull "
                 "convert turn change give express open launch bring go switch fire load play listen queue stream send text message inform schedule plan book arrange enter mark "
                 "calculate compute work solve evaluate figure do translate say call phone dial telephone connect place try raise lower append include stick delete remove erase throw drop wipe trash forget".split())
AFTER = ["", "", "", "", "", "", "", "", " please", " now", " for me", ", thanks", ", please", " thank you", " if you can", " right now"]
ASKS = ("can", "could", "would", "what", "how", "do ", "did", "is ", "are", "where", "which", "will", "may", "any", "have i")
ENDS = ["", "", "", "", ".", ".", "?", "!"]
TRANSFORM = {"plus": "+", "minus": "-", "times": "*", "divided by": "/", "over": "/", "+": "+", "-": "-", "*": "*", "/": "/", "x": "*",
             "multiplied by": "*"}


def span(rng):
    """How an amount of time is said, before "timer" too, and what it means."""
    unit = rng.choice(["seconds", "minutes", "minutes", "minutes", "hours"])
    if rng.random() < 0.3:
        said, n = rng.choice(list(W.NUMBERS.items()))
    else:
        n = rng.choice([rng.randint(1, 12), rng.randint(1, 60), rng.randint(1, 60), rng.randint(10, 240), rng.choice([5, 10, 15, 20, 30, 45, 60, 90, 120])])
        said = str(n)
    one = unit[:-1]
    if n == 1 and rng.random() < 0.6:
        said = "an" if unit == "hours" else "a"
    if rng.random() < 0.06:
        return rng.choice(["half an hour", "half an hour"]), rng.choice(["half hour"]), 30, "minutes"
    short = {"seconds": ["sec", "secs", "s"], "minutes": ["min", "mins", "min"], "hours": ["h", "hrs", "hr"]}[unit]
    if rng.random() < 0.15 and said.isdigit():
        said_unit = rng.choice(short)
        return f"{said} {said_unit}", f"{said} {said_unit}", n, unit
    before = said if said not in ("a", "an") else "one"
    return f"{said} {one if n == 1 else unit}", before + rng.choice([" ", "-", " "]) + one, n, unit


def clock(rng):
    h, m = rng.randint(0, 23), rng.choice([0, 0, 15, 30, 45, rng.randint(0, 59)])
    roll = rng.random()
    if roll < 0.4:
        return f"{h}:{m:02d}"
    twelve = rng.randint(1, 12)
    if roll < 0.6:
        return f"{twelve} {rng.choice(['am', 'pm'])}"
    if roll < 0.75:
        return f"{twelve}:{m:02d} {rng.choice(['am', 'pm'])}"
    if roll < 0.85:
        return f"{twelve}{rng.choice(['am', 'pm'])}"
    if roll < 0.93:
        return rng.choice(["noon", "midnight", "half past " + rng.choice(W.SMALL[:12]), "quarter to " + rng.choice(W.SMALL[:12]), rng.choice(W.SMALL[:12])])
    return f"{twelve} o'clock" if roll < 0.97 else str(twelve)


def number(rng):
    roll = rng.random()
    if roll < 0.7:
        n = rng.choice([rng.randint(0, 20), rng.randint(1, 100), rng.randint(1, 1000), rng.randint(100, 99999)])
        return str(n), n
    if roll < 0.9:
        n = round(rng.uniform(0, 100), rng.choice([1, 1, 2]))
        return str(n), n
    said, n = rng.choice(list(W.NUMBERS.items()))
    return said, n


def expression(rng):
    said, meant = [], []
    for i in range(rng.choice([2, 2, 2, 2, 3])):
        if i:
            how = rng.choice(list(TRANSFORM))
            said.append(how)
            meant.append(TRANSFORM[how])
        n = str(rng.choice([rng.randint(0, 20), rng.randint(1, 100), rng.randint(1, 9999)])) if rng.random() < 0.85 else str(round(rng.uniform(0, 50), 1))
        said.append(n)
        meant.append(n)
    return " ".join(said), " ".join(meant)


def day(rng):
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(W.DAYS)
    if roll < 0.75:
        return "next " + rng.choice(W.DAYS[:7])
    if roll < 0.9:
        return f"{rng.choice(W.MONTHS)} {rng.randint(1, 30)}"
    return f"{rng.randint(1, 30)} {rng.choice(W.MONTHS)}"


def event(rng):
    return rng.choice([lambda: f"lunch with {W.name(rng)}", lambda: f"dinner with {W.name(rng)}", lambda: f"meeting with {W.name(rng)}", lambda: f"{rng.choice(W.NOUNS)} appointment",
                       lambda: "the " + W.word(rng) + " meeting", lambda: W.title(rng), lambda: rng.choice(W.NOUNS), lambda: W.made_up(rng) + " " + W.word(rng), lambda: f"{W.name(rng)}'s {rng.choice(W.NOUNS)}",
                       lambda: rng.choice(W.NOUNS) + " with " + W.name(rng), lambda: "call with " + W.name(rng), lambda: W.word(rng) + " class", lambda: phrase(rng), lambda: phrase(rng)])()


def phrase(rng, most=3):
    """A few words: what notes are searched for, what stands on lists."""
    if rng.random() < 0.25:
        return " ".join(rng.choice(W.LEXICON) for _ in range(rng.randint(1, most)))
    return rng.choice([lambda: W.word(rng), lambda: rng.choice(W.NOUNS), lambda: rng.choice(W.ADJECTIVES) + " " + rng.choice(W.NOUNS), lambda: " ".join(W.word(rng) for _ in range(rng.randint(1, most))),
                       lambda: "the " + rng.choice(W.NOUNS), lambda: W.name(rng), lambda: f"{rng.choice(W.NOUNS)} and {rng.choice(W.NOUNS)}", lambda: f"{rng.randint(1, 20)} {rng.choice(W.NOUNS)}s", lambda: W.made_up(rng) + " " + W.word(rng)])()


def music(rng):
    if rng.random() < 0.2:
        return W.title(rng, 4)
    return rng.choice([lambda: rng.choice(W.STYLES), lambda: W.title(rng), lambda: W.name(rng), lambda: W.title(rng) + " by " + W.name(rng), lambda: "the " + W.title(rng), lambda: rng.choice(W.STYLES) + " music", lambda: rng.choice(W.ADJECTIVES) + " " + rng.choice(W.STYLES)])()


def app(rng):
    return rng.choice([lambda: rng.choice(W.APPS), lambda: rng.choice(W.APPS).lower(), lambda: W.made_up(rng).capitalize(), lambda: W.title(rng, 2), lambda: W.made_up(rng), lambda: rng.choice(W.NOUNS).capitalize()])()


def fill(rng, name):
    """A phrasing of one of TOOLS with values: (text, arguments)."""
    text = rng.choice(PHRASES[name])
    arguments, values = {}, {}
    if name == "set_timer":
        long, short, amount, unit = span(rng)
        values, arguments = {"t": long, "t1": short}, {"amount": amount, "unit": unit}
    elif name == "set_alarm":
        values["c"] = arguments["time"] = clock(rng)
    elif name == "add_note":
        values["s"] = arguments["text"] = W.sentence(rng).rstrip("?")
    elif name == "search_notes":
        values["q"] = arguments["query"] = phrase(rng)
    elif name == "convert_units":
        units = rng.choice(W.UNITS) if rng.random() < 0.8 else [W.made_up(rng) + "s", W.made_up(rng) + "s"]
        source, target = rng.sample(units, 2)
        values["x"], arguments["value"] = number(rng)
        values["f"] = arguments["from"] = source
        values["o"] = arguments["to"] = target
    elif name == "open_app":
        values["a"] = arguments["name"] = app(rng)
    elif name == "play_music":
        values["m"] = arguments["query"] = music(rng)
    elif name == "send_message":
        values["p"] = arguments["to"] = W.name(rng)
        values["s"] = arguments["text"] = W.sentence(rng)
    elif name == "create_event":
        values["e"] = arguments["title"] = event(rng)
        values["D"] = arguments["day"] = day(rng)
        values["c"] = arguments["time"] = clock(rng)
    elif name == "get_weather":
        values["l"] = arguments["place"] = W.place(rng)
    elif name == "calculate":
        values["X"], arguments["expression"] = expression(rng)
    elif name == "translate":
        values["s"] = arguments["text"] = phrase(rng) if rng.random() < 0.5 else W.sentence(rng).rstrip("?")
        values["g"] = arguments["language"] = rng.choice(W.LANGUAGES)
    elif name == "call_contact":
        values["p"] = arguments["name"] = W.name(rng)
    elif name == "set_volume":
        n = rng.randint(0, 100)
        values["v"], arguments["level"] = str(n), n
    elif name == "add_to_list":
        values["i"] = arguments["item"] = phrase(rng)
        values["L"] = arguments["list"] = rng.choice(W.LISTS) if rng.random() < 0.75 else W.made_up(rng)
    elif name == "delete_note":
        values["N"] = arguments["title"] = phrase(rng)
    open_end = text[-3:] in OPEN_END or text[-4:] == "{N}\""
    first = text.split(" ")[0]
    before = rng.choice(BEFORE)
    if before.strip(" ,").split(" ")[-1] in ("you", "to", "please", "and", "also", "now", "quickly") and first not in VERB_FIRST:
        before = ""
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    text = before + text
    if open_end:
        asks = text.lower().startswith(ASKS) and name != "send_message"
        if not text.endswith(("?", "\"", "!")):
            text += rng.choice(["", "?", "?"] if asks else ["", "", "", "", ".", "" if name in ("send_message", "add_note") else "!"])
    else:
        if name in ("get_weather", "set_alarm") and rng.random() < 0.2:
            text += rng.choice([" today", " tomorrow", " this weekend", " tonight", " now"] if name == "get_weather" else [" tomorrow", " today"])
        text += rng.choice(AFTER) + rng.choice(ENDS)
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    text = text.replace(" i ", " I ") if rng.random() < 0.7 else text
    if text.startswith("i "):
        text = "I" + text[1:] if rng.random() < 0.7 else text
    elif rng.random() < 0.03 and not any(isinstance(v, str) and v.lower() != v for v in arguments.values()):
        text = text.lower()
    return text, arguments


# ---- tools that nobody has ever seen: the model shall read their definitions -----------------------------------------

ACTIONS = """paint water feed lock unlock park rent print scan order cancel repair polish charge cook wash inspect measure
rotate move pack deliver label weigh heat cool dim light mix cut fold sort tune record publish archive rename resize""".split()
KEYS = """color size height width speed name city date mode owner room target label code level weight amount number place
person reason topic price kind count title user floor shape style""".split()


def invented(rng):
    """(tool, text, arguments) for a tool of made-up purpose."""
    verb = rng.choice(ACTIONS) if rng.random() < 0.8 else W.made_up(rng, 2)
    noun = rng.choice(W.NOUNS) if rng.random() < 0.8 else W.made_up(rng, 2)
    keys = rng.sample(KEYS, rng.choice([1, 1, 2, 2, 3]))
    kinds, arguments, said = {}, {}, []
    for key in keys:
        roll = rng.random()
        if roll < 0.35:
            kinds[key], value = "integer", rng.randint(0, 500)
        elif roll < 0.5:
            choices = [W.word(rng) for _ in range(3)]
            kinds[key], value = choices, rng.choice(choices)
        else:
            kinds[key], value = "string", rng.choice([W.word, W.name, W.made_up, lambda r: phrase(r, 2)])(rng)
        arguments[key] = value
        said.append((key, value))
    rng.shuffle(said)
    how = rng.randint(0, 4)
    if how == 0:
        details = " and ".join(f"{k} {v}" for k, v in said)
        text = f"{verb} the {noun} with {details}"
    elif how == 1:
        text = f"{verb} the {noun}, " + ", ".join(f"{k} {v}" for k, v in said)
    elif how == 2:
        text = f"{verb} {noun}: " + ", ".join(f"{k}={v}" for k, v in said)
    elif how == 3:
        text = f"{verb} a {noun}, the {said[0][0]} is {said[0][1]}" + "".join(f" and the {k} is {v}" for k, v in said[1:])
    else:
        text = f"I want to {verb} the {noun} (" + "; ".join(f"{k}: {v}" for k, v in said) + ")"
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    description = rng.choice(["", f"{verb.capitalize()}s the {noun}.", f"{verb} a {noun}", f"For the {noun}."])
    return tool(f"{verb}_{noun}", description, **kinds), text, arguments


def call_text(name, arguments):
    return f'<tool_call>\n{{"name": "{name}", "arguments": {json.dumps(arguments, ensure_ascii=False)}}}\n</tool_call>'


NO_TOOL = "I have no tool for that."
NO_TOOLS = "I cannot do that: no tools were given to me. With hearth chat --tools I call them."


def describe(rng, given):
    """The definitions as a host may give them: without or with other descriptions too."""
    out = []
    for t in given:
        t = json.loads(json.dumps(t))
        roll = rng.random()
        if roll < 0.5:
            t["function"].pop("description")
        elif roll < 0.55:
            t["function"]["description"] = W.sentence(rng)
        out.append(t)
    rng.shuffle(out)
    return out


RESULTS = ["ok", "done", "{\"ok\": true}", "true", "success", "{\"status\": \"ok\"}", ""]


def conversation(rng):
    """(tools, messages): one to three commands, with what tools return."""
    names = rng.sample(list(TOOLS), len(TOOLS) if rng.random() < 0.06 else rng.choice([1, 2, 2, 3, 3, 4, 4, 5]))
    given = [TOOLS[n] for n in names]
    extra = [invented(rng) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    extra = [e for e in extra if e[0]["function"]["name"] not in names]
    given += [e[0] for e in extra]
    messages = []
    for _ in range(rng.choice([2, 4, 5, 6, 7]) + 3 * (len(names) == len(TOOLS))):
        roll = rng.random()
        if roll < 0.1:
            if len(names) == len(TOOLS):
                continue
            missing = rng.choice([n for n in TOOLS if n not in names])
            if missing in ("add_note", "add_to_list", "delete_note", "search_notes", "convert_units", "calculate", "set_alarm", "set_timer") and \
                    any(n in names for n in ("add_note", "add_to_list", "delete_note", "search_notes", "convert_units", "calculate", "set_alarm", "set_timer")):
                continue  # too near to each other for a clear refusal
            messages += [{"role": "user", "content": fill(rng, missing)[0]}, {"role": "assistant", "content": NO_TOOL}]
            continue
        if extra and rng.random() < 0.5:
            t, text, arguments = extra.pop()
            name = t["function"]["name"]
        else:
            name = rng.choice(names)
            text, arguments = fill(rng, name)
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]})
        if rng.random() < 0.4:
            if rng.random() < 0.5:
                result, reply = rng.choice(RESULTS), "Done."
            else:
                result = rng.choice([lambda: W.sentence(rng), lambda: phrase(rng), lambda: str(number(rng)[1]), lambda: f"{rng.randint(-9, 35)} degrees, {W.word(rng)}", lambda: f"{number(rng)[1]} {rng.choice(rng.choice(W.UNITS))}"])()
                reply = f"The tool says: {result}"
            messages += [{"role": "tool", "content": result}, {"role": "assistant", "content": reply}]
    return describe(rng, given), messages


if __name__ == "__main__":
    r = random.Random(1)
    for _ in range(20):
        tools, messages = conversation(r)
        print([t["function"]["name"] for t in tools])
        for m in messages:
            print("   ", m["role"], "|", m["content"] or json.dumps(m.get("tool_calls", [{}])[0].get("function")))
