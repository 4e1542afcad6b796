// unpack
