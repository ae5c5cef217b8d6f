"""Conversations: templates, events, tools, schemas. The model's weights are random, so calls are forced where they matter."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
from typing import Annotated, Any, Literal, Optional

import pydantic
import pytest

import hearth

# Hermes' way of writing calls, which the template below asks for.
TEMPLATE = """{%- if tools %}<|im_start|>system
Tools: {% for tool in tools %}{{ tool | tojson }}
{% endfor %}For each call return <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}{%- for m in messages %}<|im_start|>{{ m.role }}
{%- if m.role == "tool" %}<tool_response>{{ m.content }}</tool_response>{% else %}{{ m.content }}{% endif %}
{%- for call in m.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="module")
def talker(make_model: Any) -> hearth.Model:
    return hearth.Model(make_model("--context", "8192"), progress=False)


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Place(pydantic.BaseModel):
    town: Annotated[str, pydantic.StringConstraints(max_length=8)]


def weather(place: Place, unit: Unit = Unit.C, days: Literal[1, 2] = 1) -> dict[str, Any]:
    """Tells the weather.

    Args:
        place: where it is
            asked for
        unit: of temperatures
    """
    assert isinstance(place, Place) and isinstance(unit, Unit)
    return {"town": place.town, "degrees": 21, "unit": unit.value, "days": days}


def test_definitions_come_from_signatures() -> None:
    function = hearth.Tool(weather).definition["function"]
    assert (function["name"], function["description"]) == ("weather", "Tells the weather.")
    parameters = function["parameters"]
    assert parameters["required"] == ["place"] and parameters["additionalProperties"] is False
    assert parameters["properties"]["place"]["description"] == "where it is asked for"
    assert parameters["properties"]["place"]["properties"]["town"]["maxLength"] == 8
    assert parameters["properties"]["unit"] == {"enum": ["celsius", "fahrenheit"], "description": "of temperatures"}
    assert parameters["properties"]["days"] == {"enum": [1, 2]}
    assert hearth.Tool(weather).arguments({"place": {"town": "Ulm"}})["place"] == Place(town="Ulm")
    with pytest.raises(TypeError):
        hearth.Tool(weather).arguments({})

    def star(*args: int) -> None: ...

    with pytest.raises(TypeError, match="args"):
        hearth.Tool(star)


def test_schemas_of_types() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        tags: list[str] = dataclasses.field(default_factory=list)

    assert hearth.schema_of(Point)["required"] == ["x"]
    assert hearth.schema_of(Optional[int]) == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert hearth.schema_of(dict[str, float]) == {"type": "object", "additionalProperties": {"type": "number"}}
    assert hearth.schema_of(tuple[int, str])["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert hearth.schema_of(Annotated[int, "how many"]) == {"type": "integer", "description": "how many"}
    for wrong in (complex, dict[int, str]):
        with pytest.raises(TypeError):
            hearth.schema_of(wrong)


def test_the_models_own_template(tiny: hearth.Model) -> None:
    stream = tiny.chat("hello", max_tokens=12, seed=2)
    events = list(stream)
    assert isinstance(events[-1], hearth.TurnEnd) and events[-1].result.generated_tokens > 0
    assert stream.text() == "".join(str(e) for e in events) == str(stream)
    assert stream.message["role"] == "assistant" and stream.chat.messages[0] == {"role": "user", "content": "hello"}
    assert tiny.chat([{"role": "user", "content": "hello"}], max_tokens=12, seed=2).text() == stream.text()
    assert "".join(tiny.chat("hello", max_tokens=12, seed=2).texts()) == stream.text()
    rendered = tiny.tokenizer.render_chat([{"role": "user", "content": "hello"}])
    assert "hello" in rendered and tiny.tokenizer.chat_tokens([{"role": "user", "content": "hello"}])
    assert "hermes" in hearth.chat_dialects()
    assert "assistant" in stream._repr_html_() and "ChatStream" in repr(stream)


def test_conversations_compute_what_is_new_only(talker: hearth.Model) -> None:
    with talker.conversation("Be brief. " * 20, template=TEMPLATE, max_tokens=6, seed=1) as chat:
        chat.send("one").text()
        second = chat.send("two")
        text = second.text()
        assert second.results[0].reused_tokens > 100 > second.results[0].prompt_tokens
        assert [m["role"] for m in chat.messages] == ["system", "user", "assistant", "user", "assistant"]
        fresh = talker.chat(chat.messages[:-1], template=TEMPLATE, max_tokens=6, seed=1)
        assert fresh.text() == text
        fork = chat.fork()
        fork.send("three").text()
        assert len(fork.messages) == 7 and len(chat.messages) == 5
        assert "Be brief" in chat._repr_html_() and "5 messages" in repr(chat)


def test_forced_calls_are_run(talker: hearth.Model) -> None:
    stream = talker.chat(
        "weather?", tools=[weather], tool_choice="required", run_tools=True, max_rounds=2, template=TEMPLATE, max_tokens=300, seed=5
    )
    events = list(stream)
    call = next(e for e in events if isinstance(e, hearth.ToolCall))
    assert call.complete and call.name == "weather" and call.id
    assert "".join(e.text for e in events if isinstance(e, hearth.ToolArguments)) and isinstance(call.arguments, dict)
    result = next(e for e in events if isinstance(e, hearth.ToolResult))
    assert result.error is None and result.call == call
    assert result.value["town"] == call.arguments["place"]["town"] == json.loads(result.text)["town"]
    roles = [m["role"] for m in stream.chat.messages]
    assert roles == ["user", "assistant", "tool", "assistant"]
    assert stream.chat.messages[2]["tool_call_id"] == call.id and stream.calls[0] == call
    assert len(stream.results) == 2


def test_calls_are_left_to_the_host_unless_asked(talker: hearth.Model) -> None:
    definition = hearth.Tool(weather).definition
    stream = talker.chat("weather?", tools=[definition], tool_choice="weather", template=TEMPLATE, max_tokens=300, seed=6)
    events = list(stream)
    assert [type(e) for e in events if isinstance(e, (hearth.ToolBegin, hearth.ToolCall))] == [hearth.ToolBegin, hearth.ToolCall]
    assert stream.message["tool_calls"][0]["function"]["name"] == "weather"
    with pytest.raises(hearth.NotFoundError):
        list(talker.chat("x", tools=[weather], tool_choice="no_such_tool", template=TEMPLATE))
    with pytest.raises(ValueError, match="two tools"):
        talker.chat("x", tools=[weather, weather])
    with pytest.raises(ValueError, match="without tools"):
        talker.chat("x", tool_choice="required")
    with pytest.raises(TypeError, match="unknown options"):
        talker.chat("x", no_such_option=1)  # type: ignore[call-arg]


def test_tools_that_fail_tell_the_model(talker: hearth.Model) -> None:
    def lamp(on: bool) -> str:
        """Switches the lamp."""
        raise RuntimeError("the bulb is broken")

    stream = talker.chat("x", tools=[lamp], tool_choice="lamp", run_tools=True, max_rounds=1, template=TEMPLATE, max_tokens=100)
    result = next(e for e in stream if isinstance(e, hearth.ToolResult))
    assert isinstance(result.error, RuntimeError) and "bulb" in json.loads(result.text)["error"]
    assert "bulb" in stream.chat.messages[-1]["content"]


def test_asynchronous_tools(talker: hearth.Model) -> None:
    async def lamp(on: bool) -> bool:
        """Switches the lamp."""
        await asyncio.sleep(0)
        return not on

    options: Any = {"tools": [lamp], "tool_choice": "lamp", "run_tools": True, "max_rounds": 1, "template": TEMPLATE, "seed": 3}

    async def ask() -> list[Any]:
        return [event async for event in talker.chat("x", max_tokens=100, **options)]

    for events in (asyncio.run(ask()), list(talker.chat("x", max_tokens=100, **options))):
        result = next(e for e in events if isinstance(e, hearth.ToolResult))
        assert result.value is (not result.call.arguments["on"])


def test_asynchronous_tools_where_a_loop_runs(talker: hearth.Model) -> None:
    """A plain for in a notebook, whose cells run in a loop."""

    async def lamp(on: bool) -> bool:
        """Switches the lamp."""
        await asyncio.sleep(0)
        return not on

    async def cell() -> list[Any]:
        return list(
            talker.chat("x", tools=[lamp], tool_choice="lamp", run_tools=True, max_rounds=1, template=TEMPLATE, max_tokens=100, seed=3)
        )

    result = next(e for e in asyncio.run(cell()) if isinstance(e, hearth.ToolResult))
    assert result.error is None and result.value is (not result.call.arguments["on"])


def test_replies_are_left_and_taken_up_again(talker: hearth.Model) -> None:
    options: Any = {"template": TEMPLATE, "max_tokens": 20, "seed": 4, "ignore_eos": True}
    whole = talker.chat("one", **options).text()
    stream = talker.chat("one", **options)
    first = next(stream)
    for event in stream:
        break

    async def rest() -> list[Any]:
        return [event async for event in stream]

    asyncio.run(rest())
    assert stream.text() == whole and str(first) and len(stream.results) == 1


def test_a_broken_off_reply_is_cancelled_by_the_next(talker: hearth.Model) -> None:
    with talker.conversation(template=TEMPLATE, max_tokens=20, seed=4, ignore_eos=True) as chat:
        left = chat.send("one")
        next(left)
        assert chat.send("two").text()
        assert list(left) == [] and left.results == []
        assert [m["role"] for m in chat.messages] == ["user", "user", "assistant"]
        for event in chat.send("three"):
            break
        assert chat.send("four").text()  # what was dropped holds nothing up
        with chat.send("five") as stream:
            next(stream)
        assert len(chat.session) > 0  # it is free
        stopped = chat.send("six")
        next(stopped)
        stopped.cancel()
        end = list(stopped)[-1]
        assert isinstance(end, hearth.TurnEnd) and end.result.finish == "cancelled" and chat.messages[-1] is end.message


def test_answers_of_a_schema(talker: hearth.Model) -> None:
    stream = talker.chat("where?", schema=Place, template=TEMPLATE, max_tokens=200, seed=9)
    assert isinstance(stream.value(), Place) and json.loads(stream.message["content"]) == stream.value().model_dump()


def test_reasoning_is_apart(talker: hearth.Model) -> None:
    template = TEMPLATE.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>\n{% endif %}")
    stream = talker.chat("x", template=template, regex=r"[a-d]{5}</think>[e-h]{4}", seed=1)
    events = list(stream)
    assert any(isinstance(e, hearth.Reasoning) for e in events)
    assert len(stream.reasoning.strip()) == 5 and len(stream.text().strip()) == 4
    assert stream.message["reasoning_content"].strip() == stream.reasoning.strip()
