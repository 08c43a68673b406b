"""Moments and z-scores of channels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.scaling import ChannelMoments, Standardizer


def test_merged_moments_equal_those_of_all_rows():
    random = np.random.default_rng(0)
    values = random.normal(size=(90, 5)) * [1, 1e-9, 1e300, 0, 1] + [1e8, 3, 1e305, 7, 0]
    values[random.random(values.shape) < 0.3] = np.nan
    values[:50, 4] = np.nan
    expected = Standardizer.fit(values)
    merged = (
        ChannelMoments.from_values(values[:20])
        .merge(ChannelMoments.from_values(values[20:60]))
        .merge(ChannelMoments.from_values(values[60:]))
    )
    channel = np.tile(np.arange(5), 90)
    by_row = ChannelMoments.from_rows(values[:20].ravel(), channel[:100], 3 + 2)
    for moments in (merged, by_row.merge(ChannelMoments.from_values(values[20:]))):
        standardizer = moments.to_standardizer()
        np.testing.assert_allclose(standardizer.mean, expected.mean, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(standardizer.scale, expected.scale, rtol=1e-6)
        assert standardizer.scale[3] == 1  # constant
    assert (
        ChannelMoments.from_values(values[:, :3]).pad(5).count
        == [*np.isfinite(values[:, :3]).sum(0), 0, 0]
    ).all()


@given(scale=st.sampled_from([1e-300, 1e-6, 1.0, 1e6, 1e300]), seed=st.integers(0, 99))
def test_standardizer_against_numpy(scale, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(30, 3)) + 5
    values[random.random(values.shape) < 0.2] = np.nan
    fitted = Standardizer.fit(values * scale)
    np.testing.assert_allclose(fitted.mean / scale, np.nanmean(values, 0), rtol=1e-12)
    np.testing.assert_allclose(fitted.scale / scale, np.nanstd(values, 0), rtol=1e-10)
    back = fitted.inverse_transform(fitted.transform(values * scale)) / scale
    np.testing.assert_allclose(back, values, rtol=1e-12)


def test_constant_and_empty_channels_keep_scale_1():
    fitted = Standardizer.fit(np.array([[3.0, np.nan], [3.0, np.nan]]))
    assert fitted.mean.tolist() == [3, 0]
    assert fitted.scale.tolist() == [1, 1]
    assert fitted.to_tensor(np.array([[4.0, 2.0]])).tolist() == [[1, 2]]
