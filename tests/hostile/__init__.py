"""Files made to do harm: huge claims, bombs, lengths that lie; and a fuzzer of the loader."""
