"""Token shards into a trained model."""
