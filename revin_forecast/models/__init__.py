"""Models around backbones: normalization, quantiles, intervals, ensembles and specifications."""
