"""Names of series that several columns name together."""

from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.key_names import join_key, split_key

parts = st.text(st.sampled_from("ab/\\ \nÄ"), min_size=1, max_size=4)


@given(st.lists(parts, min_size=1, max_size=4))
def test_names_split_into_their_parts(cells):
    assert split_key(join_key(cells), len(cells)) == tuple(cells)


@given(st.lists(st.lists(parts, min_size=2, max_size=2), unique_by=tuple, max_size=8))
def test_distinct_keys_have_distinct_names(keys):
    assert len({join_key(key) for key in keys}) == len(keys)
