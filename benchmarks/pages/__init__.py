"""Pages and figures made from the JSON records, without measuring."""
