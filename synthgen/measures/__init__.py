"""What scores of any kind of data are made of: descriptions, intervals, p-values, read-outs of attacks."""
