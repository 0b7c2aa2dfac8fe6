"""Mutation testing: does a test fail when one token of the compiler or of the runtime is wrong?"""
