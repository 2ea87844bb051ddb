"""A client for the command line: a file of prompts in, a folder of pictures with a manifest out."""
