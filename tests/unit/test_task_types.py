"""The registry: refusals at import, and validation of payloads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from chalicelib.domain.errors import Invalid
from chalicelib.domain.task_types import Lane, TaskContext, TaskTypes


class Item(BaseModel):
    count: int = Field(gt=0)


class Order(BaseModel):
    items: list[Item]
    names: dict[str, int] = Field(default_factory=dict)


def handler(payload: Order, context: TaskContext) -> str:
    """Take an order.

    The rest is for readers of the code.
    """
    return "taken"


@pytest.fixture
def types() -> TaskTypes:
    return TaskTypes()


class TestRegistration:
    def test_the_function_stays_a_plain_function(self, types: TaskTypes) -> None:
        assert types.task_type("shop.order", payload=Order)(handler) is handler

    def test_a_type_has_defaults_and_the_functions_first_line(self, types: TaskTypes) -> None:
        types.task_type("shop.order", payload=Order)(handler)
        found = types.get("shop.order")
        assert (found.lane, found.max_attempts, found.timeout_seconds) == (Lane.FAST, 5, 60.0)
        assert found.description == "Take an order."

    def test_types_are_listed_by_name(self, types: TaskTypes) -> None:
        for name in ("b", "c.x", "a"):
            types.task_type(name, payload=Order)(handler)
        assert [each.name for each in types] == ["a", "b", "c.x"]

    @pytest.mark.parametrize("name", ["order", "shop.order", "a1.b_2", "x" * 100])
    def test_valid_names_are_accepted(self, types: TaskTypes, name: str) -> None:
        types.task_type(name, payload=Order)(handler)
        assert types.find(name) is not None

    @pytest.mark.parametrize(
        "name",
        ["", "Shop", "shop..order", ".order", "order.", "1st", "a b", "a-b", "é", "order\n", "x" * 101],
    )
    def test_invalid_names_are_refused(self, types: TaskTypes, name: str) -> None:
        with pytest.raises(ValueError, match="lower case words joined by dots"):
            types.task_type(name, payload=Order)

    def test_a_name_is_registered_once(self, types: TaskTypes) -> None:
        types.task_type("shop.order", payload=Order)(handler)
        with pytest.raises(
            ValueError, match=f"'shop.order': it is registered twice; the other is {__name__}.handler$"
        ):
            types.task_type("shop.order", payload=Order)(handler)

    @pytest.mark.parametrize("attempts", [0, -1, 26])
    def test_attempts_have_a_range(self, types: TaskTypes, attempts: int) -> None:
        with pytest.raises(ValueError, match=f"max_attempts={attempts}: from 1 to 25"):
            types.task_type("shop.order", payload=Order, max_attempts=attempts)

    @pytest.mark.parametrize(
        ("lane", "seconds", "limit"),
        [("fast", 0, 100), ("fast", 100.5, 100), ("fast", float("nan"), 100), ("long", 841, 840)],
    )
    def test_a_timeout_fits_its_lane(self, types: TaskTypes, lane: str, seconds: float, limit: int) -> None:
        with pytest.raises(ValueError, match=f"from 1 to {limit} in the {lane} lane"):
            types.task_type("shop.order", payload=Order, lane=lane, timeout_seconds=seconds)

    def test_a_timeout_that_only_the_long_lane_allows_names_that_lane(self, types: TaskTypes) -> None:
        with pytest.raises(ValueError, match=r"from 1 to 100 in the fast lane; lane='long' allows 840$"):
            types.task_type("shop.order", payload=Order, timeout_seconds=200)

    def test_there_are_two_lanes(self, types: TaskTypes) -> None:
        with pytest.raises(ValueError, match="slow"):
            types.task_type("shop.order", payload=Order, lane="slow")

    @pytest.mark.parametrize("payload", [dict, str, None, Order(items=[]), "Order"])
    def test_a_payload_is_a_pydantic_model(self, types: TaskTypes, payload: Any) -> None:
        with pytest.raises(ValueError, match="a pydantic model is needed"):
            types.task_type("shop.order", payload=payload)

    def test_a_refused_type_is_not_registered(self, types: TaskTypes) -> None:
        with pytest.raises(ValueError, match="max_attempts"):
            types.task_type("shop.order", payload=Order, max_attempts=0)
        assert types.find("shop.order") is None


class TestLookup:
    def test_an_unknown_type_lists_the_known_ones(self, types: TaskTypes) -> None:
        types.task_type("a", payload=Order)(handler)
        types.task_type("b", payload=Order)(handler)
        with pytest.raises(Invalid) as refused:
            types.get("nope")
        assert "known are a, b" in refused.value.errors[0].message
        assert str(refused.value).endswith("/type: unknown task type 'nope'; known are a, b")

    def test_a_removed_type_has_the_fast_lane(self, types: TaskTypes) -> None:
        types.task_type("slow.one", payload=Order, lane="long")(handler)
        assert (types.lane_of("slow.one"), types.lane_of("gone")) == ("long", "fast")


class TestPayload:
    @pytest.fixture(autouse=True)
    def order(self, types: TaskTypes) -> None:
        types.task_type("shop.order", payload=Order)(handler)

    def test_a_payload_is_passed_as_its_model(self, types: TaskTypes) -> None:
        assert types.get("shop.order").parse({"items": [{"count": 1}]}) == Order(items=[Item(count=1)])

    @pytest.mark.parametrize(
        ("payload", "pointers"),
        [
            ({}, ["/payload/items"]),
            (
                {"items": [{"count": 1}, {"count": 0}, {}]},
                ["/payload/items/1/count", "/payload/items/2/count"],
            ),
            ({"items": [], "names": {"a/b~c": "x"}}, ["/payload/names/a~1b~0c"]),
            ([], ["/payload"]),
        ],
    )
    def test_each_wrong_field_has_its_pointer(
        self, types: TaskTypes, payload: Any, pointers: list[str]
    ) -> None:
        with pytest.raises(Invalid) as refused:
            types.get("shop.order").parse(payload, "/payload")
        assert [error.pointer for error in refused.value.errors] == pointers

    def test_no_value_of_a_payload_is_repeated_in_an_error(self, types: TaskTypes) -> None:
        with pytest.raises(Invalid) as refused:
            types.get("shop.order").parse({"items": [{"count": "s3cret"}], "names": {"k": "s3cret"}})
        assert "s3cret" not in f"{refused.value.detail} {refused.value.errors}"
