"""Reports of many runs: ablations, IsoFLOP studies and sweeps."""
