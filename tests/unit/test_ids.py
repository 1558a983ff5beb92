"""Task ids: UUIDv7 of RFC 9562 that sort by time and carry their partition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.ids import (
    bucket_of,
    created_at,
    due_bucket_of,
    earliest_id,
    is_task_id,
    new_task_id,
)
from tests.support.examples import NOW, moments

random_bits = st.integers(0, 2**74 - 1)
buckets = st.integers(1, 256)


class TestLayout:
    def test_the_example_of_the_rfc(self) -> None:
        """RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC, rand_a CC3, rand_b 18C4DC0C0C07398F."""
        moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
        bits = (0xCC3 << 62) | 0x18C4DC0C0C07398F
        assert new_task_id(moment, bits, 256) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

    @given(moments, random_bits, buckets)
    def test_version_variant_and_milliseconds_are_where_the_rfc_has_them(
        self, moment: datetime, bits: int, partitions: int
    ) -> None:
        uuid = UUID(new_task_id(moment, bits, partitions))
        assert (uuid.version, uuid.variant) == (7, RFC_4122)
        assert created_at(str(uuid)) == moment

    @given(moments, random_bits)
    def test_all_other_bits_are_random(self, moment: datetime, bits: int) -> None:
        made = UUID(new_task_id(moment, bits, 256)).int
        assert (((made >> 64) & 0xFFF) << 62) | (made & (2**62 - 1)) == bits

    @given(moments, moments, random_bits, random_bits, buckets)
    def test_ids_sort_by_time(
        self, one: datetime, other: datetime, one_bits: int, other_bits: int, partitions: int
    ) -> None:
        if one != other:
            made = new_task_id(one, one_bits, partitions) < new_task_id(other, other_bits, partitions)
            assert made == (one < other)

    @given(moments, random_bits, buckets)
    def test_the_earliest_id_of_a_time_is_below_all_its_ids(
        self, moment: datetime, bits: int, partitions: int
    ) -> None:
        made = new_task_id(moment, bits, partitions)
        assert earliest_id(moment) <= made < earliest_id(moment + timedelta(milliseconds=1))


class TestBuckets:
    @given(moments, random_bits, buckets)
    def test_an_id_lies_in_one_of_its_buckets(self, moment: datetime, bits: int, partitions: int) -> None:
        made = new_task_id(moment, bits, partitions)
        assert bucket_of(made) == (bits & 0xFF) % partitions

    @given(random_bits, buckets)
    def test_a_task_lies_in_one_of_the_due_buckets(self, bits: int, partitions: int) -> None:
        assert due_bucket_of(new_task_id(NOW, bits, 4), partitions) in range(partitions)

    def test_the_two_partitions_of_a_task_are_independent(self) -> None:
        pairs = {
            (bucket_of(made), due_bucket_of(made, 4))
            for made in (new_task_id(NOW, bits, 4) for bits in range(0, 2**16, 17))
        }
        assert len(pairs) == 16

    @pytest.mark.parametrize("partitions", [0, -1, 257])
    def test_more_partitions_than_a_byte_holds_are_refused(self, partitions: int) -> None:
        with pytest.raises(ValueError, match="from 1 to 256"):
            new_task_id(NOW, 0, partitions)


class TestRecognition:
    @given(moments, random_bits, buckets)
    def test_generated_ids_are_recognized(self, moment: datetime, bits: int, partitions: int) -> None:
        assert is_task_id(new_task_id(moment, bits, partitions))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nope",
            "0190163d-8694-439b-aea5-966c26f8ad91",  # version 4
            "0190163d-8694-739b-cea5-966c26f8ad91",  # another variant
            "0190163D-8694-739B-AEA5-966C26F8AD91",
            "0190163d8694739baea5966c26f8ad91",
            "0190163d-8694-739b-aea5-966c26f8ad91\n",
            " 0190163d-8694-739b-aea5-966c26f8ad91",
            "0190163d-8694-739b-aea5-966c26f8ad9\uff11",  # a digit of another script
        ],
    )
    def test_other_text_is_not_recognized(self, text: str) -> None:
        assert not is_task_id(text)
